import { client } from "@serenity-kit/opaque";
import t from "tap";
import { PATHS, type LoginFinished, type LoginStarted, type SignedIn } from "../../../src/protocol/http.js";
import { deviceId, entry } from "../loads.js";
import { beginLogin, logIn, signUp, signUpBody, startService } from "../service.js";

const limits = {
  registrationsPerMinutePerAddress: 1000,
  loginsPerMinutePerAddress: 1000,
  loginsPerMinutePerAccount: 1000,
  loginsPerMinutePerAccountAndAddress: 1000,
};
const service = await startService(t, { limits: { ...limits, sessionsPerAccount: 3 } });
const finish = (login: string, request: string | null) =>
  service.ask("POST", PATHS.loginFinish, { body: { login, request, device: "laptop" } });
/** 64 bytes, as long as a proof. */
const GUESS = Buffer.alloc(64, 1).toString("base64url");

t.test("who knows the password gets a session, the card and the vault", async (t) => {
  const body = await signUpBody(service, "alice");
  const first = (await service.ask("POST", PATHS.registerFinish, { body })).body as SignedIn;
  const reply = await logIn(service, "alice");
  t.equal(reply.status, 200);
  const { session, card, vault } = reply.body as LoginFinished;
  t.equal(session.account, first.account);
  t.not(session.device, first.device, "another device");
  t.not(session.token, first.token);
  t.same(card, body.card);
  t.same(vault, body.vault);
  t.equal((await service.ask("GET", PATHS.vault, { token: session.token })).status, 200);
});

t.test("a wrong password and an unknown name take the same steps and are answered alike", async (t) => {
  await signUp(service, "known");
  const wrong = await beginLogin(service, "known", "wrong horse");
  const unknown = await beginLogin(service, "nobody", "wrong horse");
  t.equal(wrong.proof, null, "the client finds out by itself");
  t.equal(unknown.proof, null);
  t.equal(wrong.started.status, 200);
  t.equal(unknown.started.status, 200);
  t.equal(unknown.started.text.length, wrong.started.text.length);
  const shape = (text: string) =>
    Object.entries(JSON.parse(text) as object).map(([key, value]) => [key, typeof value]);
  t.same(shape(unknown.started.text), shape(wrong.started.text));
  t.same((unknown.started.body as LoginStarted).stretching, (wrong.started.body as LoginStarted).stretching);

  const [guessed, missed] = [await finish(wrong.login, GUESS), await finish(unknown.login, GUESS)];
  t.match(guessed, { status: 401, body: { code: "loginFailed" } });
  t.equal(missed.text, guessed.text);
  const headers = (reply: typeof guessed) => Object.keys(reply.headers).sort().join();
  t.equal(headers(missed), headers(guessed));
});

t.test("an unknown name answers the same evaluation each time, as a known one does", async (t) => {
  await signUp(service, "steady");
  const request = client.startLogin({ password: "x" }).startLoginRequest;
  for (const name of ["steady", "absent"]) {
    const ask = async () => {
      const { body } = await service.ask("POST", PATHS.loginStart, { body: { name, request } });
      return Buffer.from((body as LoginStarted).response, "base64url")
        .subarray(0, 32)
        .toString("hex");
    };
    t.equal(await ask(), await ask());
  }
});

t.test("a password cost that is no longer the configured one does not give a name away", async (t) => {
  await signUp(service, "veteran");
  const stronger = await startService(t, {
    db: service.db,
    limits,
    password: { iterations: 2, memoryKiB: 16, parallelism: 1 },
  });
  const costOf = async (name: string) => {
    const { body } = (await beginLogin(stronger, name)).started;
    return (body as LoginStarted).stretching.iterations;
  };
  t.equal(await costOf("veteran"), 1);
  const unknown = await Promise.all(Array.from({ length: 20 }, (_, index) => costOf(`stranger-${index}`)));
  t.ok(unknown.filter((iterations) => iterations === 1).length > 5, "strangers have the old cost, too");
});

