/** Group commit: what comes while a batch is under way makes the next one, so that batches grow with the load by themselves. */
import { atTickEnd } from "./tick.js";

export interface BatchesOptions<Item, Outcome> {
  /** @returns the outcome of each, in the order of `items`; where it throws, that is the outcome of all */
  readonly work: (items: readonly Item[]) => Promise<readonly Outcome[]>;
  /** Items of a batch, at most. */
  readonly most: number;
  /** Batches under way at the same time; 1 if missing. */
  readonly atOnce?: number;
  /** Items that have the same key go into batches one after the other. */
  readonly keyOf?: (item: Item) => string;
  /** Whether a failure may be the fault of one item: each of the batch is then tried by itself. */
  readonly isOnesFault?: (error: unknown) => boolean;
}

interface Waiting<Item, Outcome> {
  readonly item: Item;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export class Batches<Item, Outcome> {
  #queue: Waiting<Item, Outcome>[] = [];
  #underWay = 0;
  #isBeginning = false;

  constructor(private readonly options: BatchesOptions<Item, Outcome>) {}

  /** Items that are in no batch yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** @returns the item's outcome; it begins at the end of this turn of the event loop, with all that came in it */
  add(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject });
      this.#beginSoon();
    });
  }

  #beginSoon(): void {
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    atTickEnd(() => {
      this.#isBeginning = false;
      const { atOnce = 1 } = this.options;
      while (this.#underWay < atOnce && this.#queue.length > 0) {
        this.#begin(this.#take(Math.ceil(this.#queue.length / (atOnce - this.#underWay))));
      }
    });
  }

  #begin(batch: readonly Waiting<Item, Outcome>[]): void {
    this.#underWay++;
    void this.#run(batch).finally(() => {
      this.#underWay--;
      if (this.#queue.length > 0) this.#beginSoon();
    });
  }

  /** The first ones, but for those whose key is in the batch already. */
  #take(share: number): Waiting<Item, Outcome>[] {
    const { most, keyOf } = this.options;
    const size = Math.min(most, share);
    if (keyOf === undefined) return this.#queue.splice(0, size);
    const keys = new Set<string>();
    const batch: Waiting<Item, Outcome>[] = [];
    const left: Waiting<Item, Outcome>[] = [];
    for (const waiting of this.#queue) {
      const key = keyOf(waiting.item);
      if (batch.length < size && !keys.has(key)) batch.push(waiting);
      else left.push(waiting);
      keys.add(key);
    }
    this.#queue = left;
    return batch;
  }

  async #run(batch: readonly Waiting<Item, Outcome>[]): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.options.work(batch.map(({ item }) => item));
      if (outcomes.length !== batch.length) throw new RangeError("a batch has another number of outcomes");
    } catch (error) {
      if (batch.length > 1 && this.options.isOnesFault?.(error) === true) {
        for (const one of batch) await this.#run([one]);
      } else for (const { reject } of batch) reject(error);
      return;
    }
    outcomes.forEach((outcome, at) => batch[at]?.resolve(outcome));
  }
}
