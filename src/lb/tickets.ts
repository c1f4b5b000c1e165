/** Signs tickets and vouchers (PROTOCOL.md, "Tickets" and "Vouchers") with Node's own crypto. */
import { createPrivateKey, sign } from "node:crypto";
import { concatBytes, utf8 } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import {
  encodeFileVoucherClaims,
  encodeTicketClaims,
  encodeVoucherClaims,
  FILE_VOUCHER_LABEL,
  TICKET_LABEL,
  VOUCHER_LABEL,
  type FileVoucherClaims,
  type TicketClaims,
  type VoucherClaims,
} from "../protocol/grants.js";

export interface GrantSigner {
  ticket(claims: TicketClaims): Uint8Array;
  voucher(claims: VoucherClaims): Uint8Array;
  fileVoucher(claims: FileVoucherClaims): Uint8Array;
}

/**
 * @param privateKey Ed25519 private key (RFC 8032), PKCS #8 in PEM
 * @throws FastChatError `badConfig` where it is anything else
 */
export function grantSigner(privateKey: string): GrantSigner {
  const key = readKey(privateKey);
  const signed = (label: string, claims: Uint8Array): Uint8Array => {
    const signature = sign(null, concatBytes(utf8(label), Uint8Array.of(0), claims), key);
    return concatBytes(claims, signature);
  };
  return {
    ticket: (claims) => signed(TICKET_LABEL, encodeTicketClaims(claims)),
    voucher: (claims) => signed(VOUCHER_LABEL, encodeVoucherClaims(claims)),
    fileVoucher: (claims) => signed(FILE_VOUCHER_LABEL, encodeFileVoucherClaims(claims)),
  };
}

function readKey(pem: string) {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Said below. The cause stays unsaid: it might quote the key.
  }
  throw new FastChatError(
    "badConfig",
    "The key of tickets and vouchers is not an Ed25519 private key in PEM.",
  );
}
