/** The right to store one file for some days. It names no account, and neither does what is stored. */
import { toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { FileVoucherRequest, HttpError, PATHS, Voucher } from "../../protocol/http.js";
import { dayOf } from "../../store/day.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";
import { DAY_MS, untilTomorrow, voucherExpiry } from "../voucher-times.js";

const NONCE_BYTES = 16;
const MIB = 1024 * 1024;

export function fileVoucher(app: App, context: BalancerContext): void {
  const { vouchers, grants, clock, random, limits, timeouts } = context;
  const schema = {
    summary: "Ask for the right to store a file",
    security: BEARER,
    body: FileVoucherRequest,
    response: { 200: Voucher, default: HttpError },
  };
  app.post(PATHS.fileVoucher, { schema }, async (request): Promise<Voucher> => {
    const { account } = await signedIn(context, request);
    const { bytes } = request.body;
    if (bytes > limits.fileBytes) {
      throw new FastChatError(
        "tooLarge",
        `The file has ${bytes} bytes as it is sealed; at most ${limits.fileBytes} are stored.`,
      );
    }
    const now = clock.now();
    // In whole MiB: an exact size here would tell which file it belongs to.
    const mib = Math.ceil(bytes / MIB);
    if (!(await vouchers.grantFile(account, dayOf(now), mib, limits.fileMiBPerDayPerAccount))) {
      throw new FastChatError(
        "tooMany",
        `No more files today: ${limits.fileMiBPerDayPerAccount} MiB a day may be stored.`,
        untilTomorrow(now),
      );
    }
    const expiresAt = voucherExpiry(now, timeouts.voucherMs);
    const keepUntil = Math.ceil(now / DAY_MS + limits.fileDays) * DAY_MS;
    const nonce = random.bytes(NONCE_BYTES);
    return { voucher: toBase64Url(grants.fileVoucher({ expiresAt, nonce, bytes: mib * MIB, keepUntil })) };
  });
}
