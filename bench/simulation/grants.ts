/** Tickets and vouchers of a simulated balancer: of the real form, under a seal that is quick to make and to check. */
import { createHmac } from "node:crypto";
import type { GrantSigner } from "../../src/lb/tickets.js";
import { concatBytes, equalBytes, utf8 } from "../../src/protocol/bytes.js";
import {
  FILE_VOUCHER_LABEL,
  TICKET_LABEL,
  VOUCHER_LABEL,
  encodeFileVoucherClaims,
  encodeTicketClaims,
  encodeVoucherClaims,
} from "../../src/protocol/grants.js";

export interface Grants extends GrantSigner {
  verify(label: string, claims: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** @param key of the service; it outlives the process */
export function simulatedGrants(key: Uint8Array): Grants {
  const signature = (label: string, claims: Uint8Array): Uint8Array =>
    createHmac("sha512", key)
      .update(concatBytes(utf8(label), Uint8Array.of(0), claims))
      .digest();
  const signed = (label: string, claims: Uint8Array): Uint8Array =>
    concatBytes(claims, signature(label, claims));
  return {
    ticket: (claims) => signed(TICKET_LABEL, encodeTicketClaims(claims)),
    voucher: (claims) => signed(VOUCHER_LABEL, encodeVoucherClaims(claims)),
    fileVoucher: (claims) => signed(FILE_VOUCHER_LABEL, encodeFileVoucherClaims(claims)),
    verify: (label, claims, given) => Promise.resolve(equalBytes(signature(label, claims), given)),
  };
}
