import t from "tap";
import { fromBase64Url } from "../../../src/protocol/bytes.js";
import { accountIdOf } from "../../../src/crypto/account-id.js";
import { PATHS, type SignedIn } from "../../../src/protocol/http.js";
import { logIn, signUp, signUpBody, startService, TINY_COST } from "../service.js";

const service = await startService(t, {
  limits: {
    registrationsPerMinutePerAddress: 1000,
    loginsPerMinutePerAccount: 1000,
    loginsPerMinutePerAccountAndAddress: 1000,
  },
});
const finish = (body: unknown) => service.ask("POST", PATHS.registerFinish, { body });

t.test("a sign-up makes the account of the identity key, and signs the device in", async (t) => {
  const body = await signUpBody(service, "alice");
  t.same(body.stretching, TINY_COST, "the cost is announced in the first step");
  const reply = await finish(body);
  t.equal(reply.status, 200);
  const { account, device, token } = reply.body as SignedIn;
  const key = fromBase64Url(body.card.identityKey);
  t.equal(account, await accountIdOf(key ?? new Uint8Array()));
  t.match(device, /^[0-9a-f]{32}$/);
  const vault = await service.ask("GET", PATHS.vault, { token });
  t.same(vault.body, body.vault);
});

t.test("the token is nowhere in the database, nor in the log", async (t) => {
  const { token } = await signUp(service, "secretive");
  const { rows } = await service.db.query({ text: "SELECT * FROM sessions" });
  const bytes = Buffer.from(token, "base64url");
  const stored = rows.map((row) => row["token_hash"] as Buffer);
  t.ok(stored.length > 0 && stored.every((hash) => hash.length === 32 && !hash.equals(bytes)));
  await service.ask("POST", PATHS.place, { token });
  t.ok(service.log.length > 0);
  t.notOk(service.log.some((line) => line.includes(token)));
});

t.test("of two who sign up with one name at once, one wins and the other is told", async (t) => {
  const bodies = await Promise.all([signUpBody(service, "twin"), signUpBody(service, "twin")]);
  const replies = await Promise.all(bodies.map(finish));
  t.same(replies.map((reply) => reply.status).sort(), [200, 409]);
  const loser = replies.find((reply) => reply.status === 409);
  t.match(loser?.body, { code: "nameTaken", message: /"twin"/ });
  const winner = bodies[replies.findIndex((reply) => reply.status === 200)];
  const login = await logIn(service, "twin");
  t.match(login.body, { card: winner?.card }, "the name is the winner's");
});

t.test("who lost has left nothing behind", async (t) => {
  const count = async () => {
    const { rows } = await service.db.query({ text: "SELECT account FROM vault_wrappings" });
    const { rows: sessions } = await service.db.query({ text: "SELECT account FROM sessions" });
    return [rows.length, sessions.length];
  };
  const body = await signUpBody(service, "alice");
  const before = await count();
  t.match((await finish(body)).body, { code: "nameTaken" });
  t.same(await count(), before);
});

t.test("an identity key has one account only", async (t) => {
  const body = await signUpBody(service, "first");
  t.equal((await finish(body)).status, 200);
  t.match(await finish(body), { status: 409, body: { code: "conflict" } });
});

t.test("a name that is none is refused as such", async (t) => {
  const body = await signUpBody(service, "proper");
  for (const name of ["ab", "a".repeat(33), "Proper", "pro per", "../proper", "", 7, null]) {
    const start = await service.ask("POST", PATHS.registerStart, { body: { name, request: "AAAA" } });
    t.match(start, { status: 400, body: { code: "badName" } });
    t.match(await finish({ ...body, name }), { status: 400, body: { code: "badName" } });
  }
});

t.test("a card that is not validly signed for this name is refused", async (t) => {
  const body = await signUpBody(service, "carded");
  const other = await signUpBody(service, "other");
  const cards = [
    { ...body.card, signature: other.card.signature },
    { ...body.card, generation: 2 },
    { ...body.card, identityKey: other.card.identityKey },
    { ...body.card, encryptionKey: body.card.encryptionKey.slice(0, 300) },
    other.card,
  ];
  for (const card of cards)
    t.match(await finish({ ...body, card }), { status: 400, body: { code: "badRequest" } });
});

t.test("another password cost than the announced one is refused", async (t) => {
  const strong = await startService(t, { password: { iterations: 3, memoryKiB: 64, parallelism: 1 } });
  const body = await signUpBody(strong, "weakling");
  for (const weaker of [{ iterations: 2 }, { memoryKiB: 63 }, { iterations: 1, memoryKiB: 8 }]) {
    const stretching = { ...body.stretching, ...weaker };
    t.match(await strong.ask("POST", PATHS.registerFinish, { body: { ...body, stretching } }), {
      status: 400,
      body: { code: "badRequest", message: /stretching must be 3 iterations, 64 KiB/ },
    });
  }
});

t.test("what no login could ever use is refused", async (t) => {
  const body = await signUpBody(service, "garbled");
  const [password] = body.vault.wrappings;
  const unfit = [
    { ...body, record: "AAAA" },
    { ...body, record: body.record.slice(0, -4) },
    { ...body, vault: { ...body.vault, wrappings: [password, password] } },
    { ...body, vault: { ...body.vault, wrappings: [] } },
    { ...body, vault: { ...body.vault, sealed: "A" } },
    { ...body, device: "x".repeat(65) },
    { ...body, card: undefined },
  ];
  for (const wrong of unfit) t.match(await finish(wrong), { status: 400, body: { code: "badRequest" } });
  t.match(await service.ask("POST", PATHS.registerStart, { body: { name: "garbled", request: "AAAA" } }), {
    status: 400,
    body: { code: "badRequest" },
  });
});
