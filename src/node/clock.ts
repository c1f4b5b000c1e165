/** Time and chance of the real world. */
import { randomBytes } from "node:crypto";
import type { Clock, Random } from "../protocol/runtime.js";

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/**
 * Time that no one can set: milliseconds since this process began. It goes on while the process is suspended, so that
 * whoever slept can tell.
 */
export const monotonicClock: Clock = { ...systemClock, now: () => performance.now() };

export const systemRandom: Random = {
  bytes(length) {
    // A buffer of its own: randomBytes may hand out a slice of Node's pool, which must not cross a thread.
    return new Uint8Array(randomBytes(length));
  },
};
