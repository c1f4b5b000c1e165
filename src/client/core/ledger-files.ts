/**
 * What this device knows of its archive's entries, in sealed files: how far it has read, the running hash there, and of each
 * entry its chat and its hash, a few thousand in a file.
 */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { CHAIN_HASH_BYTES, type Checkpoint, type EntryDigest } from "../../crypto/archive-chain.js";
import { MOST_ARCHIVE_ENTRIES } from "../../protocol/archive.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveId } from "../../protocol/ids.js";
import { ArchiveIdSchema, Binary, Counter } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";
import { LedgerSegment, SEGMENT_ENTRIES, SHORT_TAG_BYTES } from "./ledger-segment.js";

const FILE = "ledger";
const SEGMENT = "ledger-";
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

/** What is known, as it was read from the files, and what came to it since. */
class LedgerBook {
  readonly segments: LedgerSegment[] = [];
  /** Numbers of segments that are not on disk as they are here. */
  readonly changed = new Set<number>();
  /** What the files say up to where they go, when they were read or written last. */
  upTo: Checkpoint | null = null;
  /** Counters by the beginnings of tags; `null` until they are asked for. */
  #byTag: Map<string, number> | null = null;

  get count(): number {
    const last = this.segments.length - 1;
    return last < 0 ? 0 : last * SEGMENT_ENTRIES + (this.segments[last]?.length ?? 0);
  }

  /** Whether this is what the files hold that say so, and nothing besides. */
  is({ counter, hash }: Checkpoint): boolean {
    const { upTo, count } = this;
    return upTo?.counter === counter && count === counter && equalBytes(upTo.hash, hash);
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
    const state = await this.#readState();
    if (state !== null && this.#book.is(state)) return state;
    const book = new LedgerBook();
    const read = state !== null && (await this.#readInto(book, state.counter));
    if (read) book.upTo = state;
    this.#book = read ? book : new LedgerBook();
    return read ? state : null;
  }

  /**
   * Adds the entry behind the last one.
   *
   * @throws FastChatError `tooLarge` for more than any archive holds
   */
  add(digest: EntryDigest): void {
    if (this.#book.count >= MOST_ARCHIVE_ENTRIES) {
      throw new FastChatError(
        "tooLarge",
        `The archive tells of more than ${MOST_ARCHIVE_ENTRIES} entries; it is not compared any further.`,
      );
    }
    this.#book.add(digest);
  }

  /** How many entries are known, the first ones of the archive. */
  get count(): number {
    return this.#book.count;
  }

  /** Where the entry of that tag stands; `null` if none is known. */
  counterOf(entry: Uint8Array): number | null {
    return this.#book.counterOf(entry);
  }

  /** Writes down what was added: first the entries, then that they are known. */
  async save({ counter, hash, seen }: LedgerState): Promise<void> {
    const book = this.#book;
    const { segments, changed } = book;
    for (const number of changed) {
      const segment = segments[number];
      if (segment !== undefined) await this.#files.write(nameOf(number), segment.toBytes());
    }
    changed.clear();
    await this.#files.write(FILE, pack({ version: 1, archive: this.#archive, counter, hash, seen }));
    book.upTo = { counter, hash };
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

  async #readState(): Promise<LedgerState | null> {
    const bytes = await this.#readable(FILE);
    const state: unknown = bytes === null ? null : unpack(bytes);
    if (!states.Check(state) || state.archive !== this.#archive || state.counter > MOST_ARCHIVE_ENTRIES)
      return null;
    return { counter: state.counter, hash: state.hash, seen: state.seen };
  }

  /** @returns whether all entries up to a counter were there */
  async #readInto(book: LedgerBook, counter: number): Promise<boolean> {
    for (let number = 0; number * SEGMENT_ENTRIES < counter; number++) {
      // More may stand there than was told to be known.
      const expected = Math.min(SEGMENT_ENTRIES, counter - number * SEGMENT_ENTRIES);
      const stored = await this.#readable(nameOf(number));
      const segment = stored === null ? null : LedgerSegment.from(stored, expected);
      if (segment === null || segment.length < expected) return false;
      book.segments.push(segment);
    }
    return true;
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
