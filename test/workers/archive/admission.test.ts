import { generateKeyPairSync, randomBytes } from "node:crypto";
import t from "tap";
import { archiveReplies } from "../../../src/protocol/archive.js";
import { pack } from "../../../src/protocol/codec.js";
import { TICKET_LABEL } from "../../../src/protocol/grants.js";
import { entry, randomArchive } from "../../store/archive-contract.js";
import { ArchiveRoom, until, type Asked } from "./archive-room.js";

t.test("an archive is made on a voucher, and opened by its token from then on", async (t) => {
  const room = new ArchiveRoom();
  const [archive, token] = [randomArchive(), randomBytes(32)];
  const first = room.connect();
  const made = await first.ask({ type: "create", voucher: room.voucher(), archive, token }, "opened");
  t.equal(made.counter, 0);
  await first.ask({ type: "append", entries: [entry("a"), entry("b")] }, "appended");
  const opened = await room.connect().ask({ type: "open", archive, token }, "opened");
  t.equal(opened.counter, 2);
});

t.test("the store is given hashes, neither token nor nonce", async (t) => {
  const room = new ArchiveRoom();
  const { archive, token } = await room.opened();
  const kept = await room.memory.find(archive);
  t.notSame([...(kept?.tokenHash ?? [])], [...token]);
  t.equal(kept?.tokenHash.length, 32);
});

t.test("an unknown archive and a wrong token are answered with the same bytes", async (t) => {
  const room = new ArchiveRoom();
  const { archive } = await room.opened();
  const answers = [];
  for (const id of [archive, randomArchive()]) {
    const reply = await room.connect().ask({ type: "open", archive: id, token: randomBytes(32) }, "failed");
    t.equal(reply.code, "noSuchArchive");
    answers.push(archiveReplies.encode(reply));
  }
  t.same(answers[0], answers[1]);
});

t.test("a client that is refused may try again on the same connection, and create", async (t) => {
  const room = new ArchiveRoom();
  const client = room.connect();
  const [archive, token] = [randomArchive(), randomBytes(32)];
  t.equal(await client.failure({ type: "open", archive, token }), "noSuchArchive");
  t.equal(await client.failure({ type: "open", archive, token: randomBytes(32) }), "noSuchArchive");
  const made = await client.ask({ type: "create", voucher: room.voucher(), archive, token }, "opened");
  t.equal(made.counter, 0);
});

t.test(
  "a client that crashed behind its create comes again, with a new voucher or the old one",
  async (t) => {
    const room = new ArchiveRoom();
    const [archive, token, voucher] = [randomArchive(), randomBytes(32), room.voucher()];
    const lost = room.connect();
    await lost.ask({ type: "create", voucher, archive, token }, "opened");
    await lost.ask({ type: "append", entries: [entry("a")] }, "appended");
    lost.end.destroy();
    for (const next of [voucher, room.voucher()]) {
      const again = await room.connect().ask({ type: "create", voucher: next, archive, token }, "opened");
      t.equal(again.counter, 1);
    }
  },
);

t.test("an archive whose id is taken is refused to another token as if it were not there", async (t) => {
  const room = new ArchiveRoom();
  const { archive, token } = await room.opened();
  const taken = { type: "create", archive, token: randomBytes(32), voucher: room.voucher() } as const;
  t.equal(await room.connect().failure(taken), "noSuchArchive");
  t.equal((await room.connect().ask({ type: "open", archive, token }, "opened")).counter, 0);
});

t.test("vouchers that are no good make nothing", async (t) => {
  const room = new ArchiveRoom();
  const stranger = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const used = room.voucher();
  await room
    .connect()
    .ask({ type: "create", voucher: used, archive: randomArchive(), token: randomBytes(32) }, "opened");
  const flipped = Buffer.from(room.voucher());
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  const bad = {
    used,
    expired: room.voucher({ expiresAt: room.clock.now() }),
    "signed by a stranger": room.voucher({ privateKey: stranger.privateKey }),
    "signed as a ticket": room.voucher({ label: TICKET_LABEL }),
    "of other claims": room.voucher({ claims: pack({ account: "somebody" }) }),
    changed: flipped,
    "as long as a signature": randomBytes(64),
    "of one byte": randomBytes(1),
  };
  for (const [what, voucher] of Object.entries(bad)) {
    const archive = randomArchive();
    const code = await room.connect().failure({ type: "create", voucher, archive, token: randomBytes(32) });
    t.equal(code, "badVoucher", what);
    t.equal(await room.memory.find(archive), null, what);
  }
});

t.test("a used voucher is remembered until it has expired and a while longer", async (t) => {
  const room = new ArchiveRoom();
  await room.opened();
  room.clock.advance(room.timeouts.voucherMs);
  await until(() => true);
  t.equal(room.memory.rememberedVouchers, 1);
  room.clock.advance(room.timeouts.voucherMs + room.timeouts.sweepMs);
  await until(() => room.memory.rememberedVouchers === 0);
  t.equal(room.memory.rememberedVouchers, 0);
});

