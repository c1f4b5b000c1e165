import t from "tap";
import { PATHS, type Card, type CardsFound, type Devices } from "../../../src/protocol/http.js";
import { accountId, entry } from "../loads.js";
import { signUp, signUpBody, startService } from "../service.js";

const service = await startService(t);
const body = await signUpBody(service, "alice");
const alice = (await service.ask("POST", PATHS.registerFinish, { body })).body as Awaited<
  ReturnType<typeof signUp>
>;
const bob = await signUp(service, "bob");

/** All that only a signed-in device may ask. */
const GUARDED = [
  ["POST", PATHS.logout],
  ["POST", PATHS.place],
  ["POST", PATHS.voucher],
  ["GET", PATHS.vault],
  ["GET", PATHS.devices],
  ["GET", PATHS.checkpoint],
  ["POST", PATHS.cards],
  ["GET", PATHS.cardOf("alice")],
] as const;

t.test("without a token that is known, nothing is answered", async (t) => {
  const wrong = alice.token.startsWith("A") ? `B${alice.token.slice(1)}` : `A${alice.token.slice(1)}`;
  const headers = [
    undefined,
    "Bearer",
    "Bearer ",
    `Bearer ${wrong}`,
    `Bearer ${alice.token}A`,
    `Bearer ${alice.token.slice(0, -1)}`,
    `Bearer ${alice.token} ${alice.token}`,
    `Basic ${alice.token}`,
    alice.token,
  ];
  for (const [method, path] of GUARDED) {
    for (const authorization of headers) {
      const reply = await service.ask(method, path, {
        ...(path === PATHS.cards ? { body: { accounts: [accountId()] } } : {}),
        headers: authorization === undefined ? {} : { authorization },
      });
      t.match(reply, {
        status: 401,
        body: { code: "notSignedIn" },
        headers: { "www-authenticate": "Bearer" },
      });
    }
  }
});

t.test("a checkpoint is replaced by whoever knows the one that stands", async (t) => {
  const read = async (token: string) => (await service.ask("GET", PATHS.checkpoint, { token })).body;
  const replace = (instead: string | null, sealed: string) =>
    service.ask("POST", PATHS.checkpoint, { token: bob.token, body: { instead, sealed } });
  t.same(await read(bob.token), { sealed: null });
  t.match(await replace("AAAA", "AQEB"), { status: 200, body: { replaced: false } });
  t.match(await replace(null, "AQEB"), { body: { replaced: true } });
  t.match(await replace(null, "AgIC"), { body: { replaced: false } });
  t.match(await replace("AQEB", "AgIC"), { body: { replaced: true } });
  t.same(await read(bob.token), { sealed: "AgIC" });
  t.same(await read(alice.token), { sealed: null }, "one's own only");
  t.match(await replace("AgIC", "A".repeat(1400)), { status: 400 });
});

t.test("an account's devices are listed to it, and to nobody else", async (t) => {
  const { body: own } = await service.ask("GET", PATHS.devices, { token: bob.token });
  t.match(own, {
    devices: [{ device: bob.device, label: String, signedInAt: Number, lastUsedAt: Number }],
  });
  t.equal((own as Devices).devices.length, 1);
});

t.test("last use is noted, once a minute at most", async (t) => {
  const lastUse = async () => {
    const { rows } = await service.db.query<{ last_used_at: Date }>({
      text: "SELECT last_used_at FROM sessions WHERE device = $1",
      values: [bob.device],
    });
    return rows[0]?.last_used_at.getTime() ?? 0;
  };
  const start = await lastUse();
  const use = () => service.ask("GET", PATHS.vault, { token: bob.token });
  service.clock.advance(59_999);
  await use();
  t.equal(await lastUse(), start);
  service.clock.advance(1);
  await use();
  t.equal(await lastUse(), start + 60_000);
});

t.test("cards are found by id and by name", async (t) => {
  const { token } = bob;
  t.same((await service.ask("GET", PATHS.cardOf("alice"), { token })).body, body.card);
  const found = await service.ask("POST", PATHS.cards, {
    token,
    body: { accounts: [alice.account, bob.account, alice.account, accountId(9)] },
  });
  const names = (found.body as CardsFound).cards.map((card: Card) => card.name).sort();
  t.same(names, ["alice", "bob"], "each once; nobody's is missing");
  t.same((await service.ask("POST", PATHS.cards, { token, body: { accounts: [accountId(9)] } })).body, {
    cards: [],
  });
});

t.test("nobody's name and no name are told apart", async (t) => {
  const { token } = bob;
  t.match(await service.ask("GET", PATHS.cardOf("nobody"), { token }), {
    status: 404,
    body: { code: "noSuchAccount", message: /"nobody"/ },
  });
  for (const name of ["Alice", "al", "a%20b", "..%2f", "x".repeat(90)]) {
    t.match(await service.ask("GET", `${PATHS.cards}/${name}`, { token }), {
      status: 400,
      body: { code: "badName" },
    });
  }
});

t.test("too many ids at once, or ids that are none, are refused", async (t) => {
  const ask = (accounts: unknown) =>
    service.ask("POST", PATHS.cards, { token: bob.token, body: { accounts } });
  for (const accounts of [
    [],
    Array(201).fill(accountId()),
    ["x"],
    [accountId().toUpperCase() + "G"],
    "all",
  ]) {
    t.match(await ask(accounts), { status: 400, body: { code: "badRequest" } });
  }
});

t.test("who logs out is out, on the chat servers as well", async (t) => {
  const { token, device } = await signUp(service, "leaver");
  const server = service.addServer(entry(1));
  const heard = server.heard();
  const reply = await service.ask("POST", PATHS.logout, { token });
  t.match(reply, { status: 204, text: "" });
  t.same(await heard, { type: "revoked", devices: [device], why: "notSignedIn" });
  t.match(await service.ask("POST", PATHS.logout, { token }), { status: 401, body: { code: "notSignedIn" } });
});
