/**
 * What this device knows of its archive's entries, in sealed files: how far it has read, the running hash there, and of each
 * entry its chat and its hash, a few thousand in a file.
 */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { CHAIN_HASH_BYTES, type Checkpoint, type EntryDigest } from "../../crypto/archive-chain.js";
import { ENTRY_HASH_BYTES, TAG_BYTES } from "../../protocol/archive.js";
import { toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveId } from "../../protocol/ids.js";
import { ArchiveIdSchema, Binary, Counter } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";

const FILE = "ledger";
const SEGMENT = "ledger-";
/** Entries in one file. */
const SEGMENT_ENTRIES = 4_096;
/** More than an archive takes: one that tells of more is a liar, whose tale must end. */
const MOST_ENTRIES = 2 ** 24;
/** So much of a tag tells it from all others of an archive. */
const SHORT_TAG_BYTES = 8;
/** Digits of a segment's number in its name. */
const PLACES = 6;

const State = Type.Object({
  version: Type.Literal(1),
  archive: ArchiveIdSchema,
  counter: Counter,
  hash: Binary(CHAIN_HASH_BYTES, CHAIN_HASH_BYTES),
  /** Counters of the newest checkpoints that were seen, by where they are kept. */
  seen: Type.Object({ archive: Counter, service: Counter }),
});
const states = Compile(State);

export interface LedgerState extends Checkpoint {
  readonly seen: { readonly archive: number; readonly service: number };
}

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
class LedgerSegment {
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

  /** @param most as many entries are wanted of it */
  static from({ chats, chatOf, hashes, tags }: Type.Static<typeof Segment>, most: number): LedgerSegment {
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

/** What is known, as it was read from the files, and what came to it since. */
class LedgerBook {
  readonly segments: LedgerSegment[] = [];
  /** Numbers of segments that are not on disk as they are here. */
  readonly changed = new Set<number>();
  /** Counters by the beginnings of tags; `null` until they are asked for. */
  #byTag: Map<string, number> | null = null;

  get count(): number {
    const last = this.segments.length - 1;
    return last < 0 ? 0 : last * SEGMENT_ENTRIES + (this.segments[last]?.length ?? 0);
  }

  add({ chat, entry, hash }: EntryDigest): void {
    const number = Math.floor(this.count / SEGMENT_ENTRIES);
    const tag = entry.slice(0, SHORT_TAG_BYTES);
    const segment = (this.segments[number] ??= new LedgerSegment());
    segment.add(chat, hash, tag);
    this.changed.add(number);
    this.#byTag?.set(toHex(tag), this.count);
  }

  counterOf(entry: Uint8Array): number | null {
    if (this.#byTag === null) {
      this.#byTag = new Map();
      for (const [number, segment] of this.segments.entries()) {
        for (let index = 0; index < segment.length; index++) {
          this.#byTag.set(toHex(segment.tag(index)), number * SEGMENT_ENTRIES + index + 1);
        }
      }
    }
    return this.#byTag.get(toHex(entry, 0, SHORT_TAG_BYTES)) ?? null;
  }
}

export class LedgerFiles {
  readonly #files: DeviceFiles;
  readonly #archive: ArchiveId;
  #book = new LedgerBook();

  constructor(files: DeviceFiles, archive: ArchiveId) {
    this.#files = files;
    this.#archive = archive;
  }

  /** Runs `work` while no other process of this device reads further. */
  withLock<T>(work: () => Promise<T>): Promise<T> {
    return this.#files.withLock(FILE, work);
  }

  /**
   * Reads how far this device has got; what was known before is known until that is done.
   *
   * @returns `null` if it has not begun, or its files are damaged or of another archive
   */
  async load(): Promise<LedgerState | null> {
    const book = new LedgerBook();
    const state = await this.#readInto(book);
    this.#book = state === null ? new LedgerBook() : book;
    return state;
  }

  /**
   * Adds the entry behind the last one.
   *
   * @throws FastChatError `tooLarge` for more than any archive holds
   */
  add(digest: EntryDigest): void {
    if (this.#book.count >= MOST_ENTRIES) {
      throw new FastChatError(
        "tooLarge",
        `The archive tells of more than ${MOST_ENTRIES} entries; it is not compared any further.`,
      );
    }
    this.#book.add(digest);
  }

  /** Where the entry of that tag stands; `null` if none is known. */
  counterOf(entry: Uint8Array): number | null {
    return this.#book.counterOf(entry);
  }

  /** Writes down what was added: first the entries, then that they are known. */
  async save({ counter, hash, seen }: LedgerState): Promise<void> {
    const { segments, changed } = this.#book;
    for (const number of changed) {
      const segment = segments[number];
      if (segment !== undefined) await this.#files.write(nameOf(number), segment.toBytes());
    }
    changed.clear();
    await this.#files.write(FILE, pack({ version: 1, archive: this.#archive, counter, hash, seen }));
  }

  /** Forgets everything. */
  async forget(): Promise<void> {
    for (const name of [FILE, ...(await this.#files.list(SEGMENT))]) await this.#files.remove(name);
    this.#book = new LedgerBook();
  }

  /** What is known of an entry; `null` if it was not read yet. */
  digestOf(counter: number): Pick<EntryDigest, "chat" | "hash"> | null {
    if (counter < 1) return null;
    const segment = this.#book.segments[Math.floor((counter - 1) / SEGMENT_ENTRIES)];
    return segment?.digest((counter - 1) % SEGMENT_ENTRIES) ?? null;
  }

  /**
   * Counters of the known entries between two others, these left out.
   *
   * @param chat of this chat only, if it is given
   * @returns descending
   */
  between(low: number, high: number, chat: Uint8Array | null): number[] {
    const { segments, count } = this.#book;
    const found: number[] = [];
    for (let counter = Math.min(high - 1, count); counter > low;) {
      const number = Math.floor((counter - 1) / SEGMENT_ENTRIES);
      const segment = segments[number];
      const wanted = chat === null ? null : segment?.placeOf(chat);
      const first = number * SEGMENT_ENTRIES;
      for (; counter > Math.max(low, first); counter--) {
        if (wanted === null || segment?.chatOf(counter - 1 - first) === wanted) found.push(counter);
      }
    }
    return found;
  }

  async #readInto(book: LedgerBook): Promise<LedgerState | null> {
    const bytes = await this.#readable(FILE);
    const state: unknown = bytes === null ? null : unpack(bytes);
    if (!states.Check(state) || state.archive !== this.#archive || state.counter > MOST_ENTRIES) return null;
    for (let number = 0; number * SEGMENT_ENTRIES < state.counter; number++) {
      // More may stand there than was told to be known.
      const expected = Math.min(SEGMENT_ENTRIES, state.counter - number * SEGMENT_ENTRIES);
      const stored = await this.#readable(nameOf(number));
      const content: unknown = stored === null ? null : unpack(stored);
      if (!segments.Check(content)) return null;
      const segment = LedgerSegment.from(content, expected);
      if (segment.length < expected) return null;
      book.segments.push(segment);
    }
    return { counter: state.counter, hash: state.hash, seen: state.seen };
  }

  /** A damaged file is as good as none: everything in it can be read again. */
  async #readable(name: string): Promise<Uint8Array | null> {
    try {
      return await this.#files.read(name);
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return null;
      throw error;
    }
  }
}

function nameOf(number: number): string {
  return SEGMENT + String(number).padStart(PLACES, "0");
}
