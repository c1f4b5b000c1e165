/** A service's database of an older release, with people in it, is brought up to date. */
import t from "tap";
import { sqlAccounts } from "../../src/store/accounts.js";
import { sqlInvites } from "../../src/store/invites.js";
import { migrate, type Migrations } from "../../src/store/migrate.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlSessions } from "../../src/store/sessions.js";
import { sqlUsers } from "../../src/store/users.js";
import { engines } from "../engines/engines.js";
import { cardOf, newSession } from "./accounts-people.js";
import { insertAccounts } from "./account-rows.js";

const upTo = (version: number): Migrations => ({
  ...serviceMigrations,
  steps: serviceMigrations.steps.slice(0, version),
});

for (const engine of engines()) {
  t.test(`from version 4 on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(upTo(4));
    t.teardown(close);
    const [account] = await insertAccounts(db, 1);
    if (account === undefined) throw new Error("one account was asked for");
    const session = newSession(account);
    await db.query({
      text: `INSERT INTO sessions (device, account, token_hash, label, created_at, last_used_at)
             VALUES ($1, $2, $3, 'old', $4, $4)`,
      values: [session.device, account, session.tokenHash, new Date(session.at)],
    });
    t.match(await migrate(db, serviceMigrations), { from: 4 });

    t.match(await sqlSessions(db).find(session.tokenHash), { account, suspended: false }, "still signed in");
    const { name } = cardOf(account);
    t.same(await sqlUsers(db).page({ after: null, limit: 9, search: "" }), [
      { name, since: null, devices: 1, lastSeen: "2023-11-14", suspended: false },
    ]);
    t.match(await sqlUsers(db).suspend(name, session.at), { changed: true, devices: [session.device] });
    t.same(await sqlInvites(db).list(0), []);
    t.equal(await sqlAccounts(db).cardOf(cardOf("nobody").name), null);
  });
}
