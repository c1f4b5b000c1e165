/**
 * Searching the history: by an index that lies on this device, since the archive cannot read what it holds. It is brought up
 * to the newest entry before each search; the first time that reads everything.
 */
import { MAX_ENTRIES, MOST_ARCHIVE_ENTRIES } from "../../protocol/archive.js";
import { FastChatError } from "../../protocol/errors.js";
import type { PageEntry } from "./archive.js";
import { lineOf, withReceipts, type Line, type LineContext } from "./history-lines.js";
import type { HistoryEntry } from "./messages.js";
import { SEGMENT_ENTRIES, SearchSegment, type SearchFiles } from "./search-files.js";

export interface SearchContext extends LineContext {
  readonly files: SearchFiles;
  /** Entries with a counter up to this one are not shown here. */
  readonly historyAfter: () => number;
}

export class Search {
  constructor(private readonly context: SearchContext) {}

  /**
   * The newest entries that have all of these words, or words that begin so.
   *
   * @param onProgress told how far the index has got
   * @returns oldest first, at most `limit`
   * @throws FastChatError `badRequest` without a word; what the archive answers
   */
  async find(
    words: string,
    limit: number,
    onProgress: (counter: number) => void = () => undefined,
  ): Promise<HistoryEntry[]> {
    const { files } = this.context;
    if (!/[\p{L}\p{N}]/u.test(words)) throw new FastChatError("badRequest", "Give a word to search for.");
    // QuickChat leaves nothing of the history behind, and looks through what is shown only.
    if (this.context.historyAfter() > 0) return this.#findShown(words, limit);
    await this.#readOn(onProgress);
    const lines: Line[] = [];
    const last = (await files.count()) - 1;
    for (let number = last; number >= 0 && lines.length < limit; number--) {
      let segment = await files.read(number);
      const damaged = number < last && !segment.complete;
      if (damaged || segment.waiting.size > 0) segment = await this.#mend(number, onProgress);
      await this.#findIn(segment, words, limit, lines);
    }
    return withReceipts(this.context, lines.reverse());
  }

  /**
   * Takes the words of entries out of the index.
   *
   * @param counters descending
   */
  forget(counters: readonly number[]): Promise<void> {
    const { files } = this.context;
    return files.withLock(async () => {
      const numbers = new Set(counters.map((counter) => Math.floor((counter - 1) / SEGMENT_ENTRIES)));
      for (const number of numbers) {
        const segment = await files.read(number);
        const discarded = counters.filter((counter) => segment.discard(counter));
        if (discarded.length > 0) await files.write(segment);
      }
    });
  }

  async #findIn(segment: SearchSegment, words: string, limit: number, lines: Line[]): Promise<void> {
    const gone: number[] = [];
    for (const counter of segment.find(words)) {
      if (lines.length >= limit || counter <= this.context.historyAfter()) break;
      const entry = await this.#entryAt(counter);
      const line = entry === null ? null : await lineOf(this.context, entry);
      if (line?.direction === "sent" || line?.direction === "received") lines.push(line);
      else if (line === null && (await this.#isDeleted(counter))) gone.push(counter);
    }
    if (gone.length > 0) await this.forget(gone);
  }

  /** Another device may have deleted it. */
  async #isDeleted(counter: number): Promise<boolean> {
    const { deletions, ledger } = this.context;
    const chat = await ledger.chatOf(counter);
    return chat !== null && (await deletions.covers(counter, chat));
  }

  async #entryAt(counter: number): Promise<PageEntry | null> {
    const { entries } = await this.context.archive.read({ type: "before", before: counter + 1, limit: 1 });
    const [entry] = entries;
    return entry?.counter === counter ? entry : null;
  }

  /** Makes a damaged segment whole, and reads what could not be read before. */
  #mend(number: number, onProgress: (counter: number) => void): Promise<SearchSegment> {
    const { files } = this.context;
    return files.withLock(async () => {
      const segment = await files.read(number);
      await this.#fill(segment, onProgress);
      let changed = false;
      for (const counter of [...segment.waiting]) {
        const entry = await this.#entryAt(counter);
        const line = entry === null ? null : await lineOf(this.context, entry);
        if (line?.direction === "waiting") continue;
        segment.waiting.delete(counter);
        if (line !== null && line.text !== "") segment.add(counter, line.text);
        changed = true;
      }
      if (changed) await files.write(segment);
      return segment;
    });
  }

  /** Without files: what came since this device logged in is little. */
  async #findShown(words: string, limit: number): Promise<HistoryEntry[]> {
    const { archive, historyAfter } = this.context;
    const shown = new Map<number, Line>();
    const index = SearchSegment.empty();
    let after = historyAfter();
    for (let more = true; more;) {
      const page = await archive.read({ type: "after", after, limit: MAX_ENTRIES });
      for (const entry of page.entries) {
        if (entry.counter <= after)
          throw new FastChatError("badFrame", "The archive's page is not in order.");
        after = entry.counter;
        const line = await lineOf(this.context, entry);
        if (line?.direction !== "sent" && line?.direction !== "received") continue;
        shown.set(after, line);
        index.add(after, line.text);
      }
      more = page.more && page.entries.length > 0;
    }
    const found = index.find(words).slice(0, limit).reverse();
    return withReceipts(
      this.context,
      found.flatMap((counter) => shown.get(counter) ?? []),
    );
  }

  /** Adds what came since the last search. */
  #readOn(onProgress: (counter: number) => void): Promise<void> {
    const { files } = this.context;
    return files.withLock(async () => {
      let segment = await files.read(Math.max(0, (await files.count()) - 1));
      for (let more = true; more;) {
        if (segment.complete) segment = await files.read(segment.number + 1);
        more = await this.#fill(segment, onProgress);
      }
    });
  }

  /** Reads a segment to its end, or to that of the archive. @returns whether there are more entries */
  async #fill(segment: SearchSegment, onProgress: (counter: number) => void): Promise<boolean> {
    const before = segment.upTo;
    let more = true;
    while (more && !segment.complete) {
      const room = (segment.number + 1) * SEGMENT_ENTRIES - segment.upTo;
      const page = await this.context.archive.read({
        type: "after",
        after: segment.upTo,
        limit: Math.min(MAX_ENTRIES, room),
      });
      for (const entry of page.entries) {
        if (entry.counter <= segment.upTo)
          throw new FastChatError("badFrame", "The archive's page is not in order.");
        // One that numbered them so would have as many files written here.
        if (entry.counter > MOST_ARCHIVE_ENTRIES)
          throw new FastChatError("badFrame", "The archive numbers its entries higher than any does.");
        // What lies beyond belongs to the next.
        if (entry.counter > (segment.number + 1) * SEGMENT_ENTRIES) break;
        const line = await lineOf(this.context, entry);
        if (line?.direction === "waiting") segment.waiting.add(entry.counter);
        else if (line !== null && line.text !== "") segment.add(entry.counter, line.text);
        segment.upTo = entry.counter;
      }
      more = page.more && page.entries.length > 0;
      const last = page.entries.at(-1)?.counter ?? 0;
      if (last > (segment.number + 1) * SEGMENT_ENTRIES)
        segment.upTo = (segment.number + 1) * SEGMENT_ENTRIES;
      onProgress(segment.upTo);
    }
    if (segment.upTo > before) await this.context.files.write(segment);
    return more;
  }
}
