/** Groups between chat servers: who may send, by which membership, and how often a message travels and is stored. */
import t from "tap";
import {
  signGroupEvent,
  groupIdOf,
  type GroupChange,
  type SignedGroupEvent,
} from "../../../src/crypto/group-event.js";
import type { Group } from "../../../src/crypto/membership.js";
import { MAX_GROUP_MEMBERS } from "../../../src/protocol/groups.js";
import { utf8 } from "../../../src/protocol/bytes.js";
import type { ServerMessage } from "../../../src/protocol/chat.js";
import { Kind, Outcome, encodeSend, isRefusal } from "../../../src/protocol/hot.js";
import type { AccountId, ConversationId, MessageId } from "../../../src/protocol/ids.js";
import { person, type Person } from "../../crypto/people.js";
import { Cluster, type FakeClient } from "./cluster.js";

const people = {
  alice: await person("alice"),
  bob: await person("bob"),
  carol: await person("carol"),
};
const { alice, bob, carol } = people;

async function threeServers(): Promise<Cluster> {
  const cluster = new Cluster(3);
  await cluster.changeView();
  return cluster;
}

let refs = 0;
type Answer = Exclude<
  ServerMessage,
  { type: "welcome" | "live" | "closing" | "ping" | "pong" | "groupChanged" }
>;

/** Asks, and settles what that takes. */
async function ask(
  cluster: Cluster,
  client: FakeClient,
  request:
    | { readonly type: "groupAppend"; readonly group: ConversationId | null; readonly event: Uint8Array }
    | { readonly type: "groupLog"; readonly group: ConversationId; readonly after: number }
    | { readonly type: "groupHeads"; readonly groups: ConversationId[] },
): Promise<Answer> {
  const ref = ++refs;
  client.control({ ...request, ref });
  await cluster.settle();
  const answer = client.controls.find((message) => "ref" in message && message.ref === ref);
  if (answer === undefined) throw new Error("no answer");
  return answer as Answer;
}

function eventOf(
  by: Person,
  change: GroupChange,
  before: SignedGroupEvent | null,
): Promise<SignedGroupEvent> {
  return signGroupEvent(by.keys.identity, {
    number: (before?.number ?? 0) + 1,
    previous: before?.hash ?? new Uint8Array(32),
    at: 1,
    change,
  });
}

/** Alice makes a group of her and others, at a server. */
async function groupOf(cluster: Cluster, client: FakeClient, members: readonly AccountId[]) {
  const event = await eventOf(alice, { type: "create", nonce: new Uint8Array(16), members }, null);
  const answer = await ask(cluster, client, { type: "groupAppend", group: null, event: event.bytes });
  return { id: groupIdOf(event), event, answer };
}

let messages = 0;

/** Sends a message to a group, sealed for an epoch of it. */
function send(
  from: FakeClient,
  group: Group["id"],
  epoch: number,
  to: readonly AccountId[],
  text: string,
): MessageId {
  const message = (++messages).toString(16).padStart(32, "0") as MessageId;
  const keys = to.map((recipient) => ({ recipient, key: Buffer.from(recipient, "hex") }));
  const of = { epoch, message, account: from.account, conversation: group };
  from.frame(encodeSend(Kind.send, { ...of, keys, envelope: utf8(text) }));
  return message;
}

function outcomes(client: FakeClient, message: MessageId): Outcome[] {
  return client.accepted
    .filter((one) => one.message === message)
    .flatMap(({ recipients }) => recipients.map(({ outcome }) => outcome));
}

const at = (cluster: Cluster, who: Person, server: string, attach = true) =>
  cluster.connect(who.account, server, attach);

t.test("an event is answered once every server knows, and people are told where they are", async (t) => {
  const cluster = await threeServers();
  const [a, b] = [await at(cluster, alice, "chat-1"), await at(cluster, bob, "chat-2")];
  const { id, event, answer } = await groupOf(cluster, a, [bob.account, carol.account]);
  t.equal(answer.type, "groupAppended");
  const told = { type: "groupChanged", group: id, epoch: 1 } as const;
  for (const client of [a, b])
    t.same(
      client.controls.filter(({ type }) => type === "groupChanged"),
      [told],
    );
  const change = await eventOf(alice, { type: "promote", members: [bob.account] }, event);
  a.control({ type: "groupAppend", ref: 99, group: id, event: change.bytes });
  for (let turns = 0; turns < 50 && cluster.wire.length === 0; turns++) await new Promise(setImmediate);
  // One of the two others answers; the other's answer is on the way still.
  const [first, ...rest] = cluster.wire.splice(0);
  if (first === undefined) throw new Error("nobody was told");
  cluster.wire.push(first);
  await cluster.settle();
  t.notOk(
    a.controls.some((message) => "ref" in message && message.ref === 99),
    "one does not know yet",
  );
  cluster.wire.push(...rest);
  await cluster.settle();
  t.ok(a.controls.some((message) => message.type === "groupAppended" && message.ref === 99));
});

