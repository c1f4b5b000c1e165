import { verify } from "node:crypto";
import t from "tap";
import { toBase64Url, toHex } from "../../../src/protocol/bytes.js";
import {
  decodeTicketClaims,
  decodeFileVoucherClaims,
  decodeVoucherClaims,
  FILE_VOUCHER_LABEL,
  splitGrant,
  TICKET_LABEL,
  VOUCHER_LABEL,
} from "../../../src/protocol/grants.js";
import { PATHS, type Placement, type Voucher } from "../../../src/protocol/http.js";
import { accountId, deviceId, entry } from "../loads.js";
import { grantKeys, OPERATOR_TOKEN, signUp, startService, type Service } from "../service.js";

const archive = { host: "127.0.0.1", port: 7441 };

function open(grant: string, label: string): Uint8Array {
  const { claims, signature } = splitGrant(Buffer.from(grant, "base64url"));
  const signed = Buffer.concat([Buffer.from(`${label}\0`), claims]);
  if (!verify(null, signed, grantKeys.publicKey, signature)) throw new Error("the signature does not hold");
  return claims;
}

const place = async (service: Service, token: string): Promise<Placement> =>
  (await service.ask("POST", PATHS.place, { token })).body as Placement;

t.test("who only asks where the archive is takes no place", async (t) => {
  const service = await startService(t);
  const { token } = await signUp(service, "alice");
  service.addServer(entry(1, 42));
  const ask = (as?: string) => service.ask("GET", PATHS.archive, as === undefined ? {} : { token: as });
  t.match(await ask(token), { status: 503, body: { code: "unavailable" } }, "it has not started yet");
  service.balancer.setArchive(archive);
  t.same((await ask(token)).body, { host: "chat.example", port: 7441 });
  t.match(await ask(), { status: 401, body: { code: "notSignedIn" } });
  const status = await service.ask("GET", "/v1/operator/status", { token: toBase64Url(OPERATOR_TOKEN) });
  t.match(status.body, { servers: [{ id: "chat-1", placed: 0 }] });
});

t.test("a device gets a server, the archive and a ticket bound to both", async (t) => {
  const service = await startService(t);
  const { token, account, device } = await signUp(service, "alice");
  const server = entry(1, 42);
  service.addServer(server);
  service.balancer.setArchive(archive);
  const placement = await place(service, token);
  t.match(placement, {
    server: { id: "chat-1", host: "chat.example", port: server.listening.port },
    archive: { host: "chat.example", port: 7441 },
    validMs: 60_000,
  });
  const claims = decodeTicketClaims(open(placement.ticket, TICKET_LABEL));
  t.match(claims, {
    account,
    device,
    server: "chat-1",
    incarnation: server.incarnation,
    expiresAt: service.clock.now() + 60_000,
  });
  const again = decodeTicketClaims(open((await place(service, token)).ticket, TICKET_LABEL));
  t.not(toHex(again.nonce), toHex(claims.nonce));
});

t.test("while no server or no archive is there, the answer is to come back", async (t) => {
  const service = await startService(t);
  const { token } = await signUp(service, "early");
  const unavailable = { status: 503, body: { code: "unavailable" }, headers: { "retry-after": "1" } };
  t.match(await service.ask("POST", PATHS.place, { token }), unavailable);
  service.balancer.setArchive(archive);
  t.match(await service.ask("POST", PATHS.place, { token }), unavailable);
  service.addServer(entry(1));
  t.equal((await service.ask("POST", PATHS.place, { token })).status, 200);
  service.balancer.removeServer(entry(1).id, entry(1).incarnation);
  t.match(await service.ask("POST", PATHS.place, { token }), unavailable);
});

t.test("more devices at once than the pace allows wait in turn, or are told when to come back", async (t) => {
  const service = await startService(t, { limits: { placementsPerSecond: 1 } });
  const { token } = await signUp(service, "alice");
  service.balancer.setArchive(archive);
  service.addServer(entry(1));
  const asked = [1, 2, 3, 4].map(() => service.ask("POST", PATHS.place, { token }));
  const refused = await Promise.any(
    asked.map(async (reply) => {
      const { status, body, headers } = await reply;
      if (status === 200) throw new Error("let in");
      return { status, body, headers };
    }),
  );
  t.match(refused, {
    status: 429,
    body: { code: "tooMany", retryAfterMs: 2000 },
    headers: { "retry-after": "2" },
  });
  // The one who is told came last: the others have had their turn or wait for it.
  service.clock.advance(2000);
  t.same((await Promise.all(asked)).map(({ status }) => status).sort(), [200, 200, 200, 429]);
});

