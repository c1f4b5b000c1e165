/** Vouchers of the balancer: each pays for one archive or one file, and names no account (PROTOCOL.md, "Vouchers"). */
import { FastChatError } from "../../protocol/errors.js";
import {
  FILE_VOUCHER_LABEL,
  SIGNATURE_BYTES,
  VOUCHER_LABEL,
  decodeFileVoucherClaims,
  decodeVoucherClaims,
  splitGrant,
  type FileVoucherClaims,
  type VoucherClaims,
} from "../../protocol/grants.js";

/** Checks the balancer's signature over label and claims. */
export type VerifySignature = (label: string, claims: Uint8Array, signature: Uint8Array) => Promise<boolean>;

/**
 * The claims of a voucher for an archive that the balancer signed and that has not expired. Whether it was used before, the
 * database knows.
 *
 * @param now milliseconds since 1970
 * @throws FastChatError `badVoucher`
 */
export function verifyVoucher(
  voucher: Uint8Array,
  verifySignature: VerifySignature,
  now: number,
): Promise<VoucherClaims> {
  return verified(VOUCHER_LABEL, voucher, decodeVoucherClaims, verifySignature, now);
}

/** As {@link verifyVoucher}, for a file. */
export function verifyFileVoucher(
  voucher: Uint8Array,
  verifySignature: VerifySignature,
  now: number,
): Promise<FileVoucherClaims> {
  return verified(FILE_VOUCHER_LABEL, voucher, decodeFileVoucherClaims, verifySignature, now);
}

async function verified<Claims extends { readonly expiresAt: number }>(
  label: string,
  voucher: Uint8Array,
  decode: (claims: Uint8Array) => Claims,
  verifySignature: VerifySignature,
  now: number,
): Promise<Claims> {
  // Too short for a signature is what a forgery may look like as well.
  if (voucher.length <= SIGNATURE_BYTES) throw forged();
  const { claims: bytes, signature } = splitGrant(voucher);
  if (!(await verifySignature(label, bytes, signature))) throw forged();
  const claims = decode(bytes);
  if (claims.expiresAt <= now) throw new FastChatError("badVoucher", "The voucher has expired.");
  return claims;
}

function forged(): FastChatError {
  return new FastChatError("badVoucher", "The voucher was not signed by this service's balancer.");
}
