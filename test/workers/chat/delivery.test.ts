/** PROTOCOL.md, "Mailboxes", "Accepted" and "Views and homes": what happens to a message, in virtual time. */
import t, { type Test } from "tap";
import { Outcome } from "../../../src/protocol/hot.js";
import { utf8 } from "../../../src/protocol/bytes.js";
import type { AccountId, ConversationId, MessageId, ServerId } from "../../../src/protocol/ids.js";
import type { BodyId } from "../../../src/store/deliveries.js";
import { Cluster, account, config, type FakeClient } from "./cluster.js";

async function threeServers(limits: ConstructorParameters<typeof Cluster>[1] = {}): Promise<Cluster> {
  const cluster = new Cluster(3, limits);
  await cluster.changeView();
  return cluster;
}

function outcomes(t: Test, client: { accepted: { recipients: readonly { outcome: number }[] }[] }): number[] {
  t.ok(client.accepted.every(({ recipients }) => recipients.length > 0));
  return client.accepted.flatMap(({ recipients }) => recipients.map(({ outcome }) => outcome));
}

function outcomeOf(client: FakeClient, message: MessageId): number | undefined {
  return client.accepted.find((accepted) => accepted.message === message)?.recipients[0]?.outcome;
}

t.test("between two people who are online a message never touches the database", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  t.ok(listening.isLive);
  const id = alice.send(bob, "hello");
  await cluster.settle();
  t.same(listening.texts, ["hello"]);
  t.same(alice.accepted, [], "nothing is answered before the recipient acknowledged");
  listening.acknowledge();
  await cluster.settle();
  t.equal(alice.accepted[0]?.message, id);
  t.same(outcomes(t, alice), [Outcome.acknowledged]);
  t.equal(cluster.store.commits, 0);
});

t.test("what is delivered carries exactly what was sent", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  const id = alice.send(bob, "hello");
  await cluster.settle();
  const [delivered] = listening.delivered;
  t.equal(delivered?.message, id);
  t.equal(delivered?.account, alice.account);
  t.equal(delivered?.conversation, "c".repeat(64));
  t.same(
    delivered?.keys.map(({ recipient, key }) => [recipient, Buffer.from(key).toString("hex")]),
    [[bob, bob]],
  );
});

t.test("large messages that waited come in no larger portions than a reader's socket takes", async (t) => {
  const cluster = await threeServers({ socketBufferBytes: 64 * 1024 });
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const large = (i: number): string => `${i} ${"x".repeat(10_000)}`;
  for (let i = 0; i < 20; i++) alice.send(bob, large(i));
  await cluster.settle();
  t.equal(cluster.store.rows, 20);
  const listening = await cluster.connect(bob, "chat-2");
  t.equal(listening.texts.length, 3, "half of what may be queued to it");
  while (!listening.isLive) {
    listening.acknowledge();
    await cluster.settle();
  }
  t.same(
    listening.texts,
    Array.from({ length: 20 }, (_, i) => large(i)),
    "each once: the session was never left out for not reading",
  );
});

t.test("a message for somebody offline waits in the database and is delivered in order later", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (let i = 0; i < 300; i++) {
    alice.send(bob, `message ${i}`);
    if (i % 100 === 99) await cluster.settle();
  }
  t.same(new Set(outcomes(t, alice)), new Set([Outcome.stored]));
  t.equal(cluster.store.rows, 300);
  const listening = await cluster.connect(bob, "chat-2");
  t.equal(listening.texts.length, config.limits.catchUpWindow, "no more than a window is on its way");
  t.notOk(listening.isLive);
  while (!listening.isLive) {
    listening.acknowledge();
    await cluster.settle();
  }
  t.same(
    listening.texts,
    Array.from({ length: 300 }, (_, i) => `message ${i}`),
  );
  listening.acknowledge();
  await cluster.settle();
  t.equal(cluster.store.rows, 0, "acknowledged rows are removed");
});

t.test("what arrives while somebody catches up goes behind what waited", async (t) => {
  const cluster = await threeServers({ catchUpWindow: 4 });
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (let i = 0; i < 10; i++) alice.send(bob, `old ${i}`);
  await cluster.settle();
  const listening = await cluster.connect(bob, "chat-2");
  for (let i = 0; i < 10; i++) {
    alice.send(bob, `new ${i}`);
    listening.acknowledge(1);
    await cluster.settle();
  }
  while (!listening.isLive) {
    listening.acknowledge();
    await cluster.settle();
  }
  const expected = ["old", "new"].flatMap((word) => Array.from({ length: 10 }, (_, i) => `${word} ${i}`));
  t.same(listening.texts, expected);
});

