/** Times in vouchers, and the days in which they are counted. Exact ones would tell which request a voucher came from. */

const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** The end of a voucher's life, to the full minute. @param now milliseconds since 1970 @param ms its life */
export function voucherExpiry(now: number, ms: number): number {
  return Math.ceil((now + ms) / MINUTE_MS) * MINUTE_MS;
}

/** How long that day goes on, in milliseconds. */
export function untilTomorrow(now: number): number {
  return DAY_MS - (now % DAY_MS);
}
