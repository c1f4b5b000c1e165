import t from "tap";
import { sqlAccounts } from "../../src/store/accounts.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlSessions } from "../../src/store/sessions.js";
import { engines } from "../engines/engines.js";
import { newAccount, newDeviceId, newSession } from "./accounts-people.js";

for (const engine of engines()) {
  t.test(`sessions on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    const sessions = sqlSessions(db);
    const account = newAccount("alice");
    const first = newSession(account.account, 1_700_000_000_123);
    await sqlAccounts(db).create(account, first);

    await t.test("a session is found by the hash of its token and nothing else", async (t) => {
      t.same(await sessions.find(first.tokenHash), {
        account: account.account,
        device: first.device,
        lastUsedAt: 1_700_000_000_123,
        suspended: false,
      });
      const flipped = Uint8Array.from(first.tokenHash);
      flipped[31] = (flipped[31] ?? 0) ^ 0x80;
      t.equal(await sessions.find(flipped), null);
      t.equal(await sessions.find(new Uint8Array(0)), null);
    });

    await t.test("an account's sessions are listed, the one used last first", async (t) => {
      const second = { ...newSession(account.account, 1_700_000_000_456), label: "second" };
      await sqlAccounts(db).signIn(second, account.record, 9);
      t.same(await sessions.list(account.account), [
        {
          device: second.device,
          label: "second",
          signedInAt: 1_700_000_000_456,
          lastUsedAt: 1_700_000_000_456,
        },
        {
          device: first.device,
          label: first.label,
          signedInAt: 1_700_000_000_123,
          lastUsedAt: 1_700_000_000_123,
        },
      ]);
      t.same(await sessions.list(newAccount("nobody").account), []);
      await sessions.end(second.device);
    });

    await t.test("last use moves when it is told", async (t) => {
      await sessions.touch([first.device, newDeviceId()], 1_700_000_060_456);
      t.match(await sessions.find(first.tokenHash), { lastUsedAt: 1_700_000_060_456 });
    });

    await t.test("of many devices, those without a session are named", async (t) => {
      const gone = Array.from({ length: 2500 }, newDeviceId);
      const asked = [...gone.slice(0, 1200), first.device, ...gone.slice(1200)];
      t.same(
        await sessions.ended(asked),
        gone.map((device) => ({ device, why: "notSignedIn" })),
      );
      t.same(await sessions.ended([]), []);
    });

    await t.test("a session ends once", async (t) => {
      t.equal(await sessions.end(first.device), true);
      t.equal(await sessions.find(first.tokenHash), null);
      t.equal(await sessions.end(first.device), false);
      t.same(await sessions.ended([first.device]), [{ device: first.device, why: "notSignedIn" }]);
    });
  });
}
