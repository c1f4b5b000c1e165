/** Logs of groups in SQL. */
import { randomBytes } from "node:crypto";
import t from "tap";
import type { ConversationId } from "../../src/protocol/ids.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlGroups } from "../../src/store/sql-groups.js";
import { engines } from "../engines/engines.js";

const MANY = 1_000_000;
const groupId = (): ConversationId => randomBytes(32).toString("hex") as ConversationId;
const event = (group: ConversationId, number: number, bytes = 100) => ({
  group,
  number,
  hash: randomBytes(32),
  bytes: randomBytes(bytes),
});

for (const engine of engines()) {
  t.test(`groups on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    const groups = sqlGroups(db);
    const told = async (group: ConversationId, after: number, limit = 100, maxBytes = MANY) => {
      const { events, more } = await groups.events(group, after, limit, maxBytes);
      return { lengths: events.map(({ length }) => length), more };
    };

    await t.test("events are read as they were written, from any of them on", async (t) => {
      const [group, other] = [groupId(), groupId()];
      t.same(await told(group, 0), { lengths: [], more: false });
      const events = [1, 2, 3, 4].map((number) => event(group, number, 100 + number));
      for (const one of events) t.equal(await groups.append(one), true);
      await groups.append(event(other, 1, 7));
      const { events: read } = await groups.events(group, 0, 100, MANY);
      t.ok(read.every((bytes, index) => events[index]?.bytes.equals(bytes)));
      t.same(await told(group, 2), { lengths: [103, 104], more: false });
      t.same(await told(group, 4), { lengths: [], more: false });
      t.same(await told(other, 0), { lengths: [7], more: false });
    });

    await t.test("pages end where they must, and have one event in any case", async (t) => {
      const group = groupId();
      for (const number of [1, 2, 3]) await groups.append(event(group, number));
      t.same(await told(group, 0, 2), { lengths: [100, 100], more: true });
      t.same(await told(group, 0, 3), { lengths: [100, 100, 100], more: false });
      t.same(await told(group, 0, 9, 1), { lengths: [100], more: true });
      t.same(await told(group, 0, 9, 200), { lengths: [100, 100], more: true });
      t.same(await told(group, 0, 9, 300), { lengths: [100, 100, 100], more: false });
    });

    await t.test("of two events of one number the first stands, and may be written again", async (t) => {
      const group = groupId();
      const [one, two] = [event(group, 1), event(group, 1)];
      t.equal(await groups.append(one), true);
      t.equal(await groups.append(two), false);
      t.equal(await groups.append(one), true);
      const { events } = await groups.events(group, 0, 9, MANY);
      t.equal(events.length, 1);
      t.ok(one.bytes.equals(events[0] ?? Buffer.alloc(0)));
    });

    await t.test("of many at once one wins", async (t) => {
      const group = groupId();
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => groups.append(event(group, 1))));
      t.equal(outcomes.filter(Boolean).length, 1);
    });
  });
}
