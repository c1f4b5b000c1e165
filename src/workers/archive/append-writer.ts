/**
 * The one writer of an archive thread (PROTOCOL.md, "Archive"): what comes from all clients while one batch commits
 * makes the next (group commit), in the order it came. A batch that the database could not take is tried again before
 * any later one; one that it refuses is halved until the append at fault stands alone.
 */
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveId } from "../../protocol/ids.js";
import type { Log } from "../../protocol/runtime.js";
import type { AppendOutcome, ArchiveStore, NewEntry } from "../../store/archive.js";
import { isPassing } from "../../store/database.js";
import type { Retries } from "./retries.js";

export interface AppendWriterOptions {
  readonly store: Pick<ArchiveStore, "append">;
  readonly retries: Retries;
  readonly log: Log;
  /** Runs a callback at the end of this turn, when more may have been queued. */
  readonly soon: (callback: () => void) => void;
  /** The most entries of a batch, unless a single append has more. */
  readonly maxRows: number;
  /** The most bytes of a batch, unless a single append has more. */
  readonly maxBytes: number;
  /** Bytes waiting from which appends are refused. */
  readonly maxQueuedBytes: number;
  /** The most entries of one archive. */
  readonly maxEntries: number;
}

interface QueuedAppend {
  readonly archive: ArchiveId;
  readonly entries: readonly NewEntry[];
  readonly bytes: number;
  /** Whether somebody still waits for the outcome. What nobody waits for need not be written: it will come again. */
  readonly wanted: () => boolean;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What an entry takes in memory beside its sealed bytes. */
const ENTRY_COST_BYTES = 256;

export class AppendWriter {
  #queue: QueuedAppend[] = [];
  #queuedBytes = 0;
  #running = false;
  #closed = false;
  /** Whether somebody left since the queue was last searched for what nobody waits for. */
  #someoneLeft = false;
  readonly #idle: (() => void)[] = [];

  constructor(private readonly options: AppendWriterOptions) {}

  /** Bytes that wait or are being written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Adds entries to an archive, all or none. Resolves once they are committed.
   *
   * @param wanted false once nobody waits for the outcome any more
   * @throws FastChatError `unavailable` if too much waits already, or the writer was closed; `internal` if the
   *   database refuses these entries for good
   */
  append(
    archive: ArchiveId,
    entries: readonly NewEntry[],
    wanted: () => boolean = () => true,
  ): Promise<AppendOutcome> {
    const bytes = entries.reduce((sum, { sealed }) => sum + sealed.length + ENTRY_COST_BYTES, 0);
    if (this.#queuedBytes + bytes > this.options.maxQueuedBytes) this.#forgetUnwanted();
    if (this.#closed || (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.options.maxQueuedBytes)) {
      return Promise.reject(busy());
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ archive, entries, bytes, wanted, resolve, reject });
      this.#queuedBytes += bytes;
      if (this.#running) return;
      this.#running = true;
      this.options.soon(() => void this.#run());
    });
  }

  /** A connection is gone; what it had waiting makes room when room is needed. */
  someoneLeft(): void {
    this.#someoneLeft = true;
  }

  /** Resolves once nothing waits and nothing is being written. */
  whenIdle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Gives up what is not committed; the pauses between tries end with {@link Retries.stop}. */
  close(): void {
    this.#closed = true;
    for (const append of this.#queue.splice(0)) this.#refuse(append, busy());
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#write(this.#takeBatch());
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #takeBatch(): QueuedAppend[] {
    const { maxRows, maxBytes } = this.options;
    let rows = 0;
    let bytes = 0;
    const end = this.#queue.findIndex((append, index) => {
      rows += append.entries.length;
      bytes += append.bytes;
      return index > 0 && (rows > maxRows || bytes > maxBytes);
    });
    return this.#queue.splice(0, end < 0 ? this.#queue.length : end);
  }

  /** Writes a batch until each of its appends is answered. */
  async #write(batch: readonly QueuedAppend[]): Promise<void> {
    let waiting = batch;
    for (let tries = 1; ; tries++) {
      waiting = this.#onlyWanted(waiting);
      if (waiting.length === 0) return;
      try {
        const outcomes = await this.options.store.append(waiting, this.options.maxEntries);
        waiting.forEach((append, index) => this.#answer(append, outcomes[index]));
        return;
      } catch (error) {
        if (!isPassing(error)) return this.#isolate(waiting, error);
        // How the database fares is told where that is watched, once and not at each try.
        this.options.log.debug({ error, tries, appends: waiting.length }, "entries are not written yet");
        await this.options.retries.pause(tries);
      }
    }
  }

  async #isolate(batch: readonly QueuedAppend[], error: unknown): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      this.options.log.error(
        { error, entries: only.entries.length },
        "an append was refused by the database",
      );
      this.#refuse(only, error);
      return;
    }
    const middle = batch.length >> 1;
    await this.#write(batch.slice(0, middle));
    await this.#write(batch.slice(middle));
  }

  #onlyWanted(appends: readonly QueuedAppend[]): readonly QueuedAppend[] {
    return appends.filter((append) => {
      if (!this.#closed && append.wanted()) return true;
      this.#refuse(append, busy());
      return false;
    });
  }

  #forgetUnwanted(): void {
    if (!this.#someoneLeft) return;
    this.#someoneLeft = false;
    this.#queue = [...this.#onlyWanted(this.#queue)];
  }

  #answer(append: QueuedAppend, outcome: AppendOutcome | undefined): void {
    if (outcome === undefined) return this.#refuse(append, new TypeError("an append without an outcome"));
    this.#queuedBytes -= append.bytes;
    append.resolve(outcome);
  }

  #refuse(append: QueuedAppend, error: unknown): void {
    this.#queuedBytes -= append.bytes;
    append.reject(error);
  }
}

function busy(): FastChatError {
  return new FastChatError("unavailable", "The archive cannot store anything at the moment; try again.");
}