t.test("who tells others does not wait for a server that is gone", async (t) => {
  const cluster = await threeServers();
  const a = await at(cluster, alice, "chat-1");
  const { id, event } = await groupOf(cluster, a, [bob.account]);
  const change = await eventOf(alice, { type: "promote", members: [bob.account] }, event);
  a.control({ type: "groupAppend", ref: 77, group: id, event: change.bytes });
  for (let turns = 0; turns < 50 && cluster.wire.length === 0; turns++) await new Promise(setImmediate);
  cluster.wire.splice(0, cluster.wire.length, ...cluster.wire.filter(({ to }) => to !== "chat-3"));
  await cluster.settle();
  t.notOk(a.controls.some((message) => "ref" in message && message.ref === 77));
  cluster.kill("chat-3");
  await cluster.settle();
  t.ok(a.controls.some((message) => message.type === "groupAppended" && message.ref === 77));
});

t.test("members send to members, by the newest membership, and nobody else at all", async (t) => {
  const cluster = await threeServers();
  const [a, b, c] = [
    await at(cluster, alice, "chat-1"),
    await at(cluster, bob, "chat-2"),
    await at(cluster, carol, "chat-3"),
  ];
  const { id, event } = await groupOf(cluster, a, [bob.account]);
  const good = send(a, id, 1, [bob.account], "to the group");
  const toOutsider = send(a, id, 1, [bob.account, carol.account], "to one who is in it and one who is not");
  const fromOutsider = send(c, id, 1, [bob.account], "from one who is not in it");
  const ahead = send(a, id, 2, [bob.account], "by a membership that is none");
  const nowhere = send(a, "ab".repeat(32) as ConversationId, 1, [bob.account], "to no group");
  await cluster.settle();
  b.acknowledge();
  await cluster.settle();
  t.same(outcomes(a, good), [Outcome.acknowledged]);
  t.same(outcomes(a, toOutsider), [Outcome.notMember, Outcome.notMember]);
  t.same(outcomes(c, fromOutsider), [Outcome.notMember]);
  t.same(outcomes(a, ahead), [Outcome.staleEpoch]);
  t.same(outcomes(a, nowhere), [Outcome.notMember]);
  t.same(b.texts, ["to the group"]);

  const added = await eventOf(alice, { type: "add", members: [carol.account], invite: null }, event);
  await ask(cluster, a, { type: "groupAppend", group: id, event: added.bytes });
  const stale = send(b, id, 1, [alice.account], "by the membership before, at another server");
  const fresh = send(b, id, 2, [alice.account, carol.account], "by the one of now");
  await cluster.settle();
  for (const client of [a, c]) client.acknowledge();
  await cluster.settle();
  t.same(outcomes(b, stale), [Outcome.staleEpoch]);
  t.same(outcomes(b, fresh), [Outcome.acknowledged, Outcome.acknowledged]);
  t.same([a.texts, c.texts], [["by the one of now"], ["by the one of now"]]);

  const removed = await eventOf(alice, { type: "remove", members: [bob.account] }, added);
  await ask(cluster, a, { type: "groupAppend", group: id, event: removed.bytes });
  const last = send(b, id, 2, [alice.account, carol.account], "from one who was removed");
  const lastTo = send(c, id, 2, [alice.account, bob.account], "to one who was removed");
  await cluster.settle();
  t.ok([...outcomes(b, last), ...outcomes(c, lastTo)].every(isRefusal));
  t.same([a.delivered.length, b.delivered.length], [1, 1], "not even ciphertext");
  t.equal(a.closing ?? b.closing ?? c.closing, undefined, "none of it ends a session");
});