t.test("without an acknowledgement in time the message is stored, and answered as stored", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  alice.send(bob, "one");
  alice.send(bob, "two");
  await cluster.settle();
  listening.control({ type: "ping", ref: 1 });
  await cluster.pass(config.timeouts.ackMs + 2000);
  t.same(outcomes(t, alice), [Outcome.stored, Outcome.stored]);
  t.same(listening.texts, ["one", "two"], "what it was given already is not read to it again");
  listening.acknowledge();
  await cluster.settle();
  t.equal(cluster.store.rows, 0);
  alice.send(bob, "three");
  await cluster.settle();
  t.same(listening.texts, ["one", "two", "three"]);
});

t.test("a session that is lost before it acknowledged costs nothing", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const first = await cluster.connect(bob, "chat-2");
  alice.send(bob, "one");
  alice.send(bob, "two");
  await cluster.settle();
  first.disconnect();
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.stored, Outcome.stored]);
  const second = await cluster.connect(bob, "chat-3");
  t.same(second.texts, ["one", "two"]);
});

t.test("of two devices both are given a message, and the first acknowledgement settles it", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const phone = await cluster.connect(bob, "chat-2");
  const laptop = await cluster.connect(bob, "chat-3");
  t.ok(laptop.isLive);
  alice.send(bob, "hello");
  await cluster.settle();
  t.same([phone.texts, laptop.texts], [["hello"], ["hello"]]);
  laptop.acknowledge();
  phone.acknowledge();
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.acknowledged]);
  t.equal(cluster.store.commits, 0, "the second acknowledgement does not touch the database either");
});

t.test("a device that attaches while a message is on its way to another gets it too", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  await cluster.connect(bob, "chat-2");
  alice.send(bob, "hello");
  await cluster.settle();
  const laptop = await cluster.connect(bob, "chat-3");
  t.same(laptop.texts, ["hello"]);
  t.same(outcomes(t, alice), [Outcome.stored]);
});

t.test("a message to several people is settled for each, and unknown ones are refused", async (t) => {
  const cluster = await threeServers();
  const [bob, carol] = [cluster.accountAt("chat-1", "bob"), cluster.accountAt("chat-2", "carol")];
  const dave = cluster.accountAt("chat-2", "dave");
  const nobody = account("nobody");
  const alice = await cluster.connect(account("alice"), "chat-3", false);
  const listening = await cluster.connect(carol, "chat-3");
  alice.send([bob, carol, nobody, dave], "hello all");
  await cluster.settle();
  t.same(alice.accepted, [], "not before every recipient is settled");
  listening.acknowledge();
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.stored, Outcome.acknowledged, Outcome.noSuchAccount, Outcome.stored]);
  t.same(
    listening.delivered[0]?.keys.map(({ recipient }) => recipient),
    [carol],
    "nobody sees another's key",
  );
});

t.test("a sender who repeats a message does not double it", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  cluster.accounts.add(bob);
  const first = await cluster.connect(account("alice"), "chat-1", false);
  const id = first.send(bob, "hello");
  await cluster.settle();
  first.disconnect();
  const second = await cluster.connect(account("alice"), "chat-2", false);
  second.send(bob, "hello", id);
  await cluster.settle();
  t.same(outcomes(t, second), [Outcome.stored]);
  t.equal(cluster.store.rows, 1);
});

t.test("a message that comes twice in one session is answered twice", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  const listening = await cluster.connect(bob, "chat-2");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const id = alice.send(bob, "hello");
  alice.send(bob, "hello", id);
  await cluster.settle();
  t.same(listening.texts, ["hello"]);
  listening.acknowledge();
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.acknowledged, Outcome.acknowledged], "its window is free again");
  t.equal(cluster.unsettled, 0);
});

t.test("while the database is away people online go on, and sends to people offline wait", async (t) => {
  const cluster = await threeServers();
  const [bob, carol] = [account("bob"), account("carol")];
  cluster.accounts.add(carol);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  cluster.store.fault = "away";
  alice.send(carol, "later");
  alice.send(bob, "now");
  await cluster.settle();
  listening.acknowledge();
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.acknowledged]);
  await cluster.pass(5000);
  t.equal(alice.accepted.length, 1, "nothing is answered that is not true");
  cluster.store.fault = "none";
  await cluster.pass(config.timeouts.restartMaxMs);
  t.same(outcomes(t, alice), [Outcome.acknowledged, Outcome.stored]);
  t.equal(cluster.store.rows, 1);
});

