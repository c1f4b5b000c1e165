/** Accounts and invites, as operators ask for them. */
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { OPERATOR_PATHS, type InviteMade, type Users } from "../../../src/protocol/operator.js";
import { OPERATOR_TOKEN, signUp, startService, type Reply } from "../service.js";

const token = toBase64Url(OPERATOR_TOKEN);
const service = await startService(t, {
  limits: { registrationsPerMinutePerAddress: 1000, invites: 2 },
});
const NAMES = ["alice", "bob", "carol", "dave", "erin"];
for (const name of NAMES) await signUp(service, name);
const get = async (query: string) => service.ask("GET", `${OPERATOR_PATHS.users}${query}`, { token });
/** The line of a request; it is written once the answer is, which may arrive first. */
async function lineOf({ headers }: Reply): Promise<Record<string, unknown>> {
  const request = headers["x-request-id"];
  for (;;) {
    const lines = service.log.map((line) => JSON.parse(line) as Record<string, unknown>);
    const own = lines.filter((line) => line["request"] === request);
    const [line] = own;
    if (own.length > 1) throw new Error("it is logged more than once");
    if (line !== undefined) return line;
    await new Promise(setImmediate);
  }
}
const SUSPEND = "/v1/operator/users/:name/suspend";

t.test("accounts are told page by page, nobody twice and nobody left out", async (t) => {
  const found: string[] = [];
  let pages = 0;
  for (let next: string | null = ""; next !== null; pages++) {
    const { body } = await get(`?limit=2${next === "" ? "" : `&after=${next}`}`);
    const page = body as Users;
    found.push(...page.users.map(({ name }) => name));
    next = page.next;
  }
  t.same(found, NAMES);
  t.equal(pages, 3);
  t.match((await get("")).body, { users: NAMES.map((name) => ({ name })), next: null });
  t.match((await get("?limit=5")).body, { next: null }, "a full page that is the last one");
});

t.test(
  "an account is told by name, days, devices and whether it is suspended, and nothing else",
  async (t) => {
    await service.ask("POST", OPERATOR_PATHS.suspend("bob"), { token });
    const { body } = await get("?search=OB");
    const day = new Date(service.clock.now()).toISOString().slice(0, 10);
    t.same(body, {
      users: [{ name: "bob", since: day, devices: 1, lastSeen: day, suspended: true }],
      next: null,
    });
  },
);

t.test("what is asked wrongly is told so", async (t) => {
  for (const query of [
    "?limit=0",
    "?limit=501",
    "?limit=x",
    "?after=NO",
    "?search=",
    `?search=${"x".repeat(33)}`,
  ]) {
    t.match(
      await get(query),
      { status: 400, body: { code: "badRequest", message: /^querystring\./ } },
      query,
    );
  }
});

t.test("who does not exist cannot be suspended", async (t) => {
  for (const path of [OPERATOR_PATHS.suspend("nobody"), OPERATOR_PATHS.lift("nobody")]) {
    t.match(await service.ask("POST", path, { token }), { status: 404, body: { code: "noSuchAccount" } });
  }
  t.match(await service.ask("POST", OPERATOR_PATHS.suspend("No Name"), { token }), {
    status: 400,
    body: { code: "badName" },
  });
});

t.test(
  "each action stands in the log with its request, and no action without effect is told as one",
  async (t) => {
    const reply = await service.ask("POST", OPERATOR_PATHS.suspend("carol"), { token });
    const again = await service.ask("POST", OPERATOR_PATHS.suspend("carol"), { token });
    t.match(again.body, { changed: false, devices: 1 });
    const told = { level: "info", msg: "an operator's order", route: SUSPEND, name: "carol" };
    t.match(await lineOf(reply), { ...told, changed: true, devices: 1 });
    t.match(await lineOf(again), { ...told, changed: false });
    const lifted = await service.ask("POST", OPERATOR_PATHS.lift("carol"), { token });
    t.match(await lineOf(lifted), { level: "info", name: "carol", changed: true });
    t.match(await service.ask("POST", OPERATOR_PATHS.lift("carol"), { token }), {
      body: { changed: false, devices: 0 },
    });
  },
);

t.test("invites are made, listed and revoked", async (t) => {
  const make = (body: object) => service.ask("POST", OPERATOR_PATHS.invites, { token, body });
  const made = await make({ uses: 3, days: 2 });
  const { invite, code, registration } = made.body as InviteMade;
  t.equal(registration, "open");
  t.equal(invite.expiresAt - invite.madeAt, 2 * 86_400_000);
  t.match(await lineOf(made), { level: "info", invite: invite.id, uses: 3, days: 2 });
  t.same((await service.ask("GET", OPERATOR_PATHS.invites, { token })).body, {
    invites: [invite],
    registration: "open",
  });
  await make({ uses: 1, days: 1 });
  t.match(await make({ uses: 1, days: 1 }), { status: 400, body: { message: /2 invites already/ } });
  const gone = await service.ask("DELETE", OPERATOR_PATHS.invite(invite.id), { token });
  t.match(gone, { status: 204, text: "" });
  t.match(await lineOf(gone), { level: "info", invite: invite.id });
  t.match(await service.ask("DELETE", OPERATOR_PATHS.invite(invite.id), { token }), {
    status: 400,
    body: { code: "badRequest", message: /no invite/ },
  });
  t.notOk(service.log.some((line) => line.includes(code) || line.includes(token)));
  for (const body of [
    {},
    { uses: 0, days: 1 },
    { uses: 1, days: 367 },
    { uses: 10_001, days: 1 },
    { uses: 1.5, days: 1 },
  ])
    t.match(await make(body), { status: 400, body: { code: "badRequest" } });
  for (const id of ["0", "x", "1.5", "9999999999"])
    t.match(await service.ask("DELETE", `${OPERATOR_PATHS.invites}/${id}`, { token }), { status: 400 });
});
