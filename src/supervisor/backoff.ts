/** How long a thread that died rests. */

/**
 * Exponential backoff.
 *
 * @param tries starts in a row that did not last, this one not counted
 * @returns milliseconds, from `minMs` doubling up to `maxMs`
 */
export function restDelay(tries: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** tries);
}