t.test("a commit whose answer was lost is written again and stored once", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  cluster.store.fault = "lostAnswer";
  for (let i = 0; i < 5; i++) alice.send(bob, `message ${i}`);
  await cluster.settle();
  t.same(alice.accepted, []);
  cluster.store.fault = "none";
  await cluster.pass(config.timeouts.restartMaxMs);
  t.equal(alice.accepted.length, 5);
  const listening = await cluster.connect(bob, "chat-2");
  t.same(
    listening.texts,
    Array.from({ length: 5 }, (_, i) => `message ${i}`),
  );
});

t.test("a full queue ends in a refusal, not in silence", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 3 });
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (let i = 0; i < 5; i++) {
    alice.send(bob, `message ${i}`);
    await cluster.settle();
  }
  t.same(outcomes(t, alice), [
    Outcome.stored,
    Outcome.stored,
    Outcome.stored,
    Outcome.queueFull,
    Outcome.queueFull,
  ]);
});

t.test("a queue that only seemed full is counted again", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 3 });
  const bob = account("bob");
  cluster.accounts.add(bob);
  const sender = () => cluster.connect(account("alice"), "chat-1", false);
  const first = await sender();
  const ids = ["one", "two"].map((text) => first.send(bob, text));
  await cluster.settle();
  first.disconnect();
  const again = await sender();
  for (const id of ids) again.send(bob, "the same", id);
  await cluster.settle();
  const refused = again.send(bob, "three");
  await cluster.settle();
  t.equal(outcomeOf(again, refused), Outcome.queueFull, "repetitions were counted, too");
  again.disconnect();
  await cluster.pass(config.timeouts.ackMs);
  // This refusal has the rows counted.
  const counting = await sender();
  counting.send(bob, "three", refused);
  await cluster.settle();
  counting.disconnect();
  const last = await sender();
  last.send(bob, "three", refused);
  await cluster.settle();
  t.equal(outcomeOf(last, refused), Outcome.stored);
});

t.test("what a former start of a server asked for is not answered to its next start", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const listening = await cluster.connect(bob, "chat-2");
  const before = await cluster.connect(account("alice"), "chat-1", false);
  before.send(bob, "the first message of this start");
  await cluster.settle();
  cluster.kill("chat-1");
  cluster.start("chat-1" as ServerId);
  await cluster.changeView();
  t.equal(cluster.homeOf(bob), "chat-3", "the mailbox that was asked is still the one");
  const after = await cluster.connect(account("alice"), "chat-1", false);
  after.send(bob, "the first message of the next start");
  await cluster.settle();
  listening.acknowledge(1);
  await cluster.settle();
  t.equal(listening.texts.length, 2);
  t.same(after.accepted, [], "nobody has acknowledged it");
  listening.acknowledge();
  await cluster.settle();
  t.same(outcomes(t, after), [Outcome.acknowledged]);
});

t.test("acknowledgements wait with their sender while the way to its account's home is full", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const listening = await cluster.connect(bob, "chat-2");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  alice.send(bob, "hello");
  await cluster.settle();
  cluster.fullLinks.add("chat-3" as ServerId);
  listening.acknowledge();
  await cluster.settle();
  t.ok(listening.paused);
  t.same(outcomes(t, alice), [Outcome.acknowledged], "what was read is passed on all the same");
  await cluster.pass(config.timeouts.idleMs + 2000);
  t.ok(listening.paused, "for as long as it takes");
  t.notOk(listening.closed, "its silence is not its own");
  cluster.fullLinks.clear();
  await cluster.pass(1000);
  t.notOk(listening.paused);
});

t.test("behind a refused message nothing of its session is taken, until the next session", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 2 });
  const bob = cluster.accountAt("chat-3", "bob");
  const first = await cluster.connect(account("alice"), "chat-1", false);
  for (const text of ["one", "two"]) first.send(bob, text);
  const refused = first.send(bob, "three");
  await cluster.settle();
  const listening = await cluster.connect(bob, "chat-2");
  listening.acknowledge();
  await cluster.settle();
  const four = first.send(bob, "four");
  await cluster.settle();
  t.equal(outcomeOf(first, refused), Outcome.queueFull);
  t.equal(outcomeOf(first, four), Outcome.queueFull, "though there is room again");
  // A sender who heard of neither refusal sends both again, in order.
  first.disconnect();
  const second = await cluster.connect(account("alice"), "chat-1", false);
  second.send(bob, "three", refused);
  second.send(bob, "four", four);
  await cluster.settle();
  t.same(listening.texts, ["one", "two", "three", "four"]);
});

