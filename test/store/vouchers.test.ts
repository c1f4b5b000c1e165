import t from "tap";
import { sqlAccounts } from "../../src/store/accounts.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlVouchers } from "../../src/store/vouchers.js";
import { engines } from "../engines/engines.js";
import { newAccount, newSession } from "./accounts-people.js";

for (const engine of engines()) {
  t.test(`vouchers on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    const vouchers = sqlVouchers(db);
    const make = async (name: string) => {
      const account = newAccount(name);
      await sqlAccounts(db).create(account, newSession(account.account));
      return account.account;
    };
    const alice = await make("alice");
    const bob = await make("bob");

    await t.test("an account gets so many a day, however many it asks for at once", async (t) => {
      const asked = await Promise.all(
        Array.from({ length: 9 }, () => vouchers.grant(alice, "2026-01-31", 5)),
      );
      t.equal(asked.filter(Boolean).length, 5);
      t.equal(await vouchers.grant(alice, "2026-01-31", 5), false);
    });

    await t.test("a refusal is not counted: a higher limit lets one more through", async (t) => {
      t.equal(await vouchers.grant(alice, "2026-01-31", 7), true);
    });

    await t.test("room for files is counted in MiB, and never beyond the most", async (t) => {
      const grant = (mib: number, day = "2026-01-31") => vouchers.grantFile(alice, day, mib, 10);
      const asked = await Promise.all([4, 4, 4].map((mib) => grant(mib)));
      t.equal(asked.filter(Boolean).length, 2);
      t.equal(await grant(3), false);
      t.equal(await grant(2), true, "a refusal is not counted");
      t.equal(await grant(1), false);
      t.equal(await grant(11, "2026-02-01"), false);
      t.equal(await grant(10, "2026-02-01"), true);
      t.equal(await vouchers.grantFile(bob, "2026-01-31", 10, 10), true);
    });

    await t.test("others and other days are counted apart", async (t) => {
      t.equal(await vouchers.grant(bob, "2026-01-31", 1), true);
      t.equal(await vouchers.grant(bob, "2026-01-31", 1), false);
      t.equal(await vouchers.grant(alice, "2026-02-01", 1), true);
    });

    await t.test("days that are over are forgotten", async (t) => {
      const { rows } = await db.query({
        text: "SELECT granted FROM voucher_grants WHERE account = $1",
        values: [alice],
      });
      t.same(rows, [{ granted: 1 }]);
    });
  });
}
