/** Who may sign up: anybody, whoever was invited, nobody. */
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { newInviteCode } from "../../../src/protocol/invite-code.js";
import { PATHS } from "../../../src/protocol/http.js";
import { OPERATOR_PATHS, type InviteMade, type Invites } from "../../../src/protocol/operator.js";
import { systemRandom } from "../../../src/node/clock.js";
import { OPERATOR_TOKEN, signUp, signUpBody, startService, type Service } from "../service.js";

const token = toBase64Url(OPERATOR_TOKEN);
const limits = {
  registrationsPerMinutePerAddress: 1000,
  loginsPerMinutePerAccount: 1000,
  loginsPerMinutePerAccountAndAddress: 1000,
};
const other = newInviteCode((length) => systemRandom.bytes(length));

async function invite(service: Service, uses = 1, days = 1): Promise<InviteMade> {
  const reply = await service.ask("POST", OPERATOR_PATHS.invites, { token, body: { uses, days } });
  if (reply.status !== 200) throw new Error(reply.text);
  return reply.body as InviteMade;
}

async function usesLeft(service: Service, id: number): Promise<number | undefined> {
  const { body } = await service.ask("GET", OPERATOR_PATHS.invites, { token });
  return (body as Invites).invites.find((one) => one.id === id)?.usesLeft;
}

/** A first step: OPAQUE comes after the invite, so that it need be none. */
const begin = (service: Service, code?: string) =>
  service.ask("POST", PATHS.registerStart, {
    body: { name: "somebody", request: "AAAA", ...(code === undefined ? {} : { invite: code }) },
  });
const closed = { status: 403, body: { code: "registrationClosed" } };
const bad = { status: 403, body: { code: "badInvite" } };

t.test("an open service says so, and takes no notice of invites", async (t) => {
  const service = await startService(t, { limits });
  t.match(await service.ask("GET", PATHS.service), { body: { registration: "open" } });
  const { invite: made, code } = await invite(service);
  const body = await signUpBody(service, "alice");
  for (const [name, shown] of [
    ["alice", code],
    ["bob", "no code at all"],
  ] as const) {
    const finish = { ...(name === "alice" ? body : await signUpBody(service, name)), invite: shown };
    t.match(await service.ask("POST", PATHS.registerFinish, { body: finish }), { status: 200 });
  }
  t.equal(await usesLeft(service, made.id), 1);
});

t.test("a closed service refuses at the first step, and at the last", async (t) => {
  const service = await startService(t, { limits, registration: "closed" });
  t.match(await service.ask("GET", PATHS.service), { body: { registration: "closed" } });
  const { code } = await invite(service);
  for (const shown of [undefined, code, other]) t.match(await begin(service, shown), closed);
  // Whoever goes straight to the last step, with a body that an open service gave.
  const open = await startService(t, { limits });
  const body = await signUpBody(open, "alice");
  for (const shown of [{}, { invite: code }]) {
    t.match(await service.ask("POST", PATHS.registerFinish, { body: { ...body, ...shown } }), closed);
  }
});

t.test("by invite: whoever has a good one comes in, and it is used up by that alone", async (t) => {
  const service = await startService(t, { limits, registration: "invite" });
  t.match(await service.ask("GET", PATHS.service), { body: { registration: "invite" } });
  t.match(await begin(service), closed, "without one");
  for (const wrong of ["", "nonsense", other]) t.match(await begin(service, wrong), bad, wrong);
  t.match(await begin(service, "x".repeat(500)), { status: 400, body: { code: "badRequest" } });

  const { invite: made, code } = await invite(service, 2);
  const typed = code.toLowerCase().replaceAll("-", " ");
  for (let tries = 0; tries < 3; tries++) {
    t.match(await signUpBody(service, "alice", undefined, typed), { name: "alice" });
  }
  t.equal(await usesLeft(service, made.id), 2, "first steps take no use");
  const alice = await signUpBody(service, "alice", undefined, typed);
  const finish = (body: object) => service.ask("POST", PATHS.registerFinish, { body });
  t.match(await finish({ ...alice, record: "AAAA" }), { body: { code: "badRequest" } });
  t.match(await finish({ ...alice, invite: undefined }), closed);
  t.match(await finish({ ...alice, invite: other }), bad);
  t.equal(await usesLeft(service, made.id), 2, "neither do last steps that fail");
  t.match(await finish(alice), { status: 200 });
  t.equal(await usesLeft(service, made.id), 1);
  t.match(await finish(await signUpBody(service, "alice", undefined, code)), { body: { code: "nameTaken" } });
  t.equal(await usesLeft(service, made.id), 1, "nor does a name that is taken");
  t.match(
    await finish({ ...(await signUpBody(service, "alice", undefined, code)), invite: other }),
    bad,
    "who has no good one does not learn that it is taken",
  );
  t.match(await finish(await signUpBody(service, "bob", undefined, code)), { status: 200 });
  t.match(await begin(service, code), bad, "used up");
});

t.test("an invite ends with its time, between the steps as well, and when it is revoked", async (t) => {
  const service = await startService(t, { limits, registration: "invite" });
  const [short, long] = [await invite(service, 5, 1), await invite(service, 5, 2)];
  const body = await signUpBody(service, "alice", undefined, short.code);
  service.clock.advance(86_400_000);
  t.match(await service.ask("POST", PATHS.registerFinish, { body }), bad);
  t.match(await begin(service, short.code), bad);
  await signUp(service, "alice", undefined, long.code);
  t.match(await service.ask("DELETE", OPERATOR_PATHS.invite(long.invite.id), { token }), { status: 204 });
  t.match(await begin(service, long.code), bad);
});

t.test("nobody sees the code of an invite in the database or in the log", async (t) => {
  const service = await startService(t, { limits, registration: "invite" });
  const { code } = await invite(service, 2);
  await signUp(service, "alice", undefined, code);
  const { rows } = await service.db.query({ text: "SELECT * FROM invites" });
  t.match(rows, [{ uses: 2, uses_left: 1 }]);
  const [group = ""] = code.split("-");
  const text = JSON.stringify(rows.map((row) => Object.values(row).map(String)));
  t.notOk(text.includes(group));
  t.ok(service.log.length > 0);
  t.notOk(service.log.some((line) => line.includes(code)));
});
