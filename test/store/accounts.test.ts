import t, { type Test } from "tap";
import { sqlAccounts, type AccountStore, type NewAccount } from "../../src/store/accounts.js";
import type { Database } from "../../src/store/database.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlSessions } from "../../src/store/sessions.js";
import { engines } from "../engines/engines.js";
import { cardOf, COST, newAccount, newAccountId, newSession, vaultOf } from "./accounts-people.js";

for (const engine of engines()) {
  t.test(`accounts on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    await stories(t, db, sqlAccounts(db));
  });
}

async function stories(t: Test, db: Database, accounts: AccountStore): Promise<void> {
  const sessions = sqlSessions(db);
  const decoy = { record: "a decoy", stretching: { ...COST, iterations: 1 } };
  const make = async (name: string, over?: Partial<NewAccount>): Promise<NewAccount> => {
    const account = newAccount(name, over);
    t.equal(await accounts.create(account, newSession(account.account)), "created");
    return account;
  };

  await t.test("an account comes back as it was made, every byte of it", async (t) => {
    const alice = await make("alice");
    const { account, card, record, stretching, vault } = alice;
    t.same(await accounts.cardOf(card.name), card);
    t.same(await accounts.vault(account), vault);
    t.same(await accounts.credentials(card.name, decoy), { account, record, stretching });
  });

  await t.test("a checkpoint is replaced if it still is the one that was read", async (t) => {
    const account = await make("checked");
    const [first, second] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
    t.equal(await accounts.checkpoint(account.account), null);
    t.equal(await accounts.replaceCheckpoint(account.account, first, second), false);
    t.equal(await accounts.replaceCheckpoint(account.account, null, first), true);
    t.equal(await accounts.replaceCheckpoint(account.account, null, second), false);
    t.equal(await accounts.replaceCheckpoint(account.account, first, second), true);
    t.same([...((await accounts.checkpoint(account.account)) ?? [])], [...second]);
    t.equal(await accounts.checkpoint(newAccount("nobody").account), null);
  });

  await t.test("who does not exist has nothing", async (t) => {
    const { name } = cardOf("nobody");
    t.equal(await accounts.cardOf(name), null);
    t.same(await accounts.credentials(name, decoy), { account: null, ...decoy });
    t.equal(await accounts.vault(newAccountId()), null);
    t.same(await accounts.cards([newAccountId()]), []);
    t.same(await accounts.cards([]), []);
    t.equal(await accounts.signIn(newSession(newAccountId()), "record", 5), null);
  });

  await t.test("cards are found by account id", async (t) => {
    const [carol, dave] = [await make("carol"), await make("dave")];
    const found = await accounts.cards([carol.account, newAccountId(), dave.account]);
    t.same(
      found.sort((a, b) => (a.name < b.name ? -1 : 1)),
      [carol.card, dave.card],
    );
  });

  await t.test("a name that is taken leaves nothing of the second account", async (t) => {
    const erin = await make("erin");
    const second = newAccount("erin");
    const session = newSession(second.account);
    t.equal(await accounts.create(second, session), "nameTaken");
    t.equal(await accounts.vault(second.account), null);
    t.equal(await sessions.find(session.tokenHash), null);
    t.same(await accounts.cardOf(erin.card.name), erin.card);
  });

  await t.test("an account that exists is a conflict, under its name and under another", async (t) => {
    const { account } = await make("frank");
    t.equal(await accounts.create(newAccount("frank", { account }), newSession(account)), "conflict");
    t.equal(await accounts.create(newAccount("francis", { account }), newSession(account)), "conflict");
    t.equal(await accounts.cardOf(cardOf("francis").name), null);
  });

  await t.test("of many sign-ups with one name at the same moment one wins", async (t) => {
    const tries = Array.from({ length: 8 }, () => newAccount("popular"));
    const outcomes = await Promise.all(tries.map((each) => accounts.create(each, newSession(each.account))));
    t.same([...outcomes].sort(), ["created", ...Array<string>(7).fill("nameTaken")]);
    const winner = tries[outcomes.indexOf("created")];
    t.same(await accounts.cardOf(cardOf("popular").name), winner?.card);
  });

  await t.test("a login opens a session and answers card and vault", async (t) => {
    const grace = await make("grace");
    const session = newSession(grace.account);
    t.same(await accounts.signIn(session, grace.record, 5), {
      card: grace.card,
      vault: grace.vault,
      ended: [],
    });
    t.match(await sessions.find(session.tokenHash), { account: grace.account, device: session.device });
  });

  await t.test("a login with a record that was replaced opens nothing", async (t) => {
    const heidi = await make("heidi");
    const session = newSession(heidi.account);
    t.equal(await accounts.signIn(session, "an older record", 5), null);
    t.equal(await sessions.find(session.tokenHash), null);
  });

  await t.test("the oldest sessions give way to a new one", async (t) => {
    const account = newAccount("ivan");
    const opened = Array.from({ length: 5 }, (_, index) => newSession(account.account, 1000 * (index + 1)));
    const [first, second, third, fourth, fifth] = opened;
    if (!first || !second || !third || !fourth || !fifth) throw new Error("five sessions");
    await accounts.create(account, first);
    const other = await make("judy");
    t.match(await accounts.signIn(second, account.record, 3), { ended: [] });
    t.match(await accounts.signIn(third, account.record, 3), { ended: [] });
    t.match(await accounts.signIn(fourth, account.record, 3), { ended: [first.device] });
    const fewer = await accounts.signIn(fifth, account.record, 2);
    if (fewer === null || fewer === "suspended") throw new Error("the login was refused");
    t.same([...fewer.ended].sort(), [second.device, third.device].sort(), "also when the limit sank");
    const left = await Promise.all(opened.map(({ tokenHash }) => sessions.find(tokenHash)));
    t.same(
      left.map((session) => session !== null),
      [false, false, false, true, true],
    );
    t.match(await accounts.vault(other.account), { generation: 1 }, "nobody else's");
  });

  await t.test("logins at the same moment do not both find room", async (t) => {
    const account = await make("mallory");
    const opened = Array.from({ length: 6 }, (_, index) => newSession(account.account, 2e12 + index));
    await Promise.all(opened.map((session) => accounts.signIn(session, account.record, 2)));
    const left = await Promise.all(opened.map(({ tokenHash }) => sessions.find(tokenHash)));
    t.equal(left.filter((session) => session !== null).length, 2);
  });

  await t.test("many log in at the same moment, and each gets what is theirs", async (t) => {
    const people = await Promise.all(Array.from({ length: 20 }, (_, index) => make(`crowd-${index}`)));
    const names = people.map(({ card }) => card.name);
    const strangers = names.map((_, index) => cardOf(`stranger-${index}`).name);
    const found = await Promise.all(
      [...names, ...strangers].map((name) => accounts.credentials(name, decoy)),
    );
    t.same(found, [
      ...people.map(({ account, record, stretching }) => ({ account, record, stretching })),
      ...strangers.map(() => ({ account: null, ...decoy })),
    ]);
    const opened = people.map(({ account }) => newSession(account));
    const signedIn = await Promise.all(
      opened.map((session, index) => {
        const { record = "" } = people[index] ?? {};
        // Every fifth has another password by now.
        return accounts.signIn(session, index % 5 === 0 ? "an older record" : record, 5);
      }),
    );
    t.same(
      signedIn,
      people.map(({ card, vault }, index) => (index % 5 === 0 ? null : { card, vault, ended: [] })),
    );
    const sessionsFound = await Promise.all(opened.map(({ tokenHash }) => sessions.find(tokenHash)));
    t.same(
      sessionsFound.map((session) => session?.account ?? null),
      people.map(({ account }, index) => (index % 5 === 0 ? null : account)),
    );
  });

  await t.test("what the database refuses of one login is no failure of those beside it", async (t) => {
    const [good, bad] = [await make("good"), await make("bad")];
    const taken = newSession(good.account);
    await accounts.signIn(taken, good.record, 5);
    const [fresh, repeated] = [
      newSession(good.account),
      { ...newSession(bad.account), device: taken.device },
    ];
    const [first, second] = await Promise.allSettled([
      accounts.signIn(fresh, good.record, 5),
      accounts.signIn(repeated, bad.record, 5),
    ]);
    t.match(first, { status: "fulfilled", value: { ended: [] } });
    t.match(second, { status: "rejected", reason: { kind: "rejected" } });
    t.not(await sessions.find(fresh.tokenHash), null);
    t.equal(await sessions.find(repeated.tokenHash), null);
  });

  await t.test("accounts are counted by the cost of their passwords", async (t) => {
    const before = (await accounts.stretchings()).find(({ stretching }) => stretching.iterations === 3);
    await make("olivia", { stretching: { ...COST, iterations: 7 } });
    await make("peggy", {
      stretching: { parallelism: 4, memoryKiB: 65536, iterations: 7, algorithm: "argon2id" },
    });
    const found = await accounts.stretchings();
    t.equal(found.length, 2, "equal costs are one");
    t.same(
      found.find(({ stretching }) => stretching.iterations === 7),
      { stretching: { ...COST, iterations: 7 }, accounts: 2 },
    );
    t.equal(found.find(({ stretching }) => stretching.iterations === 3)?.accounts, before?.accounts);
  });

  await t.test(
    "a vault of one wrapping and one of eight come back in the order of their kinds",
    async (t) => {
      const wrappings = ["h", "g", "f", "e", "d", "c", "b", "a"].map((kind) => ({ kind, wrapped: "AAAA" }));
      const { account } = await make("trent", { vault: { ...vaultOf(), wrappings } });
      t.same((await accounts.vault(account))?.wrappings, wrappings.reverse());
    },
  );
}