t.test("what was on its way when a message before it was refused is refused, too", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 1 });
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  alice.send(bob, "one");
  await cluster.settle();
  const two = alice.send(bob, "two");
  const three = alice.send(bob, "three");
  const late = cluster.wire.splice(1);
  await cluster.settle();
  t.equal(outcomeOf(alice, two), Outcome.queueFull);
  const listening = await cluster.connect(bob, "chat-2");
  listening.acknowledge();
  await cluster.settle();
  cluster.wire.push(...late);
  await cluster.settle();
  t.equal(outcomeOf(alice, three), Outcome.queueFull);
  t.same(listening.texts, ["one"]);
});

t.test("a refusal goes on in the new home, for what was sent behind it", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 2 });
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const [one, two, three] = ["one", "two", "three"].map((text) => alice.send(bob, text)) as [
    MessageId,
    MessageId,
    MessageId,
  ];
  await cluster.settle();
  t.equal(outcomeOf(alice, three), Outcome.queueFull);
  t.same([outcomeOf(alice, one), outcomeOf(alice, two)], [Outcome.stored, Outcome.stored]);
  cluster.kill("chat-3");
  await cluster.changeView();
  const listening = await cluster.connect(bob, "chat-2");
  listening.acknowledge();
  await cluster.settle();
  const four = alice.send(bob, "four");
  await cluster.settle();
  t.equal(outcomeOf(alice, four), Outcome.queueFull, "the new home knows of no refusal");
  t.same(listening.texts, ["one", "two"]);
});

t.test("refusals by more accounts than a session may remember end it", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 0, maxRecipients: 2 });
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (const name of ["bob", "carol", "dave"]) alice.send(cluster.accountAt("chat-3", name), "full");
  await cluster.settle();
  t.equal(alice.closing, "tooMany");
  const again = await cluster.connect(account("alice"), "chat-1", false);
  again.send(cluster.accountAt("chat-3", "bob"), "full");
  await cluster.settle();
  t.same(outcomes(t, again), [Outcome.queueFull]);
});

t.test("what a dead home committed late is read before what was sent behind it", async (t) => {
  const cluster = await threeServers({ catchUpWindow: 4 });
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const carol = await cluster.connect(account("carol"), "chat-1", false);
  // The late batch has drawn its position, and nobody sees it until it commits.
  const late = alice.send(bob, "late");
  await cluster.settle();
  cluster.store.hide(late);
  for (let i = 0; i < 6; i++) carol.send(bob, `other ${i}`);
  await cluster.settle();
  const listening = await cluster.connect(bob, "chat-2");
  t.same(listening.texts, ["other 0", "other 1", "other 2", "other 3"], "a window of it");
  alice.send(bob, "late", late);
  alice.send(bob, "behind it");
  await cluster.settle();
  while (!listening.isLive) {
    listening.acknowledge();
    await cluster.settle();
  }
  t.same([...new Set(listening.texts)].slice(4), ["late", "other 4", "other 5", "behind it"]);
});

t.test(
  "who does not read costs itself a detour through the database, and nobody else anything",
  async (t) => {
    const cluster = await threeServers();
    const [bob, carol] = [account("bob"), account("carol")];
    const alice = await cluster.connect(account("alice"), "chat-1", false);
    const stuck = await cluster.connect(bob, "chat-2");
    const reading = await cluster.connect(carol, "chat-2");
    stuck.reads = false;
    alice.send(bob, "one");
    await cluster.settle();
    alice.send(bob, "two");
    alice.send(carol, "for carol");
    await cluster.settle();
    reading.acknowledge();
    await cluster.settle();
    t.same(reading.texts, ["for carol"]);
    t.same(stuck.texts, ["one"], "nothing more is pushed to it");
    t.equal(cluster.store.rows, 2);
    stuck.drain();
    await cluster.settle();
    t.same(stuck.texts, ["one", "one", "two"], "once it reads it catches up; a frame may repeat");
  },
);

