/** The search index on this device, in sealed files: the words of a few thousand entries of the archive in each. */
import MiniSearch, { type Options } from "minisearch";
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveId } from "../../protocol/ids.js";
import { ArchiveIdSchema, Counter } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";

const PREFIX = "search-";
const LOCK = "search";
/** Entries whose words stand in one file, as they are numbered in the archive. */
export const SEGMENT_ENTRIES = 4_096;
/** Digits of a segment's number in its name. */
const PLACES = 6;
/** Words of this length and longer are found by their beginnings, too. */
const LEAST_BEGINNING = 2;

const Stored = Type.Object({
  version: Type.Literal(1),
  archive: ArchiveIdSchema,
  /** All entries of the segment up to this counter were looked at. */
  upTo: Counter,
  /** Entries that could not be judged then, and so not be read. */
  waiting: Type.Optional(Type.Array(Counter, { maxItems: SEGMENT_ENTRIES })),
  /** As the index writes itself. */
  index: Type.String(),
});
const stored = Compile(Stored);

interface Indexed {
  /** Counter of the entry. */
  readonly id: number;
  readonly text: string;
}

const OPTIONS: Options<Indexed> = {
  fields: ["text"],
  processTerm: plain,
  searchOptions: { combineWith: "AND", prefix: (term) => term.length >= LEAST_BEGINNING },
};

/** The words of entries with consecutive counters. */
export class SearchSegment {
  constructor(
    readonly number: number,
    private readonly index: MiniSearch<Indexed>,
    public upTo: number,
    /** Counters of entries that could not be judged, and so not be read, when they were looked at. */
    readonly waiting = new Set<number>(),
  ) {}

  /** One that no file is made of. */
  static empty(): SearchSegment {
    return new SearchSegment(0, new MiniSearch(OPTIONS), 0);
  }

  /** Whether all its entries were looked at. */
  get complete(): boolean {
    return this.upTo >= (this.number + 1) * SEGMENT_ENTRIES;
  }

  add(counter: number, text: string): void {
    if (!this.index.has(counter)) this.index.add({ id: counter, text });
  }

  /** Takes an entry's words out. @returns whether there were any */
  discard(counter: number): boolean {
    const waited = this.waiting.delete(counter);
    if (!this.index.has(counter)) return waited;
    this.index.discard(counter);
    return true;
  }

  /** Counters of entries that have all these words, the newest first. */
  find(words: string): number[] {
    return this.index
      .search(words)
      .map(({ id }) => id as number)
      .sort((one, other) => other - one);
  }

  async toJson(): Promise<string> {
    // What was discarded leaves its words behind until then.
    await this.index.vacuum();
    return JSON.stringify(this.index);
  }
}

export class SearchFiles {
  readonly #files: DeviceFiles;
  readonly #archive: ArchiveId;

  constructor(files: DeviceFiles, archive: ArchiveId) {
    this.#files = files;
    this.#archive = archive;
  }

  /** Runs `work` while no other process of this device adds to the index. */
  withLock<T>(work: () => Promise<T>): Promise<T> {
    return this.#files.withLock(LOCK, work);
  }

  /** How many segments there are. */
  async count(): Promise<number> {
    return (await this.#files.list(PREFIX)).length;
  }

  /** A segment; an empty one where there is none, or it is damaged, or of another archive: it is made again. */
  async read(number: number): Promise<SearchSegment> {
    const start = number * SEGMENT_ENTRIES;
    try {
      const bytes = await this.#files.read(nameOf(number));
      const value: unknown = bytes === null ? null : unpack(bytes);
      if (stored.Check(value) && value.archive === this.#archive) {
        const index = MiniSearch.loadJSON(value.index, OPTIONS);
        return new SearchSegment(number, index, value.upTo, new Set(value.waiting));
      }
    } catch (error) {
      if (!(error instanceof FastChatError || error instanceof SyntaxError)) throw error;
    }
    return new SearchSegment(number, new MiniSearch(OPTIONS), start);
  }

  async write(segment: SearchSegment): Promise<void> {
    const { number, upTo, waiting } = segment;
    const index = await segment.toJson();
    const value = { version: 1, archive: this.#archive, upTo, waiting: [...waiting], index };
    await this.#files.write(nameOf(number), pack(value));
  }
}

/** Capitals, accents and other forms of a letter are that letter. */
function plain(term: string): string {
  return term.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function nameOf(number: number): string {
  return PREFIX + String(number).padStart(PLACES, "0");
}
