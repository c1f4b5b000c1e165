/** The right to make one archive. It names no account, and neither does what the archive stores. */
import { toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { HttpError, PATHS, Voucher } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

const NONCE_BYTES = 16;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export function voucher(app: App, context: BalancerContext): void {
  const { vouchers, grants, clock, random, limits, timeouts } = context;
  const schema = {
    summary: "Ask for the right to make an archive",
    security: BEARER,
    response: { 200: Voucher, default: HttpError },
  };
  app.post(PATHS.voucher, { schema }, async (request): Promise<Voucher> => {
    const { account } = await signedIn(context, request);
    const now = clock.now();
    const day = new Date(now).toISOString().slice(0, 10);
    if (!(await vouchers.grant(account, day, limits.vouchersPerDayPerAccount))) {
      throw new FastChatError("tooMany", "No more archives today.", DAY_MS - (now % DAY_MS));
    }
    // To the full minute: the exact time would tell which request the voucher came from.
    const expiresAt = Math.ceil((now + timeouts.voucherMs) / MINUTE_MS) * MINUTE_MS;
    return { voucher: toBase64Url(grants.voucher({ expiresAt, nonce: random.bytes(NONCE_BYTES) })) };
  });
}
