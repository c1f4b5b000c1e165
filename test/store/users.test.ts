import t, { type Test } from "tap";
import type { UserName } from "../../src/protocol/ids.js";
import { sqlAccounts } from "../../src/store/accounts.js";
import type { Database } from "../../src/store/database.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlSessions } from "../../src/store/sessions.js";
import { sqlUsers } from "../../src/store/users.js";
import { engines } from "../engines/engines.js";
import { cardOf, newAccount, newSession } from "./accounts-people.js";

/** 2026-01-31, an hour before midnight in UTC. */
const AT = Date.UTC(2026, 0, 31, 23);
const DAY_MS = 86_400_000;
const named = (name: string): UserName => cardOf(name).name;

for (const engine of engines()) {
  t.test(`users on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    await stories(t, db);
  });
}

async function stories(t: Test, db: Database): Promise<void> {
  const [users, accounts, sessions] = [sqlUsers(db), sqlAccounts(db), sqlSessions(db)];
  const make = async (name: string) => {
    const account = newAccount(name);
    const session = newSession(account.account, AT);
    await accounts.create(account, session);
    return { ...account, session };
  };
  const page = async (after: string | null, limit: number, search = "") =>
    (await users.page({ after: after === null ? null : named(after), limit, search })).map(
      ({ name }) => name,
    );
  const alice = await make("alice");
  for (const name of ["carol", "bob_1", "bob21", "dave"]) await make(name);

  await t.test("names come in their order, page by page", async (t) => {
    const all = await page(null, 10);
    t.same([...all].sort(), ["alice", "bob21", "bob_1", "carol", "dave"]);
    t.same(await page(null, 2), all.slice(0, 2));
    t.same(await page(all[1] ?? null, 2), all.slice(2, 4));
    t.same(await page(all[3] ?? null, 2), all.slice(4));
    t.same(await page(all[4] ?? null, 2), []);
  });

  await t.test("a search looks for the text as it is", async (t) => {
    t.same(await page(null, 10, "bob_"), ["bob_1"], "the underscore stands for itself");
    t.same(await page(null, 10, "aro"), ["carol"]);
    t.same(await page(null, 10, "%"), []);
  });

  await t.test("devices are counted, and when one was here last is told to the day", async (t) => {
    const second = newSession(alice.account, AT + 1000);
    await accounts.signIn(second, alice.record, 9);
    await sessions.touch([second.device], AT + DAY_MS);
    const [first] = await users.page({ after: null, limit: 1, search: "" });
    t.same(first, {
      name: "alice",
      since: "2026-01-31",
      devices: 2,
      lastSeen: "2026-02-01",
      suspended: false,
    });
    for (const { device } of await sessions.list(alice.account)) await sessions.end(device);
    t.match(await users.page({ after: null, limit: 1, search: "" }), [{ devices: 0, lastSeen: null }]);
  });

  await t.test("a suspended account's sessions let nobody in, and no login opens another", async (t) => {
    const session = newSession(alice.account, AT);
    await accounts.signIn(session, alice.record, 9);
    t.same(await users.suspend(named("alice"), AT), { changed: true, devices: [session.device] });
    t.match(await sessions.find(session.tokenHash), { account: alice.account, suspended: true });
    t.same(await sessions.ended([session.device]), [{ device: session.device, why: "suspended" }]);
    t.equal(await accounts.signIn(newSession(alice.account, AT), alice.record, 9), "suspended");
    t.equal(await accounts.signIn(newSession(alice.account, AT), "an older record", 9), null);
    t.match(await users.page({ after: null, limit: 1, search: "" }), [{ suspended: true, devices: 1 }]);
    t.match(await accounts.cardOf(named("alice")), alice.card, "others may still write to it");
    t.same(
      await users.suspend(named("alice"), AT + 1),
      { changed: false, devices: [session.device] },
      "again: the devices are named once more",
    );
  });

  await t.test("once that is lifted one may log in again; what was signed in before is not", async (t) => {
    const [before] = await sessions.list(alice.account);
    t.same(await users.lift(named("alice")), { changed: true, devices: [before?.device] });
    t.same(await sessions.list(alice.account), []);
    const session = newSession(alice.account, AT);
    t.match(await accounts.signIn(session, alice.record, 9), { ended: [] });
    t.match(await sessions.find(session.tokenHash), { suspended: false });
    t.same(await users.lift(named("alice")), { changed: false, devices: [] });
    t.match(await sessions.find(session.tokenHash), { suspended: false }, "and that ends no session");
  });

  await t.test("nobody else is concerned", async (t) => {
    const erin = await make("erin");
    await users.suspend(named("alice"), AT);
    t.match(await sessions.find(erin.session.tokenHash), { suspended: false });
    t.same(await sessions.ended([erin.session.device]), []);
  });

  await t.test(
    "of logins and a suspension at the same moment, none leaves a session that is not named",
    async (t) => {
      const frank = await make("frank");
      const opened = Array.from({ length: 6 }, () => newSession(frank.account, AT));
      const [done, ...logins] = await Promise.all([
        users.suspend(named("frank"), AT),
        ...opened.map((session) => accounts.signIn(session, frank.record, 32)),
      ]);
      const inside = opened.filter((_, index) => logins[index] !== "suspended").map(({ device }) => device);
      t.same([...(done?.devices ?? [])].sort(), [frank.session.device, ...inside].sort());
    },
  );

  await t.test("who does not exist is not suspended", async (t) => {
    t.equal(await users.suspend(named("nobody"), AT), null);
    t.equal(await users.lift(named("nobody")), null);
  });
}
