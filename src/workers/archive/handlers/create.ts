import { checkToken, sha256 } from "../tokens.js";
import { verifyVoucher } from "../vouchers.js";
import { FastChatError } from "../../../protocol/errors.js";
import type { HandlerContext, ReplyOf, RequestOf } from "./context.js";

/**
 * Makes an archive and opens it. A client that crashed behind the commit comes again with the same id and token, and
 * is let in.
 *
 * @throws FastChatError `badVoucher`; `noSuchArchive` where the id is taken and the token is not its own
 */
export async function create(
  { store, verifySignature, now, ask, idleMs }: HandlerContext,
  { ref, voucher, archive, token }: RequestOf<"create">,
): Promise<ReplyOf<"opened">> {
  const { nonce, expiresAt } = await verifyVoucher(voucher, verifySignature, now());
  const outcome = await ask(() =>
    store.create({ id: archive, tokenHash: sha256(token) }, { nonceHash: sha256(nonce), expiresAt }),
  );
  switch (outcome.type) {
    case "created":
      return { type: "opened", ref, counter: 0, revision: 0, idleMs };
    case "exists": {
      const { counter, revision } = checkToken(outcome.archive, token);
      return { type: "opened", ref, counter, revision, idleMs };
    }
    case "voucherUsed":
      throw new FastChatError("badVoucher", "The voucher was used before.");
  }
}
