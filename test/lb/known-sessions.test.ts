import t from "tap";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { KnownSessions, revoker } from "../../src/lb/known-sessions.js";
import type { DeviceId } from "../../src/protocol/ids.js";
import type { StoredSession } from "../../src/store/sessions.js";
import { newAccountId, newSession } from "../store/accounts-people.js";

/** A store that counts what it is asked, and answers when the test lets it. */
function scene() {
  const clock = new VirtualClock();
  const rows = new Map<string, StoredSession>();
  const asked: string[] = [];
  let held: Promise<void> = Promise.resolve();
  const sessions = {
    async find(tokenHash: Uint8Array): Promise<StoredSession | null> {
      const token = Buffer.from(tokenHash).toString("hex");
      asked.push(token);
      const row = rows.get(token) ?? null;
      await held;
      return row;
    },
  };
  const known = new KnownSessions({ sessions, clock });
  const revoked: DeviceId[] = [];
  const revoke = revoker(known, { revoke: (devices) => void revoked.push(...devices) });
  const store = (suspended = false) => {
    const session = newSession(newAccountId());
    const { account, device, tokenHash, at } = session;
    const row = { account, device, lastUsedAt: at, suspended };
    rows.set(Buffer.from(tokenHash).toString("hex"), row);
    return { session, row, remove: () => rows.delete(Buffer.from(tokenHash).toString("hex")) };
  };
  const hold = (): (() => void) => {
    let go: () => void = () => undefined;
    held = new Promise((resolve) => (go = resolve));
    return go;
  };
  return { clock, known, revoke, revoked, asked, store, hold };
}

t.test("who was seen lately is known without asking, for a while", async (t) => {
  const { clock, known, asked, store } = scene();
  const { session, row, remove } = store();
  t.same(await known.find(session.tokenHash), row);
  remove();
  t.match(await known.find(session.tokenHash), { account: row.account, device: row.device });
  t.equal(asked.length, 1);
  clock.advance(30_000);
  t.equal(await known.find(session.tokenHash), null, "what was done behind its back is seen then");
  t.equal(asked.length, 2);
  t.equal(known.size, 0);
});

t.test("a use that was noted is known", async (t) => {
  const { known, store } = scene();
  const { session, row } = store();
  known.used(row.device, 1);
  t.equal((await known.find(session.tokenHash))?.lastUsedAt, row.lastUsedAt);
  known.used(row.device, row.lastUsedAt + 60_000);
  t.equal((await known.find(session.tokenHash))?.lastUsedAt, row.lastUsedAt + 60_000);
});

t.test("a session that has just begun is known", async (t) => {
  const { known, asked } = scene();
  const session = newSession(newAccountId());
  known.opened(session);
  t.match(await known.find(session.tokenHash), { account: session.account, device: session.device });
  t.equal(asked.length, 0);
});

t.test("nobody unknown and nobody suspended is kept", async (t) => {
  const { known, asked, store } = scene();
  const { session } = store(true);
  const stranger = newSession(newAccountId());
  for (let time = 0; time < 2; time++) {
    t.match(await known.find(session.tokenHash), { suspended: true });
    t.equal(await known.find(stranger.tokenHash), null);
  }
  t.equal(asked.length, 4);
  t.equal(known.size, 0);
});

t.test("who is revoked is forgotten at once, and chat servers hear of it", async (t) => {
  const { known, revoke, revoked, asked, store } = scene();
  const { session, remove } = store();
  await known.find(session.tokenHash);
  remove();
  revoke([session.device], "notSignedIn");
  t.same(revoked, [session.device]);
  t.equal(await known.find(session.tokenHash), null);
  t.equal(asked.length, 2);
});

t.test("an answer from before a revocation is not kept", async (t) => {
  const { clock, known, revoke, store, hold } = scene();
  const { session, remove } = store();
  const go = hold();
  const asking = known.find(session.tokenHash);
  remove();
  revoke([session.device], "suspended");
  go();
  await asking;
  t.equal(await known.find(session.tokenHash), null);
  known.opened(session);
  t.equal(known.size, 0, "nor is one that began before");
  clock.advance(30_000);
  revoke([], "suspended");
  known.opened(session);
  t.equal(known.size, 1, "later nothing from before can come any more");
});

t.test("the oldest gives way", async (t) => {
  const { known } = scene();
  const first = newSession(newAccountId());
  known.opened(first);
  for (let count = 0; count < 20_000; count++) known.opened(newSession(newAccountId()));
  t.equal(known.size, 20_000);
  t.equal(await known.find(first.tokenHash), null);
});
