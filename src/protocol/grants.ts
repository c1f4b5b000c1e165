/**
 * What the balancer signs so that others let somebody in (PROTOCOL.md, "Tickets" and "Vouchers"): a ticket for a chat
 * server, a voucher for the archive. Wire form: the packed claims, then 64 bytes of Ed25519 signature over
 * label || 0x00 || claims.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "./codec.js";
import { FastChatError } from "./errors.js";
import {
  AccountIdSchema,
  Binary,
  Counter,
  DeviceIdSchema,
  IncarnationSchema,
  ServerIdSchema,
} from "./schema.js";

export const SIGNATURE_BYTES = 64;
export const TICKET_LABEL = "fastchat ticket v1";
export const VOUCHER_LABEL = "fastchat archive voucher v1";
export const FILE_VOUCHER_LABEL = "fastchat file voucher v1";

/** Lets one device of an account connect once to one start of one server. */
export const TicketClaims = Type.Object({
  account: AccountIdSchema,
  device: DeviceIdSchema,
  server: ServerIdSchema,
  incarnation: IncarnationSchema,
  /** Milliseconds since 1970. */
  expiresAt: Counter,
  nonce: Binary(16, 16),
});
export type TicketClaims = Static<typeof TicketClaims>;

/** Lets whoever holds it make one archive. */
export const VoucherClaims = Type.Object({ expiresAt: Counter, nonce: Binary(16, 16) });
export type VoucherClaims = Static<typeof VoucherClaims>;

/** Lets whoever holds it store one file. */
export const FileVoucherClaims = Type.Object({
  expiresAt: Counter,
  nonce: Binary(16, 16),
  /** The most that its chunks may have together. */
  bytes: Counter,
  /** When the file goes, in milliseconds since 1970. */
  keepUntil: Counter,
});
export type FileVoucherClaims = Static<typeof FileVoucherClaims>;

const tickets = Compile(TicketClaims);
const vouchers = Compile(VoucherClaims);
const fileVouchers = Compile(FileVoucherClaims);

export function encodeTicketClaims(claims: TicketClaims): Uint8Array {
  return pack(claims);
}

export function encodeVoucherClaims(claims: VoucherClaims): Uint8Array {
  return pack(claims);
}

export function encodeFileVoucherClaims(claims: FileVoucherClaims): Uint8Array {
  return pack(claims);
}

/** Claims and signature of a grant, not verified. @throws FastChatError `badFrame` */
export function splitGrant(grant: Uint8Array): { claims: Uint8Array; signature: Uint8Array } {
  if (grant.length <= SIGNATURE_BYTES)
    throw new FastChatError("badFrame", "A ticket or voucher is too short.");
  const end = grant.length - SIGNATURE_BYTES;
  return { claims: grant.subarray(0, end), signature: grant.subarray(end) };
}

/** @throws FastChatError `badTicket` */
export function decodeTicketClaims(bytes: Uint8Array): TicketClaims {
  const claims = unpackClaims(bytes);
  if (!tickets.Check(claims)) throw new FastChatError("badTicket", "The ticket is not of its form.");
  return claims;
}

/** @throws FastChatError `badVoucher` */
export function decodeVoucherClaims(bytes: Uint8Array): VoucherClaims {
  const claims = unpackClaims(bytes);
  if (!vouchers.Check(claims)) throw new FastChatError("badVoucher", "The voucher is not of its form.");
  return claims;
}

/** @throws FastChatError `badVoucher` */
export function decodeFileVoucherClaims(bytes: Uint8Array): FileVoucherClaims {
  const claims = unpackClaims(bytes);
  if (!fileVouchers.Check(claims)) throw new FastChatError("badVoucher", "The voucher is not of its form.");
  return claims;
}

/** What is no MessagePack is no grant either: the one who checks it says which. */
function unpackClaims(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    return undefined;
  }
}
