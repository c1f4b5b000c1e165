/** Trying again what the database could not do yet. */
import { FastChatError } from "../../protocol/errors.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import { isPassing } from "../../store/database.js";

export interface RetryOptions {
  readonly clock: Clock;
  /** Pause after the first failure, in milliseconds; it doubles from one to the next. */
  readonly minMs: number;
  readonly maxMs: number;
}

export class Retries {
  readonly #pauses = new Map<Timer, () => void>();
  #stopped = false;

  constructor(private readonly options: RetryOptions) {}

  /**
   * Waits before another try; not at all once stopped.
   *
   * @param tries failed tries so far, from 1
   */
  pause(tries: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const { clock, minMs, maxMs } = this.options;
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pauses.delete(timer);
        resolve();
      };
      // Without jitter: one thread waits for one database, with nobody to fall in step with.
      const timer = clock.after(Math.min(maxMs, minMs * 2 ** Math.min(tries - 1, 30)), end);
      this.#pauses.set(timer, end);
    });
  }

  /**
   * Does what somebody waits for, again and again while the database is away, but only for so long.
   *
   * @param limitMs after which the one who waits is told, in milliseconds
   * @throws FastChatError `unavailable` when the time is over, and what `work` throws that will not pass
   */
  within<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let over = false;
      const timer = this.options.clock.after(limitMs, () => {
        over = true;
        reject(new FastChatError("unavailable", "The archive's database does not answer; try again."));
      });
      const attempt = async (): Promise<T> => {
        for (let tries = 1; ; tries++) {
          try {
            return await work();
          } catch (error) {
            if (over || this.#stopped || !isPassing(error)) throw error;
            await this.pause(tries);
          }
        }
      };
      attempt()
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }

  /** Ends all pauses; what fails from now on is not tried again. */
  stop(): void {
    this.#stopped = true;
    for (const [timer, end] of [...this.#pauses]) {
      timer.cancel();
      end();
    }
  }
}
