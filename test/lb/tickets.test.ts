import { generateKeyPairSync, verify } from "node:crypto";
import t from "tap";
import {
  decodeFileVoucherClaims,
  decodeTicketClaims,
  decodeVoucherClaims,
  splitGrant,
} from "../../src/protocol/grants.js";
import { grantSigner } from "../../src/lb/tickets.js";
import { accountId, deviceId, incarnation, serverId } from "./loads.js";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const signer = grantSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
const nonce = new Uint8Array(16).fill(7);

t.test("a ticket holds its claims under a signature for tickets and nothing else", (t) => {
  const claims = {
    account: accountId(1),
    device: deviceId(2),
    server: serverId("chat-1"),
    incarnation: incarnation(3),
    expiresAt: 1_700_000_060_000,
    nonce,
  };
  const grant = splitGrant(signer.ticket(claims));
  const decoded = decodeTicketClaims(grant.claims);
  t.same({ ...decoded, nonce: [...decoded.nonce] }, { ...claims, nonce: [...nonce] });
  const signed = (label: string) => Buffer.concat([Buffer.from(`${label}\0`), grant.claims]);
  t.ok(verify(null, signed("fastchat ticket v1"), publicKey, grant.signature));
  t.notOk(verify(null, signed("fastchat archive voucher v1"), publicKey, grant.signature));
  t.end();
});

t.test("a voucher holds no more than its end and a random number", (t) => {
  const grant = splitGrant(signer.voucher({ expiresAt: 1_700_000_600_000, nonce }));
  const decoded = decodeVoucherClaims(grant.claims);
  t.same(Object.keys(decoded).sort(), ["expiresAt", "nonce"]);
  t.equal(decoded.expiresAt, 1_700_000_600_000);
  const signed = Buffer.concat([Buffer.from("fastchat archive voucher v1\0"), grant.claims]);
  t.ok(verify(null, signed, publicKey, grant.signature));
  t.end();
});

t.test("a voucher for a file says how much and how long, under a label of its own", (t) => {
  const claims = { expiresAt: 1_700_000_600_000, nonce, bytes: 5 * 1_048_576, keepUntil: 1_702_000_000_000 };
  const grant = splitGrant(signer.fileVoucher(claims));
  t.match(decodeFileVoucherClaims(grant.claims), { bytes: claims.bytes, keepUntil: claims.keepUntil });
  const signed = (label: string) => Buffer.concat([Buffer.from(`${label}\0`), grant.claims]);
  t.ok(verify(null, signed("fastchat file voucher v1"), publicKey, grant.signature));
  t.notOk(verify(null, signed("fastchat archive voucher v1"), publicKey, grant.signature));
  t.end();
});

t.test("a key that is not Ed25519 is refused without quoting it", (t) => {
  const { privateKey: rsa } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = rsa.export({ type: "pkcs8", format: "pem" }).toString();
  for (const key of [pem, "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----", ""]) {
    t.throws(() => grantSigner(key), {
      code: "badConfig",
      message: "The key of tickets and vouchers is not an Ed25519 private key in PEM.",
    });
  }
  t.end();
});
