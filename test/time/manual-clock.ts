/** A clock that stands until it is told to go on. */
import type { Clock, Timer } from "../../src/protocol/runtime.js";

interface Due {
  readonly at: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  #timers: Due[] = [];

  /** @param start milliseconds since 1970 */
  constructor(start = 1_700_000_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): Timer {
    const due = { at: this.#now + ms, callback };
    this.#timers.push(due);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((timer) => timer !== due);
      },
    };
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Lets so many milliseconds pass; timers fire in the order they are due, those of one moment in the order they were set. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers
        .filter(({ at }) => at <= end)
        .reduce<Due | null>((first, timer) => (first === null || timer.at < first.at ? timer : first), null);
      if (next === null) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}
