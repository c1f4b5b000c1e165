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

export const systemRandom: Random = {
  bytes(length) {
    // A buffer of its own: randomBytes may hand out a slice of Node's pool, which must not cross a thread.
    return new Uint8Array(randomBytes(length));
  },
};
