/** A group's log: what may be added to it, and who was a member when. */
import t from "tap";
import { GroupLog } from "../../../src/client/core/group-log.js";
import {
  groupIdOf,
  signGroupEvent,
  type GroupChange,
  type SignedGroupEvent,
} from "../../../src/crypto/group-event.js";
import { person, type Person } from "../../crypto/people.js";

const [alice, bob, carol] = [await person("alice"), await person("bob"), await person("carol")];

function eventOf(
  by: Person,
  change: GroupChange,
  before: SignedGroupEvent | null,
): Promise<SignedGroupEvent> {
  const number = (before?.number ?? 0) + 1;
  return signGroupEvent(by.keys.identity, {
    number,
    previous: before?.hash ?? new Uint8Array(32),
    at: 1,
    change,
  });
}

const first = await eventOf(
  alice,
  { type: "create", nonce: new Uint8Array(16), members: [bob.account] },
  null,
);
const second = await eventOf(alice, { type: "add", members: [carol.account], invite: null }, first);
const third = await eventOf(alice, { type: "remove", members: [bob.account] }, second);

async function offers(log: GroupLog, ...events: readonly Uint8Array[]): Promise<string[]> {
  const kinds: string[] = [];
  for (const bytes of events) kinds.push((await log.offer(bytes)).kind);
  return kinds;
}

t.test("events are added in their order, each once", async (t) => {
  const log = new GroupLog(groupIdOf(first));
  t.equal(log.group, null);
  t.same(await offers(log, second.bytes, first.bytes, third.bytes, second.bytes, first.bytes, third.bytes), [
    "gap",
    "added",
    "gap",
    "added",
    "known",
    "added",
  ]);
  t.equal(log.epoch, 3);
  t.match(await log.offer(second.bytes), { kind: "known", event: { number: 2 } }, "and says which one it is");
});

t.test(
  "nothing else is: another group's, one in another's place, one that its maker may not make, or none at all",
  async (t) => {
    const log = new GroupLog(groupIdOf(first));
    const others = await eventOf(bob, { type: "create", nonce: new Uint8Array(16), members: [] }, null);
    t.same(await offers(log, others.bytes), ["forged"]);
    await offers(log, first.bytes, second.bytes);
    const fork = await eventOf(alice, { type: "leave" }, first);
    const byBob = await eventOf(bob, { type: "remove", members: [alice.account] }, second);
    const damaged = third.bytes.slice();
    damaged[10] = (damaged[10] as number) ^ 1;
    t.same(await offers(log, fork.bytes, byBob.bytes, damaged, new Uint8Array(200)), [
      "forked",
      "forged",
      "forged",
      "forged",
    ]);
    t.same([log.epoch, log.group?.members.size], [2, 3]);
  },
);

t.test("who was a member is known of every event", async (t) => {
  const log = new GroupLog(groupIdOf(first));
  await offers(log, first.bytes, second.bytes, third.bytes);
  const sizes = [0, 1, 2, 3, 4, 2].map((epoch) => log.at(epoch)?.members.size ?? null);
  t.same(sizes, [null, 2, 3, 2, null, 3]);
  t.notOk(log.at(3)?.members.has(bob.account));
});
