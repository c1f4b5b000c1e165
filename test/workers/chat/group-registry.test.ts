/** Groups as chat servers know them: one log, however many servers write to it. */
import t from "tap";
import {
  groupIdOf,
  signGroupEvent,
  type GroupChange,
  type SignedGroupEvent,
} from "../../../src/crypto/group-event.js";
import type { Group } from "../../../src/crypto/membership.js";
import type { ConversationId } from "../../../src/protocol/ids.js";
import { MemoryGroups } from "../../../bench/simulation/memory-groups.js";
import { StoreError } from "../../../src/store/database.js";
import type { GroupEventPage, LoggedEvent } from "../../../src/store/groups.js";
import { GroupRegistry } from "../../../src/workers/chat/group-registry.js";
import { person, type Person } from "../../crypto/people.js";

const alice = await person("alice");
const bob = await person("bob");
const carol = await person("carol");

/** A log in memory, of which a test can lose the answers. */
class WatchedGroups extends MemoryGroups {
  reads = 0;
  /** Called before an append is done. */
  before: () => Promise<void> = () => Promise.resolve();

  override async append(event: LoggedEvent): Promise<boolean> {
    await this.before();
    return super.append(event);
  }

  override events(...query: Parameters<MemoryGroups["events"]>): Promise<GroupEventPage> {
    this.reads++;
    return super.events(...query);
  }
}

/** Servers with one log between them. */
function servers(count: number, most = 100) {
  const store = new WatchedGroups();
  const told: string[] = [];
  const registries: GroupRegistry[] = Array.from(
    { length: count },
    (_, index) =>
      new GroupRegistry({
        store,
        most,
        tellOthers: async (group, epoch) => {
          told.push(`${index} ${epoch}`);
          await Promise.resolve();
          registries.forEach((other, at) => {
            if (at !== index) other.learn(group, epoch);
          });
        },
      }),
  );
  return { store, told, registries };
}

function event(by: Person, group: Group | null, change: GroupChange): Promise<SignedGroupEvent> {
  const number = (group?.epoch ?? 0) + 1;
  return signGroupEvent(by.keys.identity, {
    number,
    previous: group?.head ?? new Uint8Array(32),
    at: 1,
    change,
  });
}

async function made(registry: GroupRegistry, members = [bob.account]): Promise<Group> {
  const first = await event(alice, null, { type: "create", nonce: new Uint8Array(16), members });
  return registry.append(null, alice.account, first.bytes);
}

t.test("an event holds once every server knows of it", async (t) => {
  const { registries, told } = servers(3);
  const [one, two, three] = registries as [GroupRegistry, GroupRegistry, GroupRegistry];
  const group = await made(one);
  t.same(told, ["0 1"]);
  t.equal((await two.find(group.id))?.epoch, 1);
  const adding = await event(alice, group, { type: "add", members: [carol.account], invite: null });
  const grown = await two.append(group.id, alice.account, adding.bytes);
  t.same([...grown.members.keys()], [alice.account, bob.account, carol.account]);
  t.equal(one.current(group.id), null, "what it knew holds no longer");
  t.equal((await one.find(group.id))?.epoch, 2);
  t.equal((await three.find(group.id))?.epoch, 2, "also for one that never knew it");
});