t.test("a login is good for one try", async (t) => {
  await signUp(service, "once");
  const { login, proof } = await beginLogin(service, "once");
  t.equal((await finish(login, proof)).status, 200);
  t.match(await finish(login, proof), { status: 401, body: { code: "loginFailed" } });
  const second = await beginLogin(service, "once");
  t.match(await finish(second.login, GUESS), { status: 401 });
  t.match(await finish(second.login, second.proof), { status: 401 }, "a wrong proof uses it up as well");
});

t.test("of two tries at the same moment one succeeds at most", async (t) => {
  await signUp(service, "racer");
  const { login, proof } = await beginLogin(service, "racer");
  const replies = await Promise.all([finish(login, proof), finish(login, proof)]);
  t.same(replies.map((reply) => reply.status).sort(), [200, 401]);
});

t.test("a login that took too long is over", async (t) => {
  await signUp(service, "slow");
  const { login, proof } = await beginLogin(service, "slow");
  service.clock.advance(60_000);
  t.match(await finish(login, proof), { status: 401, body: { code: "loginFailed" } });
});

t.test("a proof fits its own login only", async (t) => {
  await signUp(service, "ann");
  await signUp(service, "ben", "other horse");
  const ann = await beginLogin(service, "ann");
  const ben = await beginLogin(service, "ben", "other horse");
  t.match(await finish(ben.login, ann.proof), { status: 401, body: { code: "loginFailed" } });
});

t.test("a login begun before the password was changed ends with it", async (t) => {
  await signUp(service, "changer");
  const { login, proof } = await beginLogin(service, "changer");
  await service.db.query({
    text: "UPDATE accounts SET opaque_record = $1 WHERE name = $2",
    values: ["another", "changer"],
  });
  t.match(await finish(login, proof), { status: 401, body: { code: "loginFailed" } });
});

t.test("one session too many ends the oldest, and the servers are told", async (t) => {
  const first = await signUp(service, "nomad");
  const server = service.addServer(entry(1));
  const devices: SignedIn[] = [first];
  for (let i = 0; i < 2; i++) {
    service.clock.advance(1000);
    devices.push(((await logIn(service, "nomad")).body as LoginFinished).session);
  }
  t.equal((await service.ask("GET", PATHS.vault, { token: first.token })).status, 200, "three are allowed");
  service.clock.advance(1000);
  const heard = server.heard();
  const newest = ((await logIn(service, "nomad")).body as LoginFinished).session;
  t.same(await heard, { type: "revoked", devices: [first.device], why: "notSignedIn" });
  t.equal((await service.ask("GET", PATHS.vault, { token: first.token })).status, 401);
  for (const { token } of [...devices.slice(1), newest]) {
    t.equal((await service.ask("GET", PATHS.vault, { token })).status, 200);
  }
});

t.test("garbage is refused at either step", async (t) => {
  const start = (body: unknown) => service.ask("POST", PATHS.loginStart, { body });
  for (const request of ["AAAA", GUESS, "not base64!", "", "A".repeat(4000), 5]) {
    for (const name of ["alice", "nobody"]) {
      t.match(await start({ name, request }), { status: 400, body: { code: "badRequest" } });
    }
  }
  const inexact = ["A", 7, {}, [], deviceId()];
  for (const login of inexact) {
    t.match(await service.ask("POST", PATHS.loginFinish, { body: { login, request: GUESS, device: "x" } }), {
      status: 400,
      body: { code: "badRequest" },
    });
  }
  const device = "a\u0000b";
  t.match(
    await service.ask("POST", PATHS.loginFinish, {
      body: { login: "AAAAAAAAAAAAAAAAAAAAAA", request: GUESS, device },
    }),
    { status: 400, body: { code: "badRequest", message: /device/ } },
  );
  t.match(await finish("AAAAAAAAAAAAAAAAAAAAAA", GUESS), { status: 401, body: { code: "loginFailed" } });
});
