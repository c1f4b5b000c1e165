/** Vouchers of the balancer: each pays for one archive and names no account (PROTOCOL.md, "Vouchers"). */
import { FastChatError } from "../../protocol/errors.js";
import {
  SIGNATURE_BYTES,
  VOUCHER_LABEL,
  decodeVoucherClaims,
  splitGrant,
  type VoucherClaims,
} from "../../protocol/grants.js";

/** Checks the balancer's signature over label and claims. */
export type VerifySignature = (label: string, claims: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/**
 * The claims of a voucher that the balancer signed and that has not expired. Whether it was used before, the database
 * knows.
 *
 * @param now milliseconds since 1970
 * @throws FastChatError `badVoucher`
 */
export async function verifyVoucher(
  voucher: Uint8Array,
  verifySignature: VerifySignature,
  now: number,
): Promise<VoucherClaims> {
  // Too short for a signature is what a forgery may look like as well.
  if (voucher.length <= SIGNATURE_BYTES) throw forged();
  const { claims: bytes, signature } = splitGrant(voucher);
  if (!(await verifySignature(VOUCHER_LABEL, bytes, signature))) throw forged();
  const claims = decodeVoucherClaims(bytes);
  if (claims.expiresAt <= now) throw new FastChatError("badVoucher", "The voucher has expired.");
  return claims;
}

function forged(): FastChatError {
  return new FastChatError("badVoucher", "The voucher was not signed by this service's balancer.");
}