t.test("of two admins at once one wins, and the other is told", async (t) => {
  const { registries, store } = servers(2);
  const [one, two] = registries as [GroupRegistry, GroupRegistry];
  const group = await made(one, [bob.account, carol.account]);
  const promoting = await event(alice, group, { type: "promote", members: [bob.account] });
  const both = await one.append(group.id, alice.account, promoting.bytes);
  await two.find(group.id);
  const [hers, his] = await Promise.all([
    event(alice, both, { type: "remove", members: [carol.account] }),
    event(bob, both, { type: "demote", members: [alice.account] }),
  ]);
  const outcomes = await Promise.allSettled([
    one.append(group.id, alice.account, hers.bytes),
    two.append(group.id, bob.account, his.bytes),
  ]);
  t.same(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const lost = outcomes.find((outcome) => outcome.status === "rejected");
  t.match(lost?.reason, { code: "conflict" });
  t.equal(store.logs.of(group.id).length, 3);
  t.same((await one.find(group.id))?.epoch, 3);
  t.same((await two.find(group.id))?.members, (await one.find(group.id))?.members);
});

t.test("what may not follow is refused, and the log stays as it was", async (t) => {
  const { registries, store } = servers(1);
  const [one] = registries as [GroupRegistry];
  const group = await made(one);
  const attempts: readonly (readonly [Person, Person, GroupChange, string])[] = [
    [bob, bob, { type: "add", members: [carol.account], invite: null }, "forbidden"],
    [carol, carol, { type: "leave" }, "forbidden"],
    [alice, bob, { type: "add", members: [carol.account], invite: null }, "badRequest"],
    [alice, alice, { type: "remove", members: [carol.account] }, "forbidden"],
    [alice, alice, { type: "create", nonce: new Uint8Array(16), members: [] }, "conflict"],
  ];
  for (const [signer, sender, change, code] of attempts) {
    const { bytes } = await event(signer, group, change);
    await t.rejects(one.append(group.id, sender.account, bytes), { code }, `${change.type}`);
  }
  const { bytes } = await event(alice, group, { type: "leave" });
  await t.rejects(
    one.append(
      group.id,
      alice.account,
      bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
    ),
    {
      code: "badRequest",
    },
  );
  const unknown = "ab".repeat(32) as ConversationId;
  await t.rejects(one.append(unknown, alice.account, bytes), { code: "conflict" });
  t.equal(await one.find(unknown), null);
  t.equal(store.logs.of(group.id).length, 1);
  t.same(store.logs.of(unknown), []);
});

t.test("an event that is handed in once more is answered as the first time", async (t) => {
  const { registries, store } = servers(2);
  const [one, two] = registries as [GroupRegistry, GroupRegistry];
  const first = await event(alice, null, {
    type: "create",
    nonce: new Uint8Array(16),
    members: [bob.account],
  });
  const group = await one.append(null, alice.account, first.bytes);
  t.equal((await two.append(null, alice.account, first.bytes)).id, groupIdOf(first));
  const leaving = await event(bob, group, { type: "leave" });
  for (const registry of [one, two, one]) {
    t.equal((await registry.append(group.id, bob.account, leaving.bytes)).epoch, 2);
  }
  t.equal(store.logs.of(group.id).length, 2);
});

t.test("where the answer to an event is lost, every server looks whether it was added", async (t) => {
  const { registries, store, told } = servers(3);
  const [one, two, three] = registries as [GroupRegistry, GroupRegistry, GroupRegistry];
  const group = await made(one);
  for (const server of [two, three]) await server.find(group.id);
  const adding = await event(alice, group, { type: "add", members: [carol.account], invite: null });
  const { id } = group;
  store.before = async () => {
    store.before = () => Promise.resolve();
    throw new StoreError("retry", "08006", undefined, "the connection was lost");
  };
  await t.rejects(one.append(id, alice.account, adding.bytes), { code: "unavailable" });
  t.same(told, ["0 1", "0 2"]);
  for (const server of registries) t.equal((await server.find(id))?.epoch, 1, "it is not there yet");
  // What was sent before the connection was lost comes to the database late.
  const { number, hash, bytes } = adding;
  await store.append({ group: id, number, hash, bytes });
  for (const server of registries) t.equal((await server.find(id))?.epoch, 2);
  const { reads } = store;
  for (const server of registries) await server.find(id);
  t.equal(store.reads, reads, "and then no more");
});

t.test("an event that the database refuses is nobody else's business", async (t) => {
  const { registries, store, told } = servers(2);
  const [one] = registries as [GroupRegistry];
  const group = await made(one);
  const adding = await event(alice, group, { type: "add", members: [carol.account], invite: null });
  store.before = () => Promise.reject(new StoreError("rejected", "23514", undefined, "refused"));
  await t.rejects(one.append(group.id, alice.account, adding.bytes), { code: "internal" });
  t.same(told, ["0 1"]);
});

t.test("a log is read once, and memory is bounded", async (t) => {
  const { registries, store } = servers(1, 2);
  const [one] = registries as [GroupRegistry];
  const group = await made(one);
  const reads = store.reads;
  for (let i = 0; i < 5; i++) await one.find(group.id);
  t.equal(store.reads, reads);
  for (const nonce of [1, 2]) {
    const change = { type: "create", nonce: new Uint8Array(16).fill(nonce), members: [] } as const;
    await one.append(null, alice.account, (await event(alice, null, change)).bytes);
  }
  t.equal(one.current(group.id), null, "the one that was not used for longest is forgotten");
  t.equal((await one.find(group.id))?.epoch, 1);
});

t.test("a log that somebody else wrote into is told, and not believed", async (t) => {
  const { registries, store } = servers(2);
  const [one, two] = registries as [GroupRegistry, GroupRegistry];
  const group = await made(one);
  const ghost = await event(bob, group, { type: "add", members: [carol.account], invite: null });
  store.logs.append({ group: group.id, number: 2, hash: ghost.hash, bytes: ghost.bytes });
  await t.rejects(two.find(group.id), { code: "internal", message: /damaged behind event 1/ });
});