t.test("a full link sends deliveries through the database", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  cluster.fullLinks.add("chat-2" as never);
  alice.send(bob, "hello");
  await cluster.settle();
  t.same(listening.texts, []);
  t.same(outcomes(t, alice), [Outcome.stored]);
  cluster.fullLinks.clear();
  await cluster.pass(2000);
  t.same(listening.texts, ["hello"]);
});

t.test("a link that fills while rows are read takes none of them until it has room", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (const text of ["one", "two"]) alice.send(bob, text);
  await cluster.settle();
  const read = cluster.store.read.bind(cluster.store);
  cluster.store.read = (...request) => {
    cluster.fullLinks.add("chat-2" as ServerId);
    return read(...request);
  };
  const listening = await cluster.connect(bob, "chat-2");
  t.same(listening.texts, []);
  cluster.store.read = read;
  cluster.fullLinks.clear();
  await cluster.pass(2_000);
  t.same(listening.texts, ["one", "two"]);
});

t.test(
  "what a former home committed late is found by the next session, though another is up to date",
  async (t) => {
    const cluster = await threeServers();
    const bob = account("bob");
    const alice = account("alice");
    const first = await cluster.connect(bob, "chat-2");
    t.ok(first.isLive);
    const body = "b".repeat(32) as BodyId;
    const late = { recipient: bob, sender: alice, message: "1".repeat(32) as MessageId };
    await cluster.store.write({
      bodies: [{ id: body, content: utf8("late") }],
      deliveries: [
        { ...late, conversation: "c".repeat(64) as ConversationId, epoch: 0, key: new Uint8Array(1), body },
      ],
      removals: [],
    });
    const second = await cluster.connect(bob, "chat-1");
    t.same(second.texts, ["late"]);
    second.acknowledge();
    await cluster.settle();
    t.equal(cluster.store.rows, 0);
    t.ok(second.isLive);
  },
);

t.test("a sender that ends before it is refused leaves nothing behind", async (t) => {
  const cluster = await threeServers({ pendingPerAccount: 0, idleMailboxes: 0 });
  const bob = cluster.accountAt("chat-3", "bob");
  const mailboxes = (): number =>
    cluster.server("chat-3").server.report({ loopDelayP99Ms: 0, utilization: 0 }).mailboxes;
  const before = mailboxes();
  for (let i = 0; i < 3; i++) {
    const alice = await cluster.connect(account("alice"), "chat-1", false);
    alice.send(bob, "refused");
    // What it sent and that it ended are on the way to the home together, one behind the other.
    alice.disconnect();
    await cluster.settle();
  }
  t.equal(cluster.store.rows, 0);
  t.equal(mailboxes(), before, "the mailbox is forgotten");
});

t.test("a message takes the window once, however many recipients it has, until it is accepted", async (t) => {
  const cluster = await threeServers({ sendWindowBytes: 6_000 });
  const people = ["bob", "carol", "dave", "erin"].map((name) => cluster.accountAt("chat-3", name));
  const text = "x".repeat(2_500);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  for (let i = 0; i < 3; i++) {
    alice.send(people, text);
    alice.send(people, text);
    await cluster.settle();
  }
  t.equal(alice.accepted.length, 6, "what is accepted takes nothing any more");
  t.equal(alice.closing, undefined);
  for (let i = 0; i < 3; i++) alice.send(people, text);
  await cluster.settle();
  t.equal(alice.closing, "tooMany");
});

t.test("what waits at one server is bounded in all, whoever sends it; who is online is served", async (t) => {
  const cluster = await threeServers({ unsettledBytes: 20_000 });
  const [bob, carol, dave] = ["bob", "carol", "dave"].map((name) => cluster.accountAt("chat-3", name)) as [
    AccountId,
    AccountId,
    AccountId,
  ];
  const listening = await cluster.connect(dave, "chat-2");
  cluster.store.fault = "away";
  const large = "x".repeat(12_000);
  // Each session takes what it has on the way with it when it ends; what it sent still waits at its recipient's home.
  for (const to of [bob, carol]) {
    const alice = await cluster.connect(account("alice"), "chat-1", false);
    alice.send(to, large);
    await cluster.settle();
    t.same(alice.accepted, []);
    alice.disconnect();
  }
  const last = await cluster.connect(account("alice"), "chat-1", false);
  const toBob = last.send(bob, "beyond");
  last.send(dave, "hello");
  await cluster.settle();
  t.equal(outcomeOf(last, toBob), Outcome.queueFull);
  t.same(listening.texts, ["hello"]);
  listening.acknowledge();
  cluster.store.fault = "none";
  await cluster.pass(config.timeouts.restartMaxMs);
  t.equal(cluster.store.rows, 2);
  const next = await cluster.connect(account("alice"), "chat-1", false);
  const again = next.send(bob, "beyond");
  await cluster.settle();
  t.equal(outcomeOf(next, again), Outcome.stored, "there is room again");
});

