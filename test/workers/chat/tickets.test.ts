/** PROTOCOL.md, "Tickets". */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import t from "tap";
import { verifySignature } from "../../../src/crypto/signature.js";
import { rawEd25519PublicKey } from "../../../src/node/grant-keys.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import { TICKET_LABEL, encodeTicketClaims, type TicketClaims } from "../../../src/protocol/grants.js";
import type { AccountId, DeviceId, Incarnation, ServerId } from "../../../src/protocol/ids.js";
import { ticketOffice } from "../../../src/workers/chat/tickets.js";

const balancer = generateKeyPairSync("ed25519");
const publicKey = rawEd25519PublicKey(balancer.publicKey.export({ type: "spki", format: "pem" }).toString());
const NOW = 1_700_000_000_000;
const good: TicketClaims = {
  account: "a".repeat(32) as AccountId,
  device: "d".repeat(32) as DeviceId,
  server: "chat-1" as ServerId,
  incarnation: "1".repeat(32) as Incarnation,
  expiresAt: NOW + 60_000,
  nonce: new Uint8Array(16).fill(7),
};

function office(now = () => NOW) {
  return ticketOffice({
    server: good.server,
    incarnation: good.incarnation,
    verifySignature: (label, claims, signature) => verifySignature(publicKey, label, claims, signature),
    now,
  });
}

function ticket(
  change: Partial<TicketClaims> = {},
  key: KeyObject = balancer.privateKey,
  label = TICKET_LABEL,
): Buffer {
  const claims = encodeTicketClaims({ ...good, ...change });
  return Buffer.concat([claims, sign(null, Buffer.concat([Buffer.from(`${label}\0`), claims]), key)]);
}

const refused = new FastChatError("badTicket", "");

t.test("a ticket lets its account in, once", async (t) => {
  const door = office();
  t.match(await door.verify(ticket()), { account: good.account, device: good.device });
  await t.rejects(door.verify(ticket()), { code: refused.code, message: /used before/ });
  await t.resolves(door.verify(ticket({ nonce: new Uint8Array(16).fill(8) })));
});

t.test("a ticket is good for one start of one server only", async (t) => {
  await t.rejects(office().verify(ticket({ server: "chat-2" as ServerId })), { code: "badTicket" });
  await t.rejects(office().verify(ticket({ incarnation: "2".repeat(32) as Incarnation })), {
    code: "badTicket",
  });
});

t.test("a ticket expires, and one that did is not let in because its nonce was forgotten", async (t) => {
  let now = NOW;
  const door = office(() => now);
  await door.verify(ticket());
  now += 60_000;
  await t.rejects(door.verify(ticket()), { code: "badTicket", message: /expired/ });
});

t.test("forged, altered and cut tickets are refused", async (t) => {
  const stranger = generateKeyPairSync("ed25519").privateKey;
  await t.rejects(office().verify(ticket({}, stranger)), { code: "badTicket" });
  await t.rejects(office().verify(ticket({}, balancer.privateKey, "fastchat archive voucher v1")), {
    code: "badTicket",
  });
  const whole = ticket();
  for (let i = 0; i < whole.length; i += 7) {
    const altered = Buffer.from(whole);
    altered[i] = (altered[i] ?? 0) ^ 1;
    await t.rejects(office().verify(altered), { code: "badTicket" }, `byte ${i}`);
  }
  await t.rejects(office().verify(whole.subarray(1)), { code: "badTicket" });
  await t.rejects(office().verify(whole.subarray(0, 10)), { code: "badFrame" });
});

t.test("claims that are signed but not of their form are refused", async (t) => {
  await t.rejects(office().verify(ticket({ account: "x" as AccountId })), { code: "badTicket" });
});