t.test(
  "a log is read by those it concerns: a member all of it, one who left what happened until then",
  async (t) => {
    const cluster = await threeServers();
    const [a, b, c] = [
      await at(cluster, alice, "chat-1"),
      await at(cluster, bob, "chat-2"),
      await at(cluster, carol, "chat-3"),
    ];
    const { id, event } = await groupOf(cluster, a, [bob.account]);
    const left = await eventOf(bob, { type: "leave" }, event);
    await ask(cluster, b, { type: "groupAppend", group: id, event: left.bytes });
    const added = await eventOf(alice, { type: "promote", members: [alice.account] }, left);
    t.match(await ask(cluster, a, { type: "groupAppend", group: id, event: added.bytes }), {
      type: "refused",
      code: "forbidden",
    });
    const invite = await eventOf(alice, { type: "invite", invite: new Uint8Array(16), uses: 3 }, left);
    await ask(cluster, a, { type: "groupAppend", group: id, event: invite.bytes });
    const logOf = async (client: FakeClient, after: number) => {
      const answer = await ask(cluster, client, { type: "groupLog", group: id, after });
      return answer.type === "groupEvents"
        ? [answer.events.length, answer.more]
        : answer.type === "refused" && answer.code;
    };
    t.same(
      [await logOf(a, 0), await logOf(a, 2), await logOf(a, 3)],
      [
        [3, false],
        [1, false],
        [0, false],
      ],
    );
    t.same(
      [await logOf(b, 0), await logOf(b, 2)],
      [
        [2, false],
        [0, false],
      ],
    );
    t.equal(await logOf(c, 0), "noSuchGroup");
    const nobodys = "cd".repeat(32) as ConversationId;
    const epochs = async (client: FakeClient) => {
      const answer = await ask(cluster, client, { type: "groupHeads", groups: [id, nobodys] });
      return answer.type === "groupEpochs" ? answer.epochs : answer.type;
    };
    t.same(
      [await epochs(a), await epochs(b), await epochs(c)],
      [
        [3, 0],
        [2, 0],
        [0, 0],
      ],
    );
  },
);

t.test("who was removed is told, also by a server that had not heard of the group before", async (t) => {
  const cluster = await threeServers();
  const [a, b] = [await at(cluster, alice, "chat-1"), await at(cluster, bob, "chat-3")];
  const { id, event } = await groupOf(cluster, a, [bob.account]);
  const elsewhere = await at(cluster, alice, "chat-2", false);
  const removed = await eventOf(alice, { type: "remove", members: [bob.account] }, event);
  await ask(cluster, elsewhere, { type: "groupAppend", group: id, event: removed.bytes });
  t.match(
    b.controls.filter(({ type }) => type === "groupChanged"),
    [{ epoch: 1 }, { epoch: 2 }],
  );
});

t.test("events of nobody, of somebody else and of no admin are refused, and end nothing", async (t) => {
  const cluster = await threeServers();
  const [a, b] = [await at(cluster, alice, "chat-1"), await at(cluster, bob, "chat-2")];
  const { id, event } = await groupOf(cluster, a, [bob.account]);
  const append = async (client: FakeClient, bytes: Uint8Array) => {
    const answer = await ask(cluster, client, { type: "groupAppend", group: id, event: bytes });
    return answer.type === "refused" ? answer.code : answer.type;
  };
  const byBob = await eventOf(bob, { type: "remove", members: [alice.account] }, event);
  t.equal(await append(b, byBob.bytes), "forbidden");
  const byAlice = await eventOf(alice, { type: "promote", members: [bob.account] }, event);
  t.equal(await append(b, byAlice.bytes), "badRequest", "somebody else's");
  t.equal(await append(b, byAlice.bytes.subarray(1)), "badRequest", "nobody's");
  t.equal(await append(a, byAlice.bytes), "groupAppended");
  t.equal(await append(a, byAlice.bytes), "groupAppended", "handed in once more");
  const second = await eventOf(alice, { type: "add", members: [carol.account], invite: null }, event);
  t.equal(await append(a, second.bytes), "conflict", "another event has that number");
  t.equal(a.closing ?? b.closing, undefined);
});

