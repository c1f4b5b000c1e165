/**
 * The one ordered writer of a chat server to `bodies` and `deliveries` (PROTOCOL.md, "Writes"): what comes while one
 * batch commits makes the next (group commit). A batch whose outcome is unknown is written again before any later one;
 * one that is refused is halved until the row at fault stands alone.
 */
import type { Clock, Log } from "../../protocol/runtime.js";
import { isPassing, StoreError } from "../../store/database.js";
import {
  RECIPIENT_EXISTS,
  type Body,
  type Delivery,
  type DeliveryKey,
  type DeliveryStore,
} from "../../store/deliveries.js";
import { backoffMs } from "./backoff.js";

/**
 * How an insert ended: committed; committed in a batch of which something stood already, at a position that may be
 * lower than what was read since; or refused for good because the recipient has no account.
 */
export type WriteOutcome = "committed" | "repeated" | "refused";

/**
 * A row to be. It is made when its batch goes out: buffers that wait in the queue by the thousand make the collector
 * run whole collections, for memory that it cannot see into (kept-frame.ts).
 */
export interface QueuedRow {
  readonly key: DeliveryKey;
  /** About its size. */
  readonly bytes: number;
  /** Called for each try. `content` is the body's: it is made once, however many rows of a batch share it. */
  make(): { readonly delivery: Delivery; readonly content: () => Uint8Array };
}

interface Insert {
  readonly type: "insert";
  /** `null` once it is dropped: what nobody writes must not be kept until its turn comes. */
  row: QueuedRow | null;
  readonly done: (outcome: WriteOutcome) => void;
}
interface Removal {
  readonly type: "remove";
  readonly key: DeliveryKey;
}
type Write = Insert | Removal;

/** Takes a write back. */
export interface QueuedInsert {
  /** True if it had not been given to the database: then it never will be, and `done` is not called. */
  drop(): boolean;
  /** As {@link QueuedInsert.drop}; but one that was given to the database, and has not been committed, is not given again. */
  giveUp(): void;
}

export interface WriterOptions {
  readonly store: DeliveryStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Called to have `callback` run at the end of this turn, when more may have been queued. */
  readonly soon: (callback: () => void) => void;
}

export class DeliveryWriter {
  #queue: Write[] = [];
  /** Deliveries whose removal is queued behind every insert of theirs: once is enough. */
  readonly #removals = new Set<string>();
  /** Dropped inserts in the queue. */
  #dropped = 0;
  #running = false;
  #inFlight: readonly Write[] = [];
  readonly #idle: (() => void)[] = [];
  readonly #batchEnd: (() => void)[] = [];
  #closed = false;

  constructor(private readonly options: WriterOptions) {}

  /** Writes that are queued or on their way. */
  get pending(): number {
    return this.#queue.length + this.#inFlight.length;
  }