t.test("when a home dies, what it had not settled is sent to the new home, in order", async (t) => {
  const cluster = await threeServers();
  const bob = cluster.accountAt("chat-3", "bob");
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const listening = await cluster.connect(bob, "chat-2");
  for (let i = 0; i < 5; i++) alice.send(bob, `message ${i}`);
  await cluster.settle();
  t.equal(alice.accepted.length, 0);
  cluster.kill("chat-3");
  await cluster.changeView();
  t.not(cluster.homeOf(bob), "chat-3");
  listening.acknowledge();
  await cluster.settle();
  t.equal(alice.accepted.length, 5);
  const once = [...new Set(listening.texts)];
  t.same(
    once,
    Array.from({ length: 5 }, (_, i) => `message ${i}`),
    "first arrivals are in order; frames may repeat",
  );
});

t.test("a home that moves hands over without losing or reordering anything", async (t) => {
  const cluster = await threeServers();
  cluster.kill("chat-3");
  await cluster.changeView();
  const bobs: AccountId[] = [];
  const full = { number: 0, members: [...cluster.view.members, { id: "chat-3", incarnation: "x" }] };
  for (let i = 0; bobs.length < 5; i++) {
    const { homeOf } = await import("../../../src/protocol/view.js");
    if (homeOf(full as never, account(`bob${i}`))?.id === "chat-3") bobs.push(account(`bob${i}`));
  }
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  const clients = await Promise.all(bobs.map((bob) => cluster.connect(bob, "chat-2")));
  for (const bob of bobs) for (let i = 0; i < 3; i++) alice.send(bob, `before ${i}`);
  await cluster.settle();
  cluster.start("chat-3" as never);
  await cluster.changeView();
  for (const bob of bobs) {
    t.equal(cluster.homeOf(bob), "chat-3");
    for (let i = 0; i < 3; i++) alice.send(bob, `after ${i}`);
  }
  await cluster.settle();
  for (let i = 0; i < 5; i++) {
    for (const client of clients) client.acknowledge();
    await cluster.settle();
  }
  t.equal(alice.accepted.length, 30);
  for (const client of clients) {
    t.same([...new Set(client.texts)], ["before 0", "before 1", "before 2", "after 0", "after 1", "after 2"]);
  }
});

t.test("a message by a later view is served by a home that has prepared it", async (t) => {
  const cluster = await threeServers();
  const bob = account("bob");
  cluster.accounts.add(bob);
  const alice = await cluster.connect(account("alice"), "chat-1", false);
  cluster.kill("chat-3");
  const members = [...cluster.members.values()].map(({ id, incarnation }) => ({ id, incarnation }));
  const next = { number: cluster.view.number + 1, members };
  await Promise.all([...cluster.members.values()].map(({ server }) => server.prepare(next)));
  cluster.view = next;
  const other = cluster.accountAt("chat-2", "other");
  cluster.server("chat-1").server.activate(next);
  alice.send(other, "hello");
  await cluster.settle();
  t.same(outcomes(t, alice), [Outcome.stored]);
});

t.test("the balancer is told who connects and who leaves", async (t) => {
  const cluster = await threeServers();
  const client = await cluster.connect(account("alice"), "chat-1");
  client.disconnect();
  t.same(
    cluster.toBalancer.map(({ server, message }) => [server, message.type]),
    [
      ["chat-1", "connected"],
      ["chat-1", "disconnected"],
    ],
  );
});

t.test("a revoked device is logged out at once", async (t) => {
  const cluster = await threeServers();
  const client = await cluster.connect(account("alice"), "chat-1");
  const [session] = cluster.server("chat-1").server.connected();
  t.ok(session);
  if (session !== undefined) {
    cluster
      .server("chat-1")
      .server.balancerMessage({ type: "revoked", devices: [session.device], why: "notSignedIn" });
  }
  t.equal(client.closing, "notSignedIn");
  t.ok(client.closed);
});
