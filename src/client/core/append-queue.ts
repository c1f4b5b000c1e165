/** Entries on their way into the archive: one batch at a time, in the order they were given. */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError, errorRecord, type ErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import type { ArchiveConnection } from "./archive-connection.js";

export interface NewEntry {
  /** 32 bytes. */
  readonly chat: Uint8Array;
  /** 32 bytes. */
  readonly entry: Uint8Array;
  /** 32 bytes: where an entry of that tag stands, this one is not added. */
  readonly unless?: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface Appended {
  readonly counter: number;
  /** The archive had an entry of that tag; this one was not added. */
  readonly had: boolean;
}

export interface AppendQueuePorts {
  /** The archive, open; `null` while it is away. */
  readonly connection: () => ArchiveConnection | null;
  /** Whether it is closed for good. */
  readonly isClosed: () => boolean;
  /** An entry was added, and has that counter. */
  readonly onAdded: (counter: number) => void;
  /** Waits before something is tried again. */
  readonly pause: (tries: number) => Promise<void>;
  /** It takes nothing although it is there, for that reason; or, with `null`, takes entries again. */
  readonly onRefused: (why: ErrorRecord | null) => void;
}

/** The most bytes of entries in one batch: well below what the archive takes in a frame. */
const BATCH_BYTES = 1024 * 1024;

/** What the archive says of entries that it never takes. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(["tooLarge", "badRequest", "badFrame"]);

interface WaitingAppend {
  readonly entry: NewEntry;
  readonly resolve: (result: Appended) => void;
  readonly reject: (error: FastChatError) => void;
}

export class AppendQueue {
  readonly #ports: AppendQueuePorts;
  readonly #queue: WaitingAppend[] = [];
  #appending = false;
  /** 1 after a batch was refused, so that the entry at fault is found. */
  #batchEntries = MAX_ENTRIES;
  /** Why it takes nothing although it is there, as for being full. */
  #refusal: ErrorRecord | null = null;
  /** Counters of entries given here that whoever follows the archive has not come past yet; `null` if nobody does. */
  #own: Set<number> | null = null;

  constructor(ports: AppendQueuePorts) {
    this.#ports = ports;
  }

  get refusal(): ErrorRecord | null {
    return this.#refusal;
  }

  /** Puts an entry behind those given before it. @returns once it is committed */
  add(entry: NewEntry): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, resolve, reject });
      void this.run();
    });
  }

  rejectAll(reason: FastChatError): void {
    for (const { reject } of this.#queue.splice(0)) reject(reason);
  }

  /** From here on it is remembered which entries were given here. */
  remember(): void {
    this.#own ??= new Set();
  }

  /** Whether the entry of that counter was given here, whether or not another device had added it before. */
  isOwn(counter: number): boolean {
    return this.#own?.has(counter) ?? false;
  }

  /** Whoever follows knows all up to a counter. @returns up to where it so knows all, with what was added here */
  comePast(counter: number): number {
    const own = this.#own ?? new Set();
    let known = counter;
    while (own.has(known + 1)) known += 1;
    for (const each of own) if (each <= known) own.delete(each);
    return known;
  }

  /** Appends what waits, as long as there is a connection. */
  async run(): Promise<void> {
    if (this.#appending) return;
    this.#appending = true;
    let tries = 0;
    while (this.#queue.length > 0) {
      const connection = this.#ports.connection();
      if (connection === null) break;
      const batch = this.#nextBatch();
      try {
        const { results } = await connection.request(
          { type: "append", entries: batch.map(({ entry }) => ({ ...entry })) },
          "appended",
        );
        if (results.length !== batch.length) {
          throw new FastChatError("badFrame", "The archive answered for another number of entries.");
        }
        tries = 0;
        this.#refused(null);
        this.#batchEntries = Math.min(MAX_ENTRIES, this.#batchEntries * 2);
        this.#queue.splice(0, batch.length);
        batch.forEach(({ resolve }, index) => {
          const { counter, had } = results[index] as (typeof results)[number];
          // What another device added before is known here, too: this one was about to add the same.
          this.#own?.add(counter);
          if (!had) this.#ports.onAdded(counter);
          resolve({ counter, had });
        });
      } catch (error) {
        if (this.#ports.isClosed()) break;
        if (!connection.alive) {
          // It may have been too much at once for the archive, which then hangs up.
          this.#batchEntries = Math.max(1, batch.length >> 1);
          break;
        }
        tries += 1;
        await this.#afterRefusal(batch, error, tries);
      }
    }
    this.#appending = false;
  }

  /** What is refused for its form is refused for ever; everything else is tried again after a while. */
  async #afterRefusal(batch: readonly WaitingAppend[], error: unknown, tries: number): Promise<void> {
    const record = errorRecord(error);
    if (!REFUSALS.has(record.code)) {
      this.#refused(record);
      await this.#ports.pause(tries);
    } else if (batch.length > 1) {
      this.#batchEntries = 1;
    } else {
      this.#queue.shift();
      batch[0]?.reject(new FastChatError(record.code, record.message));
    }
  }

  #refused(why: ErrorRecord | null): void {
    if (why === null && this.#refusal === null) return;
    this.#refusal = why;
    this.#ports.onRefused(why);
  }

  #nextBatch(): WaitingAppend[] {
    const batch: WaitingAppend[] = [];
    let bytes = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.entry.sealed.length;
      if (batch.length > 0 && (batch.length >= this.#batchEntries || bytes > BATCH_BYTES)) break;
      batch.push(waiting);
    }
    return batch;
  }
}
