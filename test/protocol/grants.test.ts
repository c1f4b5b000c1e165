/** PROTOCOL.md, "Tickets" and "Vouchers": their form. Signatures are for those who check them. */
import fc from "fast-check";
import t from "tap";
import { FastChatError } from "../../src/protocol/errors.js";
import {
  decodeFileVoucherClaims,
  decodeTicketClaims,
  decodeVoucherClaims,
  encodeFileVoucherClaims,
  encodeTicketClaims,
  encodeVoucherClaims,
  SIGNATURE_BYTES,
  splitGrant,
  TICKET_LABEL,
  VOUCHER_LABEL,
  type FileVoucherClaims,
  type TicketClaims,
  type VoucherClaims,
} from "../../src/protocol/grants.js";
import type { AccountId, DeviceId, Incarnation, ServerId } from "../../src/protocol/ids.js";
import { alterations } from "./altered.js";
import { read, write, type Value } from "./msgpack.js";

fc.configureGlobal({ seed: 6 });

const ticket: TicketClaims = {
  account: "a".repeat(32) as AccountId,
  device: "d".repeat(32) as DeviceId,
  server: "chat-1" as ServerId,
  incarnation: "1".repeat(32) as Incarnation,
  expiresAt: 1_700_000_060_000,
  nonce: Buffer.alloc(16, 7),
};
const voucher: VoucherClaims = { expiresAt: 1_700_000_600_000, nonce: Buffer.alloc(16, 8) };

const fileVoucher: FileVoucherClaims = { ...voucher, bytes: 1_048_576, keepUntil: 1_702_000_000_000 };

const grants = [
  { name: "ticket", claims: ticket, encode: () => encodeTicketClaims(ticket), decode: decodeTicketClaims },
  {
    name: "voucher",
    claims: voucher,
    encode: () => encodeVoucherClaims(voucher),
    decode: decodeVoucherClaims,
  },
  {
    name: "file voucher",
    claims: fileVoucher,
    encode: () => encodeFileVoucherClaims(fileVoucher),
    decode: decodeFileVoucherClaims,
  },
] as const;

for (const { name, claims, encode, decode } of grants) {
  const code = name === "ticket" ? "badTicket" : "badVoucher";

  t.test(`a ${name}'s claims are a map that others read and write`, async (t) => {
    t.same(read(encode()), claims);
    t.same(decode(encode()), claims);
    t.same(decode(write(claims)), claims);
  });

  t.test(`a ${name} with a claim missing or of another kind is refused`, async (t) => {
    const wrong: unknown[] = [];
    for (const { path, what, value } of alterations(claims, true)) {
      if (codeOf(() => decode(write(value))) !== code) wrong.push({ path, what });
    }
    t.same(wrong, []);
  });

  t.test(`a ${name} is good for a nonce of 16 bytes and a time that a number holds`, async (t) => {
    const others: readonly Partial<Record<keyof TicketClaims, Value>>[] = [
      { nonce: Buffer.alloc(15) },
      { nonce: Buffer.alloc(17) },
      { expiresAt: -1 },
      { expiresAt: 0.5 },
      { expiresAt: 2 ** 53 },
    ];
    for (const other of others) {
      t.throws(() => decode(write({ ...(claims as unknown as object), ...other })), { code });
    }
  });

  t.test(`bytes that are no ${name} are refused as one, whatever they are`, async (t) => {
    const codes = new Set<unknown>();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        codes.add(codeOf(() => decode(bytes)));
      }),
      { numRuns: 1000 },
    );
    const whole = encode();
    for (let length = 0; length < whole.length; length++) {
      codes.add(codeOf(() => decode(whole.subarray(0, length))));
    }
    t.same([...codes], [code]);
  });
}

t.test("ids of a ticket are of their form", async (t) => {
  for (const field of ["account", "device", "incarnation", "server"]) {
    for (const value of ["", "A".repeat(32), "g g", "a".repeat(33)]) {
      const other = { ...(ticket as unknown as object), [field]: value };
      t.throws(() => decodeTicketClaims(write(other)), { code: "badTicket" }, `${field}: ${value}`);
    }
  }
});

t.test("the last 64 bytes of a grant are its signature", async (t) => {
  const signature = Buffer.alloc(SIGNATURE_BYTES, 9);
  const split = splitGrant(Buffer.concat([encodeTicketClaims(ticket), signature]));
  t.same(decodeTicketClaims(split.claims), ticket);
  t.same(split.signature, signature);
  t.equal(splitGrant(Buffer.alloc(65)).claims.length, 1);
  for (const length of [0, 1, 63, 64]) {
    t.throws(() => splitGrant(Buffer.alloc(length)), { code: "badFrame" }, `${length} bytes`);
  }
});

t.test("what is signed as a ticket is never signed as a voucher", async (t) => {
  t.not(TICKET_LABEL, VOUCHER_LABEL);
  t.notOk(TICKET_LABEL.includes("\0") || VOUCHER_LABEL.includes("\0"), "0x00 ends a label");
});

function codeOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error instanceof FastChatError ? error.code : error;
  }
  return "taken";
}