for (const size of [60, MAX_GROUP_MEMBERS]) {
  t.test(`a message to ${size} members crosses each link once, and is stored once`, async (t) => {
    const cluster = await threeServers();
    const others = Array.from({ length: size - 1 }, (_, index) =>
      cluster.accountAt(`chat-${(index % 3) + 1}`, `m${index}-`),
    );
    const a = await at(cluster, alice, "chat-1");
    const { id } = await groupOf(cluster, a, others);
    // A third is at home on each server: about half of them connected, each to the server behind their home.
    const online: FakeClient[] = [];
    for (const [index, other] of others.entries()) {
      if (index % 6 < 3) online.push(await cluster.connect(other, `chat-${((index + 1) % 3) + 1}`));
    }
    const envelope = "e".repeat(10_000);
    const message = send(a, id, 1, others, envelope);
    const crossed: { type: string; bytes: number }[] = [];
    for (let idle = 0; idle < 20; idle++) {
      for (const { message: one } of cluster.wire) {
        if (one.type === "forwardMany") crossed.push({ type: one.type, bytes: one.frame.length });
        if (one.type === "deliverMany") crossed.push({ type: one.type, bytes: one.envelope.length });
        if (one.type === "deliver" || one.type === "forward") crossed.push({ type: one.type, bytes: 0 });
      }
      await cluster.settleOnce();
    }
    const count = (type: string) => crossed.filter((one) => one.type === type).length;
    t.equal(count("forwardMany"), 2, "to the two homes that are elsewhere");
    t.equal(count("deliverMany"), 3, "from each home to the one server where its people are");
    t.equal(count("deliver") + count("forward"), 0);
    const away = others.length - online.length;
    t.ok(Math.abs(away - online.length) < 6);
    t.ok(online.every(({ texts }) => texts.length === 1 && texts[0] === envelope));
    for (const client of online) client.acknowledge();
    await cluster.settle();
    t.equal(cluster.store.rows, away, "one for each who is away");
    t.equal(cluster.store.bodies, 1, "of all three homes");
    const all = outcomes(a, message);
    t.equal(all.filter((outcome) => outcome === Outcome.acknowledged).length, online.length);
    t.equal(all.filter((outcome) => outcome === Outcome.stored).length, away);
    const late = await cluster.connect(others[3] as AccountId, "chat-1");
    t.same(late.texts, [envelope], "who comes later gets it whole");
    late.acknowledge();
    await cluster.settle();
    t.equal(cluster.store.rows, away - 1);
  });
}

t.test("what comes while a group is read waits for it, in order, and not with who has gone", async (t) => {
  const cluster = await threeServers();
  const [a, b] = [await at(cluster, alice, "chat-1"), await at(cluster, bob, "chat-2")];
  const { id } = await groupOf(cluster, a, [bob.account]);
  const elsewhere = await at(cluster, alice, "chat-3", false);
  const gone = await at(cluster, alice, "chat-3", false);
  cluster.groups.fault = "away";
  send(gone, id, 1, [bob.account], "from one who goes");
  for (const text of ["1", "2", "3"]) send(elsewhere, id, 1, [bob.account], text);
  send(a, id, 1, [bob.account], "from where it is known");
  await cluster.settle();
  t.same(b.texts, ["from where it is known"], "chat goes on while the database is away");
  gone.disconnect();
  cluster.groups.fault = "none";
  await cluster.pass(20_000);
  t.same(b.texts, ["from where it is known", "1", "2", "3"]);
});

t.test("a server that lost the news of another that died reads what holds", async (t) => {
  const cluster = await threeServers();
  const [a, b] = [await at(cluster, alice, "chat-1"), await at(cluster, bob, "chat-2")];
  const { id, event } = await groupOf(cluster, a, [bob.account, carol.account]);
  const known = send(b, id, 1, [alice.account], "so that chat-2 knows the group");
  await cluster.settle();
  a.acknowledge();
  await cluster.settle();
  t.same(outcomes(b, known), [Outcome.acknowledged]);
  const removed = await eventOf(alice, { type: "remove", members: [carol.account] }, event);
  a.control({ type: "groupAppend", ref: 55, group: id, event: removed.bytes });
  for (let turns = 0; turns < 50 && cluster.wire.length === 0; turns++) await new Promise(setImmediate);
  cluster.wire.length = 0;
  cluster.kill("chat-1");
  await cluster.changeView();
  const stale = send(b, id, 1, [carol.account], "to one who was removed by the server that died");
  await cluster.settle();
  t.same(outcomes(b, stale), [Outcome.staleEpoch]);
});
