/** Takes out of the database, from time to time, the bodies of messages that nobody's delivery names any more. */
import type { DeliveryStore } from "../../store/deliveries.js";

export interface BodySweeperOptions {
  readonly store: Pick<DeliveryStore, "sweep">;
  readonly everyMs: number;
  /** Bodies of one sweep, at most. */
  readonly maxRows: number;
  /** It is tried again in time. */
  readonly onFailed: (error: unknown) => void;
}

export class BodySweeper {
  #sweptAt: number;

  /** @param now milliseconds */
  constructor(
    private readonly options: BodySweeperOptions,
    now: number,
  ) {
    this.#sweptAt = now;
  }

  tick(now: number): void {
    const { store, everyMs, maxRows, onFailed } = this.options;
    if (now - this.#sweptAt <= everyMs) return;
    this.#sweptAt = now;
    store.sweep(maxRows).then((removed) => {
      // A full sweep means that there is more: the next tick goes on.
      if (removed === maxRows) this.#sweptAt = 0;
    }, onFailed);
  }
}
