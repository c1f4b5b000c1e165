/** Waiting, but not for ever. */
import type { Clock } from "../../protocol/runtime.js";

/**
 * Waits for a promise that never rejects.
 *
 * @param ms how long, in milliseconds
 * @returns whether it settled in time
 */
export function within(clock: Clock, ms: number, settling: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(false));
    void settling.then(() => {
      timer.cancel();
      resolve(true);
    });
  });
}
