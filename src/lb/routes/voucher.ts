/** The right to make one archive. It names no account, and neither does what the archive stores. */
import { toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { HttpError, PATHS, Voucher } from "../../protocol/http.js";
import { dayOf } from "../../store/day.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";
import { untilTomorrow, voucherExpiry } from "../voucher-times.js";

const NONCE_BYTES = 16;

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
    if (!(await vouchers.grant(account, dayOf(now), limits.vouchersPerDayPerAccount))) {
      throw new FastChatError("tooMany", "No more archives today.", untilTomorrow(now));
    }
    const expiresAt = voucherExpiry(now, timeouts.voucherMs);
    return { voucher: toBase64Url(grants.voucher({ expiresAt, nonce: random.bytes(NONCE_BYTES) })) };
  });
}
