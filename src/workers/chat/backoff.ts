/** How long to wait before another try of something that failed for a reason that passes. */

/**
 * Exponential backoff without jitter: one server's writer waits for one database, nobody to fall in step with.
 *
 * @param tries failed tries so far, from 1
 * @returns milliseconds
 */
export function backoffMs(tries: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(tries - 1, 30));
}
