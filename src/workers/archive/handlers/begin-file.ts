import { toHex } from "../../../protocol/bytes.js";
import { FastChatError } from "../../../protocol/errors.js";
import { sha256 } from "../tokens.js";
import { verifyFileVoucher } from "../vouchers.js";
import { filesOf, type HandlerContext, type ReplyOf, type RequestOf } from "./context.js";

/**
 * Makes room for a file. A client that lost the answer comes again with the same id, and goes on.
 *
 * @throws FastChatError `badVoucher`; `tooLarge` where the voucher is for less; `quotaExceeded` where there is no room;
 *   `forbidden` where no files are kept
 */
export async function beginFile(
  context: HandlerContext,
  { ref, file, chunks, bytes, voucher }: RequestOf<"beginFile">,
): Promise<ReplyOf<"done">> {
  const { ask, now, verifySignature, fileStoreBytes } = context;
  const files = filesOf(context);
  const claims = await verifyFileVoucher(voucher, verifySignature, now());
  if (bytes > claims.bytes) {
    throw new FastChatError("tooLarge", `The voucher is for a file of ${claims.bytes} bytes, not ${bytes}.`);
  }
  const outcome = await ask(() =>
    files.begin(
      { id: toHex(file), chunks, bytes, expiresAt: claims.keepUntil },
      { nonceHash: sha256(claims.nonce), expiresAt: claims.expiresAt },
      fileStoreBytes,
    ),
  );
  switch (outcome) {
    case "begun":
    case "exists":
      return { type: "done", ref };
    case "voucherUsed":
      throw new FastChatError("badVoucher", "The voucher was used before.");
    case "full":
      throw new FastChatError("quotaExceeded", "The service has no room for more files just now.");
    case "conflict":
      throw new FastChatError("conflict", "That id belongs to another file.");
  }
}