t.test("placements count before anybody connects, and once when somebody does", async (t) => {
  const service = await startService(t, { strategy: "least-connections" });
  const { token } = await signUp(service, "alice");
  service.balancer.setArchive(archive);
  const lines = new Map(
    [1, 2, 3].map((number) => [String(entry(number).id), service.addServer(entry(number))]),
  );
  const counts = async (times: number) => {
    const placements: Placement[] = [];
    for (let i = 0; i < times; i++) placements.push(await place(service, token));
    return placements;
  };
  const first = await counts(6);
  const perServer = ["chat-1", "chat-2", "chat-3"].map(
    (id) => first.filter((placement) => placement.server.id === id).length,
  );
  t.same(perServer, [2, 2, 2]);

  // All of the first six connect to their servers; a session that nobody has comes back, and shows that all was read.
  const sessions = first.map((placement, index) => ({ placement, session: index + 1 }));
  for (const [id, line] of lines) {
    for (const { placement, session } of sessions.filter((each) => each.placement.server.id === id)) {
      const { nonce } = decodeTicketClaims(open(placement.ticket, TICKET_LABEL));
      const connected = { session, account: accountId(), device: deviceId(session) };
      const heard = line.heard();
      line.say({ type: "connected", session: connected, nonce: toHex(nonce) });
      await heard;
    }
  }
  const next = await counts(3);
  t.same(
    next.map((placement) => placement.server.id).sort(),
    ["chat-1", "chat-2", "chat-3"],
    "two connections each, and none counted twice",
  );
});

t.test("vouchers name nobody, end at a full minute, and are counted by the day", async (t) => {
  const service = await startService(t, { limits: { vouchersPerDayPerAccount: 2 } });
  const { token } = await signUp(service, "alice");
  const other = await signUp(service, "bob");
  const ask = (from: string) => service.ask("POST", PATHS.voucher, { token: from });
  const { voucher } = (await ask(token)).body as Voucher;
  const claims = decodeVoucherClaims(open(voucher, VOUCHER_LABEL));
  t.same(Object.keys(claims).sort(), ["expiresAt", "nonce"]);
  t.equal(claims.expiresAt % 60_000, 0);
  const lifetime = claims.expiresAt - service.clock.now();
  t.ok(lifetime >= 600_000 && lifetime < 660_000);

  const replies = await Promise.all([ask(token), ask(token), ask(token)]);
  t.same(replies.map((reply) => reply.status).sort(), [200, 429, 429]);
  const refused = replies.find((reply) => reply.status === 429);
  const untilMidnight = 86_400_000 - (service.clock.now() % 86_400_000);
  t.match(refused?.body, { code: "tooMany", retryAfterMs: untilMidnight });
  t.equal((await ask(other.token)).status, 200, "each account has its own");
  service.clock.advance(untilMidnight);
  t.equal((await ask(token)).status, 200, "and every day anew");
});

t.test("vouchers for files name nobody, have whole MiB and days, and are counted by the day", async (t) => {
  const MIB = 1_048_576;
  const service = await startService(t, {
    limits: { fileBytes: 3 * MIB, fileMiBPerDayPerAccount: 5, fileDays: 30 },
  });
  const { token } = await signUp(service, "alice");
  const other = await signUp(service, "bob");
  const ask = (bytes: number, from = token) =>
    service.ask("POST", PATHS.fileVoucher, { token: from, body: { bytes } });
  const { voucher } = (await ask(2 * MIB + 1)).body as Voucher;
  const claims = decodeFileVoucherClaims(open(voucher, FILE_VOUCHER_LABEL));
  t.same(Object.keys(claims).sort(), ["bytes", "expiresAt", "keepUntil", "nonce"]);
  t.equal(claims.bytes, 3 * MIB);
  t.equal(claims.expiresAt % 60_000, 0);
  t.equal(claims.keepUntil % 86_400_000, 0);
  const kept = claims.keepUntil - service.clock.now();
  t.ok(kept >= 30 * 86_400_000 && kept < 31 * 86_400_000);

  t.match(await ask(3 * MIB + 1), { status: 413, body: { code: "tooLarge" } });
  t.match(await ask(3 * MIB), { status: 429, body: { code: "tooMany" } }, "3 of 5 MiB are gone");
  t.match(await ask(2 * MIB), { status: 200 }, "a refusal is not counted");
  t.match(await ask(1), { status: 429 });
  t.match(await ask(1, other.token), { status: 200 }, "each account has its own");
  for (const bytes of [0, -1, 1.5, "5"]) t.match(await ask(bytes as number), { status: 400 });
  service.clock.advance(86_400_000);
  t.match(await ask(1), { status: 200 }, "and every day anew");
});

t.test("a server that comes back names its sessions, and hears which were revoked meanwhile", async (t) => {
  const service = await startService(t);
  const { account, device } = await signUp(service, "alice");
  const line = service.addServer(entry(1));
  const heard = line.heard();
  line.say({
    type: "sessions",
    sessions: [
      { session: 1, account, device },
      { session: 2, account, device: deviceId(7) },
    ],
  });
  t.same(await heard, { type: "revoked", devices: [deviceId(7)], why: "notSignedIn" });
});
