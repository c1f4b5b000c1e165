/**
 * What this device knows of its archive's entries, in sealed files: how far it has read, the running hash there, and of each
 * entry its chat and its hash, a few thousand in a file.
 */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { CHAIN_HASH_BYTES, type Checkpoint, type EntryDigest } from "../../crypto/archive-chain.js";
import { ENTRY_HASH_BYTES, TAG_BYTES } from "../../protocol/archive.js";
import { concatBytes, toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveId } from "../../protocol/ids.js";
import { ArchiveIdSchema, Binary, Counter } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";

const FILE = "ledger";
const SEGMENT = "ledger-";
/** Entries in one file. */
export const SEGMENT_ENTRIES = 4_096;
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

/** Entries with consecutive counters. */
class LedgerSegment {
  readonly #places = new Map<string, number>();
  readonly chats: Uint8Array[] = [];
  readonly chatOf: number[] = [];
  readonly hashes: Uint8Array[] = [];
  readonly tags: Uint8Array[] = [];

  /** @param tag the beginning of the entry's */
  add(chat: Uint8Array, hash: Uint8Array, tag: Uint8Array): void {
    const key = toHex(chat);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.chats.push(chat) - 1;
      this.#places.set(key, place);
    }
    this.chatOf.push(place);
    this.hashes.push(hash);
    this.tags.push(tag);
  }

  /** The place of a chat among those here; -1 if it has no entry here. */
  placeOf(chat: Uint8Array): number {
    return this.#places.get(toHex(chat)) ?? -1;
  }

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
    const chatOf = new Uint8Array(2 * this.chatOf.length);
    this.chatOf.forEach((place, index) => chatOf.set([place >> 8, place & 0xff], 2 * index));
    const hashes = concatBytes(...this.hashes);
    return pack({ version: 1, chats: this.chats, chatOf, hashes, tags: concatBytes(...this.tags) });
  }
}

export class LedgerFiles {
  readonly #files: DeviceFiles;
  readonly #archive: ArchiveId;
  readonly #segments = new Map<number, LedgerSegment>();
  /** Numbers of segments that are not on disk as they are here. */
  readonly #changed = new Set<number>();
  /** Entries that are known, on disk or not. */
  #count = 0;
  /** Counters by the beginnings of tags; `null` until they are asked for. */
  #byTag: Map<string, number> | null = null;

  constructor(files: DeviceFiles, archive: ArchiveId) {
    this.#files = files;
    this.#archive = archive;
  }

  /** Runs `work` while no other process of this device reads further. */
  withLock<T>(work: () => Promise<T>): Promise<T> {
    return this.#files.withLock(FILE, work);
  }

  /** How far this device has read; `null` if it has not begun, or its files are damaged or of another archive. */
  async load(): Promise<LedgerState | null> {
    this.#segments.clear();
    this.#changed.clear();
    this.#count = 0;
    this.#byTag = null;
    const bytes = await this.#readable(FILE);
    const state: unknown = bytes === null ? null : unpack(bytes);
    if (!states.Check(state) || state.archive !== this.#archive) return null;
    this.#count = state.counter;
    for (let number = 0; number * SEGMENT_ENTRIES < state.counter; number++) {
      const expected = Math.min(SEGMENT_ENTRIES, state.counter - number * SEGMENT_ENTRIES);
      if ((await this.#segment(number)).hashes.length < expected) {
        this.#segments.clear();
        this.#count = 0;
        return null;
      }
    }
    return { counter: state.counter, hash: state.hash, seen: state.seen };
  }

  /** Adds the entry behind the last one. */
  async add({ chat, entry, hash }: EntryDigest): Promise<void> {
    const number = Math.floor(this.#count / SEGMENT_ENTRIES);
    const tag = entry.slice(0, SHORT_TAG_BYTES);
    (await this.#segment(number)).add(chat, hash, tag);
    this.#changed.add(number);
    this.#count += 1;
    this.#byTag?.set(toHex(tag), this.#count);
  }

  /** Where the entry of that tag stands; `null` if none is known. */
  async counterOf(entry: Uint8Array): Promise<number | null> {
    if (this.#byTag === null) {
      this.#byTag = new Map();
      for (let counter = 1; counter <= this.#count; counter++) {
        const segment = await this.#segment(Math.floor((counter - 1) / SEGMENT_ENTRIES));
        const tag = segment.tags[(counter - 1) % SEGMENT_ENTRIES];
        if (tag !== undefined) this.#byTag.set(toHex(tag), counter);
      }
    }
    return this.#byTag.get(toHex(entry, 0, SHORT_TAG_BYTES)) ?? null;
  }

  /** Writes down what was added: first the entries, then that they are known. */
  async save({ counter, hash, seen }: LedgerState): Promise<void> {
    for (const number of this.#changed) {
      await this.#files.write(nameOf(number), (await this.#segment(number)).toBytes());
    }
    this.#changed.clear();
    await this.#files.write(FILE, pack({ version: 1, archive: this.#archive, counter, hash, seen }));
  }

  /** Forgets everything. */
  async forget(): Promise<void> {
    for (const name of [FILE, ...(await this.#files.list(SEGMENT))]) await this.#files.remove(name);
    await this.load();
  }

  /** What is known of an entry; `null` if it was not read yet. */
  async digestOf(counter: number): Promise<Pick<EntryDigest, "chat" | "hash"> | null> {
    if (counter < 1 || counter > this.#count) return null;
    const segment = await this.#segment(Math.floor((counter - 1) / SEGMENT_ENTRIES));
    const index = (counter - 1) % SEGMENT_ENTRIES;
    const chat = segment.chats[segment.chatOf[index] ?? -1];
    const hash = segment.hashes[index];
    return chat === undefined || hash === undefined ? null : { chat, hash };
  }

  /**
   * Counters of the known entries between two others, these left out.
   *
   * @param chat of this chat only, if it is given
   * @returns descending
   */
  async between(low: number, high: number, chat: Uint8Array | null): Promise<number[]> {
    const found: number[] = [];
    for (let counter = Math.min(high - 1, this.#count); counter > low;) {
      const number = Math.floor((counter - 1) / SEGMENT_ENTRIES);
      const segment = await this.#segment(number);
      const wanted = chat === null ? null : segment.placeOf(chat);
      const first = number * SEGMENT_ENTRIES;
      for (; counter > Math.max(low, first); counter--) {
        if (wanted === null || segment.chatOf[counter - 1 - first] === wanted) found.push(counter);
      }
    }
    return found;
  }

  async #segment(number: number): Promise<LedgerSegment> {
    let segment = this.#segments.get(number);
    if (segment === undefined) {
      const most = Math.min(SEGMENT_ENTRIES, this.#count - number * SEGMENT_ENTRIES);
      const bytes = most > 0 ? await this.#readable(nameOf(number)) : null;
      const stored: unknown = bytes === null ? null : unpack(bytes);
      segment = segments.Check(stored) ? LedgerSegment.from(stored, most) : new LedgerSegment();
      this.#segments.set(number, segment);
    }
    return segment;
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
