/** What a suspended account's people and devices are told, and what strangers are not. */
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { PATHS, type LoginFinished, type LoginStarted } from "../../../src/protocol/http.js";
import { OPERATOR_PATHS } from "../../../src/protocol/operator.js";
import { accountId, entry } from "../loads.js";
import { beginLogin, logIn, OPERATOR_TOKEN, signUp, startService } from "../service.js";

const limits = {
  registrationsPerMinutePerAddress: 1000,
  loginsPerMinutePerAddress: 1000,
  loginsPerMinutePerAccount: 1000,
  loginsPerMinutePerAccountAndAddress: 1000,
};
const service = await startService(t, { limits });
const operator = toBase64Url(OPERATOR_TOKEN);
const suspend = (name: string) => service.ask("POST", OPERATOR_PATHS.suspend(name), { token: operator });
const lift = (name: string) => service.ask("POST", OPERATOR_PATHS.lift(name), { token: operator });
const finish = (login: string, request: string | null) =>
  service.ask("POST", PATHS.loginFinish, { body: { login, request, device: "laptop" } });
/** 64 bytes, as long as a proof. */
const GUESS = Buffer.alloc(64, 1).toString("base64url");
const suspended = { status: 403, body: { code: "suspended", message: "This account is suspended." } };

t.test(
  "its sessions are refused for that reason, all of them, and its sessions end on every server",
  async (t) => {
    const { token, device } = await signUp(service, "alice");
    const second = (await logIn(service, "alice")).body as LoginFinished;
    const line = service.addServer(entry(1));
    const heard = line.heard();
    t.match(await suspend("alice"), { status: 200, body: { changed: true, devices: 2 } });
    const told = await heard;
    if (told.type !== "revoked") throw new Error(`the server was told of ${told.type}`);
    t.equal(told.why, "suspended");
    t.same([...told.devices].sort(), [device, second.session.device].sort());
    for (const [method, path, body] of [
      ["POST", PATHS.place, {}],
      ["POST", PATHS.voucher, {}],
      ["POST", PATHS.fileVoucher, { bytes: 1 }],
      ["GET", PATHS.vault, undefined],
      ["GET", PATHS.devices, undefined],
      ["GET", PATHS.checkpoint, undefined],
      ["POST", PATHS.checkpoint, { instead: null, sealed: "AAAA" }],
      ["POST", PATHS.cards, { accounts: [accountId()] }],
      ["GET", PATHS.cardOf("alice"), undefined],
    ] as const) {
      for (const shown of [token, second.session.token]) {
        t.match(
          await service.ask(method, path, { token: shown, ...(body === undefined ? {} : { body }) }),
          suspended,
        );
      }
    }
  },
);

t.test("a login is told so once the password is proved, and not before", async (t) => {
  await signUp(service, "bob");
  const before = await beginLogin(service, "bob", "wrong horse");
  await suspend("bob");
  t.match(await logIn(service, "bob"), suspended);

  const [wrong, unknown] = [
    await beginLogin(service, "bob", "wrong horse"),
    await beginLogin(service, "nobody", "wrong horse"),
  ];
  t.same([wrong.started.status, unknown.started.status], [200, 200]);
  t.equal(wrong.started.text.length, before.started.text.length);
  t.equal(unknown.started.text.length, wrong.started.text.length);
  t.same((wrong.started.body as LoginStarted).stretching, (before.started.body as LoginStarted).stretching);
  t.equal(wrong.proof, null, "the client finds out by itself");
  const [guessed, missed] = [await finish(wrong.login, GUESS), await finish(unknown.login, GUESS)];
  t.equal(guessed.status, 401);
  t.same(guessed.body, missed.body);
});

t.test("a login that had begun before is refused as well", async (t) => {
  await signUp(service, "carol");
  const { login, proof } = await beginLogin(service, "carol");
  await suspend("carol");
  t.match(await finish(login, proof), suspended);
});

t.test("the name stays taken, and others still find its card, so that what they write waits", async (t) => {
  const { token } = await signUp(service, "dave");
  await signUp(service, "erin");
  await suspend("erin");
  t.match(await service.ask("GET", PATHS.cardOf("erin"), { token }), { status: 200, body: { name: "erin" } });
  await t.rejects(signUp(service, "erin"), /nameTaken/);
});

t.test("a device may be logged out all the same", async (t) => {
  const { token } = await signUp(service, "frank");
  await suspend("frank");
  t.match(await service.ask("POST", PATHS.logout, { token }), { status: 204 });
  t.match(await service.ask("POST", PATHS.place, { token }), { status: 401, body: { code: "notSignedIn" } });
});

t.test("once it is lifted one logs in again; older tokens are worth nothing", async (t) => {
  const { token, account } = await signUp(service, "grace");
  await suspend("grace");
  t.match(await lift("grace"), { status: 200, body: { changed: true, devices: 1 } });
  t.match(await service.ask("POST", PATHS.place, { token }), { status: 401, body: { code: "notSignedIn" } });
  const again = await logIn(service, "grace");
  t.equal(again.status, 200);
  const { session } = again.body as LoginFinished;
  t.equal(session.account, account);
  t.match(await service.ask("GET", PATHS.vault, { token: session.token }), { status: 200 });
});

t.test("a balancer that was started anew answers likewise, and tells servers that come back", async (t) => {
  const { token, account, device } = await signUp(service, "heidi");
  await suspend("heidi");
  const restarted = await startService(t, { limits, db: service.db });
  t.match(await restarted.ask("POST", PATHS.place, { token }), suspended);
  t.match(await logIn(restarted, "heidi"), suspended);
  const line = restarted.addServer(entry(1));
  const heard = line.heard();
  line.say({ type: "sessions", sessions: [{ session: 1, account, device }] });
  t.same(await heard, { type: "revoked", devices: [device], why: "suspended" });
});
