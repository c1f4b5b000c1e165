/** Waiting before the next try, until there is a reason to try at once. */
import type { Clock } from "../../protocol/runtime.js";

export class Pauses {
  readonly #running = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /** @param ms how long, in milliseconds, unless it is ended before */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#running.delete(wake);
        resolve();
      };
      const timer = this.clock.after(ms, wake);
      this.#running.add(wake);
    });
  }

  /** Ends all that are running. */
  end(): void {
    for (const wake of [...this.#running]) wake();
  }
}
