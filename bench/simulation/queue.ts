/** A queue on the way from one place to another: what goes in comes out in its order, after a while. */
import type { VirtualClock } from "./virtual-clock.js";

/** Runs something where it belongs: at once, later, or never if that place is no more. */
export type Run = (work: () => void) => void;

export interface QueueOptions<T> {
  readonly clock: VirtualClock;
  /** How long the next item takes, in milliseconds. */
  readonly delay: () => number;
  readonly run: Run;
  readonly deliver: (item: T) => void;
}

export class DelayedQueue<T> {
  readonly #items: { readonly item: T; readonly at: number }[] = [];
  #lastAt = 0;
  #scheduled = false;
  #held = false;
  #closed = false;

  constructor(private readonly options: QueueOptions<T>) {}

  /** Items on their way. */
  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#closed) return;
    const { clock, delay } = this.options;
    this.#lastAt = Math.max(this.#lastAt, clock.now() + delay());
    this.#items.push({ item, at: this.#lastAt });
    this.#schedule();
  }

  /** Nothing comes out until {@link release}. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** What is on its way is lost, and nothing more goes in. */
  close(): void {
    this.#closed = true;
    this.#items.length = 0;
  }

  /** Loses what is on its way, from the `kept`th item on. @returns what was lost */
  cut(kept: number): T[] {
    return this.#items.splice(kept).map(({ item }) => item);
  }

  #schedule(): void {
    const [first] = this.#items;
    if (this.#scheduled || this.#held || first === undefined) return;
    this.#scheduled = true;
    const { clock, run } = this.options;
    clock.arrive(first.at - clock.now(), () => {
      run(() => this.#deliver());
    });
  }

  #deliver(): void {
    this.#scheduled = false;
    const { clock, deliver } = this.options;
    while (!this.#held && this.#items[0] !== undefined && this.#items[0].at <= clock.now()) {
      const { item } = this.#items.shift() as { item: T };
      deliver(item);
    }
    this.#schedule();
  }
}