t.test(
  "before an archive is open nothing else is served, and asking for it ends the connection",
  async (t) => {
    const room = new ArchiveRoom();
    const requests: Asked[] = [
      { type: "append", entries: [entry("a")] },
      { type: "before", limit: 1 },
      { type: "after", after: 0, limit: 1 },
      { type: "find", entry: randomBytes(32) },
      { type: "ping" },
    ];
    for (const request of requests) {
      const client = room.connect();
      t.equal(await client.failure(request), "forbidden", request.type);
      t.equal(await client.closed, undefined);
    }
    t.equal(room.memory.appendCalls, 0);
  },
);

t.test("a request sent behind an unanswered open ends the connection", async (t) => {
  const room = new ArchiveRoom();
  const { archive, token } = await room.opened();
  const client = room.connect();
  void client.request({ type: "open", archive, token });
  t.equal(await client.failure({ type: "ping" }), "forbidden");
  await client.closed;
  t.equal(client.replies.length, 1);
});

t.test("a connection has eight tries", async (t) => {
  const room = new ArchiveRoom();
  const client = room.connect();
  const codes = [];
  for (let tries = 0; tries < 9; tries++) {
    codes.push(await client.failure({ type: "open", archive: randomArchive(), token: randomBytes(32) }));
  }
  t.same(codes, [...Array<string>(8).fill("noSuchArchive"), "tooMany"]);
  await client.closed;
});

t.test("a connection that opens nothing is closed after its time", async (t) => {
  const room = new ArchiveRoom();
  const client = room.connect();
  await client.failure({ type: "open", archive: randomArchive(), token: randomBytes(32) });
  room.clock.advance(room.timeouts.helloMs - 1);
  t.notOk(client.serverEnd.closed);
  room.clock.advance(1);
  t.equal(await client.closed, undefined);
  t.equal(room.server.connections, 0);
});

t.test("one that has opened an archive is not", async (t) => {
  const room = new ArchiveRoom();
  const { client } = await room.opened();
  room.clock.advance(room.timeouts.helloMs + 1);
  t.equal((await client.ask({ type: "ping" }, "pong")).type, "pong");
});

t.test("a large frame before an archive is open ends the connection", async (t) => {
  const room = new ArchiveRoom();
  const client = room.connect();
  client.end.send(new Uint8Array(room.limits.maxControlBytes + 1).fill(1));
  await client.closed;
  t.equal(client.replies.length, 0);
});

t.test("frames that are not understood end the connection, open or not", async (t) => {
  const room = new ArchiveRoom();
  const control = (value: unknown) => Buffer.concat([Buffer.from([1]), pack(value)]);
  const garbage = {
    "another kind": Buffer.from([2, 0x80]),
    "a kind alone": Buffer.from([1]),
    "no MessagePack": Buffer.from([1, 0xc1]),
    "two values": Buffer.concat([control({ type: "ping", ref: 1 }), Buffer.from([0xc0])]),
    "no map": control(7),
    "an unknown type": control({ type: "dance", ref: 1 }),
    "a field missing": control({ type: "after", ref: 1, limit: 1 }),
    "a short tag": control({ type: "find", ref: 1, entry: randomBytes(31) }),
    "a reference out of range": control({ type: "ping", ref: -1 }),
    "no entries": control({ type: "append", ref: 1, entries: [] }),
    "an empty entry": control({
      type: "append",
      ref: 1,
      entries: [{ chat: randomBytes(32), entry: randomBytes(32), sealed: new Uint8Array(0) }],
    }),
    "an entry too large": control({
      type: "append",
      ref: 1,
      entries: [{ chat: randomBytes(32), entry: randomBytes(32), sealed: new Uint8Array(512 * 1024 + 1) }],
    }),
    "a page too large": control({ type: "before", ref: 1, limit: 501 }),
  };
  for (const [what, frame] of Object.entries(garbage)) {
    const fresh = room.connect();
    const { client } = await room.opened();
    const before = client.replies.length;
    fresh.end.send(frame);
    client.end.send(frame);
    await Promise.all([fresh.closed, client.closed]);
    t.equal(fresh.replies.length, 0, what);
    t.equal(client.replies.length, before, what);
  }
  t.equal(room.memory.appendCalls, 0);
});

t.test("an open connection keeps to its archive", async (t) => {
  const room = new ArchiveRoom();
  const one = await room.opened();
  const other = await room.opened();
  await other.client.ask({ type: "append", entries: [entry("other's")] }, "appended");
  const { archive, token } = other;
  t.equal(await one.client.failure({ type: "open", archive, token }), "badRequest");
  const page = await one.client.ask({ type: "before", limit: 5 }, "page");
  t.same(page.entries, []);
});
