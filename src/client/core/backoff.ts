/** How long to wait before the next try. */
import type { Random } from "../../protocol/runtime.js";

export interface Backoff {
  /** Most that the first wait can be, in milliseconds; it doubles with each try. */
  readonly baseMs: number;
  /** Most that any wait can be, in milliseconds. */
  readonly capMs: number;
}

/** For connections to the service: a thousand clients of a dead server come back spread over the first second. */
export const RECONNECT: Backoff = { baseMs: 1_000, capMs: 8_000 };

/**
 * Exponential backoff with full jitter: anything between nothing and the cap of that try, so that clients that lost
 * the same server do not come back in step.
 *
 * @param tries failures in a row, the latest included; 1 after the first
 * @param chance drawn evenly from [0, 1)
 * @returns milliseconds
 */
export function backoffMs(tries: number, chance: number, { baseMs, capMs }: Backoff): number {
  const exponent = Math.min(Math.max(tries, 1) - 1, 30);
  return Math.floor(chance * Math.min(capMs, baseMs * 2 ** exponent));
}

/** A number drawn evenly from [0, 1). */
export function chanceOf(random: Random): number {
  return new DataView(random.bytes(4).buffer).getUint32(0) / 2 ** 32;
}
