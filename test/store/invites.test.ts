import { randomBytes } from "node:crypto";
import t, { type Test } from "tap";
import { sqlAccounts } from "../../src/store/accounts.js";
import type { Database } from "../../src/store/database.js";
import { sqlInvites } from "../../src/store/invites.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { engines } from "../engines/engines.js";
import { newAccount, newSession } from "./accounts-people.js";

const AT = 1_700_000_000_000;
const DAY_MS = 86_400_000;

for (const engine of engines()) {
  t.test(`invites on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    await stories(t, db);
  });
}

async function stories(t: Test, db: Database): Promise<void> {
  const invites = sqlInvites(db);
  const accounts = sqlAccounts(db);
  const make = async (uses: number, expiresAt = AT + DAY_MS) => {
    const codeHash = new Uint8Array(randomBytes(32));
    const made = await invites.make({ codeHash, uses, at: AT, expiresAt }, 100);
    if (made === null) throw new Error("there is room for a hundred");
    return { codeHash, id: made.id };
  };
  const signUp = (name: string, codeHash: Uint8Array, at = AT) => {
    const account = newAccount(name);
    return accounts.create(account, newSession(account.account, at), codeHash);
  };
  const left = async (id: number) => (await invites.list(AT)).find((invite) => invite.id === id)?.usesLeft;

  await t.test("an invite is listed as it was made, the newest first, and without its code", async (t) => {
    const [first, second] = [await make(1), await make(30)];
    t.same(await invites.list(AT), [
      { id: second.id, uses: 30, usesLeft: 30, madeAt: AT, expiresAt: AT + DAY_MS },
      { id: first.id, uses: 1, usesLeft: 1, madeAt: AT, expiresAt: AT + DAY_MS },
    ]);
  });

  await t.test("it lets in as many as it was made for", async (t) => {
    const { codeHash, id } = await make(2);
    t.equal(await invites.isGood(codeHash, AT), true);
    t.equal(await signUp("one", codeHash), "created");
    t.equal(await left(id), 1);
    t.equal(await signUp("two", codeHash), "created");
    t.equal(await left(id), 0);
    t.equal(await invites.isGood(codeHash, AT), false);
    t.equal(await signUp("three", codeHash), "badInvite");
    t.equal(await accounts.cardOf(newAccount("three").card.name), null, "nothing of it is there");
  });

  await t.test("of many who come at the same moment, no more come in than it was made for", async (t) => {
    const { codeHash, id } = await make(3);
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, (_, index) => signUp(`crowd-${index}`, codeHash)),
    );
    t.same([...outcomes].sort(), [
      ...Array<string>(6).fill("badInvite"),
      ...Array<string>(3).fill("created"),
    ]);
    t.equal(await left(id), 0);
  });

  await t.test("a sign-up that fails takes no use", async (t) => {
    const { codeHash, id } = await make(1);
    t.equal(await signUp("one", codeHash), "nameTaken");
    t.equal(await left(id), 1);
    t.equal(await signUp("later", codeHash), "created");
  });

  await t.test("of two who want one name with an invite each, the loser keeps theirs", async (t) => {
    const both = [await make(1), await make(1)];
    const outcomes = await Promise.all(both.map(({ codeHash }) => signUp("popular", codeHash)));
    t.same([...outcomes].sort(), ["created", "nameTaken"]);
    const lefts = await Promise.all(both.map(({ id }) => left(id)));
    t.same(
      lefts,
      outcomes.map((outcome) => (outcome === "created" ? 0 : 1)),
    );
  });

  await t.test("who has no good invite does not learn which names are taken", async (t) => {
    t.equal(await signUp("one", new Uint8Array(randomBytes(32))), "badInvite");
  });

  await t.test("its time ends it, also between the two steps", async (t) => {
    const { codeHash } = await make(1, AT + 1000);
    t.equal(await invites.isGood(codeHash, AT + 999), true);
    t.equal(await invites.isGood(codeHash, AT + 1000), false);
    t.equal(await signUp("late", codeHash, AT + 1000), "badInvite");
    t.equal(await signUp("in.time", codeHash, AT + 999), "created");
  });

  await t.test("one that is revoked lets nobody in, and is revoked once", async (t) => {
    const { codeHash, id } = await make(5);
    t.equal(await invites.revoke(id), true);
    t.equal(await invites.isGood(codeHash, AT), false);
    t.equal(await signUp("revoked", codeHash), "badInvite");
    t.equal(await invites.revoke(id), false);
  });

  await t.test(
    "there are so many and no more; those that are over make room, and no number comes twice",
    async (t) => {
      const standing = await invites.list(AT);
      const codeHash = new Uint8Array(randomBytes(32));
      const next = { codeHash, uses: 1, at: AT, expiresAt: AT + 2 * DAY_MS };
      t.equal(await invites.make(next, standing.length), null);
      const later = { ...next, at: AT + DAY_MS };
      const made = await invites.make(later, standing.length);
      t.ok(made !== null && standing.every(({ id }) => id < made.id));
      t.same(await invites.list(AT), [made], "the others are gone");
    },
  );
}
