/** What a device knows of some thousand entries of its archive, packed as one file. */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import type { EntryDigest } from "../../crypto/archive-chain.js";
import { ENTRY_HASH_BYTES, TAG_BYTES } from "../../protocol/archive.js";
import { toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { Binary } from "../../protocol/schema.js";

/** Entries in one file. */
export const SEGMENT_ENTRIES = 4_096;
/** So much of a tag tells it from all others of an archive. */
export const SHORT_TAG_BYTES = 8;

const Segment = Type.Object({
  version: Type.Literal(1),
  chats: Type.Array(Binary(TAG_BYTES, TAG_BYTES), { maxItems: SEGMENT_ENTRIES }),
  /** Of each entry, the place of its chat among those: unsigned, two bytes, big-endian. */
  chatOf: Binary(0, 2 * SEGMENT_ENTRIES),
  /** Of each entry, its hash. */
  hashes: Binary(0, ENTRY_HASH_BYTES * SEGMENT_ENTRIES),
  /** Of each entry, the beginning of its tag. */
  tags: Binary(0, SHORT_TAG_BYTES * SEGMENT_ENTRIES),
});
const segments = Compile(Segment);

/** Entries with consecutive counters, as many as one file takes. */
export class LedgerSegment {
  readonly #places = new Map<string, number>();
  readonly #chats: Uint8Array[] = [];
  readonly #chatOf = new Uint16Array(SEGMENT_ENTRIES);
  readonly #hashes = new Uint8Array(ENTRY_HASH_BYTES * SEGMENT_ENTRIES);
  readonly #tags = new Uint8Array(SHORT_TAG_BYTES * SEGMENT_ENTRIES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param tag the beginning of the entry's */
  add(chat: Uint8Array, hash: Uint8Array, tag: Uint8Array): void {
    const key = toHex(chat);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#chats.push(chat) - 1;
      this.#places.set(key, place);
    }
    this.#chatOf[this.#length] = place;
    this.#hashes.set(hash, this.#length * ENTRY_HASH_BYTES);
    this.#tags.set(tag, this.#length * SHORT_TAG_BYTES);
    this.#length += 1;
  }

  /** The place of a chat among those here; -1 if it has no entry here. */
  placeOf(chat: Uint8Array): number {
    return this.#places.get(toHex(chat)) ?? -1;
  }

  /** The place of an entry's chat. */
  chatOf(index: number): number {
    return this.#chatOf[index] ?? -1;
  }

  /** @returns `null` where there is no such entry */
  digest(index: number): Pick<EntryDigest, "chat" | "hash"> | null {
    const chat = this.#chats[this.chatOf(index)];
    if (index >= this.#length || chat === undefined) return null;
    return { chat, hash: this.#hashes.subarray(index * ENTRY_HASH_BYTES, (index + 1) * ENTRY_HASH_BYTES) };
  }

  /** The beginning of an entry's tag. */
  tag(index: number): Uint8Array {
    return this.#tags.subarray(index * SHORT_TAG_BYTES, (index + 1) * SHORT_TAG_BYTES);
  }

  /**
   * @param bytes from {@link toBytes}
   * @param most as many entries are wanted of it
   * @returns `null` for what is no segment
   */
  static from(bytes: Uint8Array, most: number): LedgerSegment | null {
    const content: unknown = unpack(bytes);
    if (!segments.Check(content)) return null;
    const { chats, chatOf, hashes, tags } = content;
    const segment = new LedgerSegment();
    const count = Math.min(
      most,
      Math.floor(chatOf.length / 2),
      Math.floor(hashes.length / ENTRY_HASH_BYTES),
      Math.floor(tags.length / SHORT_TAG_BYTES),
    );
    for (let index = 0; index < count; index++) {
      const chat = chats[((chatOf[2 * index] ?? 0) << 8) | (chatOf[2 * index + 1] ?? 0)];
      if (chat === undefined) break;
      segment.add(
        chat,
        hashes.subarray(index * ENTRY_HASH_BYTES, (index + 1) * ENTRY_HASH_BYTES),
        tags.subarray(index * SHORT_TAG_BYTES, (index + 1) * SHORT_TAG_BYTES),
      );
    }
    return segment;
  }

  toBytes(): Uint8Array {
    const chatOf = new Uint8Array(2 * this.#length);
    for (let index = 0; index < this.#length; index++) {
      chatOf.set([this.chatOf(index) >> 8, this.chatOf(index) & 0xff], 2 * index);
    }
    return pack({
      version: 1,
      chats: this.#chats,
      chatOf,
      hashes: this.#hashes.subarray(0, this.#length * ENTRY_HASH_BYTES),
      tags: this.#tags.subarray(0, this.#length * SHORT_TAG_BYTES),
    });
  }
}