  insert(row: QueuedRow, done: (outcome: WriteOutcome) => void): QueuedInsert {
    const write: Insert = { type: "insert", row, done };
    this.#removals.delete(nameOf(row.key));
    this.#push(write);
    const drop = (): boolean => {
      if (write.row === null || this.#inFlight.includes(write)) return false;
      write.row = null;
      this.#dropped++;
      if (this.#dropped > this.options.maxRows && 2 * this.#dropped > this.#queue.length) this.#compact();
      return true;
    };
    return {
      drop,
      giveUp: () => {
        if (!drop()) write.row = null;
      },
    };
  }

  /**
   * Removes a delivery, after every insert that was queued before. A session that is parked and attached again is read
   * the same rows until they are gone, and acknowledges them each time: a slow database must not be asked each time.
   */
  remove(key: DeliveryKey): void {
    const name = nameOf(key);
    if (this.#closed || this.#removals.has(name)) return;
    this.#removals.add(name);
    this.#push({ type: "remove", key });
  }

  /**
   * As {@link DeliveryWriter.remove}, for a delivery that may not be there: anybody can acknowledge what was never sent.
   * A batch of removals may be queued; beyond that it is left out, and a row that was there is delivered once more.
   */
  removeIfAny(key: DeliveryKey): void {
    if (this.#removals.size < this.options.maxRows) this.remove(key);
  }

  /** Resolves once the batch that is on its way now is answered. */
  whenBatchEnds(): Promise<void> {
    if (this.#inFlight.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#batchEnd.push(resolve));
  }

  /** Resolves once nothing is queued or on its way. */
  whenIdle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Gives up what is not committed; nobody is told, as nothing of it was acknowledged. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#dropped = 0;
    this.#removals.clear();
  }

  #push(write: Write): void {
    if (this.#closed) return;
    this.#queue.push(write);
    if (this.#running) return;
    this.#running = true;
    this.options.soon(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      this.#inFlight = batch;
      await this.#write(batch);
      this.#inFlight = [];
      for (const resolve of this.#batchEnd.splice(0)) resolve();
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #takeBatch(): Write[] {
    this.#compact();
    const { maxRows, maxBytes } = this.options;
    let bytes = 0;
    let taken = 0;
    for (const write of this.#queue) {
      if (taken === maxRows || bytes > maxBytes) break;
      taken++;
      if (write.type === "insert") bytes += write.row?.bytes ?? 0;
    }
    const batch = this.#queue.slice(0, taken);
    for (const write of batch) if (write.type === "remove") this.#removals.delete(nameOf(write.key));
    this.#queue = this.#queue.slice(taken);
    return batch;
  }

  #compact(): void {
    if (this.#dropped === 0) return;
    this.#queue = this.#queue.filter((write) => write.type === "remove" || write.row !== null);
    this.#dropped = 0;
  }

  /** Writes a batch until it is committed or each of its refused rows is known. */
  async #write(batch: readonly Write[]): Promise<void> {
    for (let tries = 1; !this.#closed; tries++) {
      try {
        const { repeated } = await this.options.store.write(batchOf(batch));
        const outcome = repeated ? "repeated" : "committed";
        for (const write of batch) if (write.type === "insert") write.done(outcome);
        return;
      } catch (error) {
        if (error instanceof StoreError && error.kind === "rejected") return this.#halve(batch, error);
        // How the database fares is told where that is watched, once and not at each try.
        this.options.log[isPassing(error) ? "debug" : "warn"](
          { error: String(error), tries, rows: batch.length },
          "deliveries not written yet",
        );
        await this.#pause(tries);
      }
    }
  }

  async #halve(batch: readonly Write[], refusal: StoreError): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      const { constraint, reason, message } = refusal;
      if (constraint !== RECIPIENT_EXISTS) {
        this.options.log.error(
          { reason, constraint, why: message },
          "the database refuses a delivery for another reason than its recipient: a defect",
        );
      }
      if (only.type === "insert") only.done("refused");
      return;
    }
    const middle = batch.length >> 1;
    await this.#write(batch.slice(0, middle));
    await this.#write(batch.slice(middle));
  }

  #pause(tries: number): Promise<void> {
    const { clock, retryMinMs, retryMaxMs } = this.options;
    return new Promise((resolve) => clock.after(backoffMs(tries, retryMinMs, retryMaxMs), resolve));
  }
}

function nameOf({ recipient, sender, message }: DeliveryKey): string {
  return recipient + sender + message;
}

/** Removals come last in a batch: one that stands before an insert of the same key was acknowledged, so it may. */
function batchOf(writes: readonly Write[]): {
  bodies: Body[];
  deliveries: Delivery[];
  removals: DeliveryKey[];
} {
  const bodies = new Map<string, Body>();
  const deliveries: Delivery[] = [];
  const removals: DeliveryKey[] = [];
  for (const write of writes) {
    if (write.type === "remove") {
      removals.push(write.key);
    } else if (write.row !== null) {
      const { delivery, content } = write.row.make();
      const id = delivery.body;
      if (!bodies.has(id)) bodies.set(id, { id, content: content() });
      deliveries.push(delivery);
    }
  }
  return { bodies: [...bodies.values()], deliveries, removals };
}
