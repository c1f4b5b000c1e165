/** What this account gets (PROTOCOL.md, "Receiving"). */
import t from "tap";
import { signCard } from "../../../src/crypto/card.js";
import { sealEnvelope } from "../../../src/crypto/envelope.js";
import { identityFromSeed } from "../../../src/crypto/identity.js";
import { concatBytes, utf8 } from "../../../src/protocol/bytes.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import type { SendFrame } from "../../../src/protocol/hot.js";
import { readId16, type DeviceId, type MessageId, type UserName } from "../../../src/protocol/ids.js";
import type { Person } from "../../crypto/people.js";
import { inTime, listenTo, resume, twoPeople, type Process } from "./device.js";
import { historyOf } from "./mail.js";
import { Service } from "./service.js";

/** Bob's device, and messages from alice that wait for him. */
async function mailFor(...texts: string[]): Promise<{
  readonly service: Service;
  readonly alice: Person;
  readonly bob: Person;
  readonly onBobs: Process;
  readonly waiting: SendFrame[];
}> {
  const service = new Service();
  const { alice, bob, onAlices, onBobs } = await twoPeople(service);
  const sender = await resume(onAlices);
  for (const text of texts) await inTime(service, sender.send("bob", text));
  await inTime(service, sender.close());
  return { service, alice, bob, onBobs, waiting: service.mailbox(bob.account) };
}

/** A copy of a message with one byte changed. */
function damaged(frame: SendFrame): SendFrame {
  const envelope = frame.envelope.slice();
  const last = envelope.length - 1;
  envelope[last] = (envelope[last] as number) ^ 1;
  return { ...frame, envelope };
}

t.test("what waited comes first and in order, then live is told, then what is new", async (t) => {
  const { service, onBobs } = await mailFor("one", "two");
  const bob = await resume(onBobs);
  const events: string[] = [];
  await bob.listen({
    onMessage: ({ text }) => void events.push(text),
    onLive: () => void events.push("live"),
    onStatus: (status) => {
      if (status.kind === "connected" || status.kind === "live") events.push(`status ${status.kind}`);
    },
  });
  await inTime(service, () => service.acks.length === 2);
  await inTime(service, bob.send("bob", "note to myself"));
  await inTime(service, () => service.acks.length === 3);
  t.strictSame(
    events.filter((event) => !event.includes("live")),
    ["status connected", "one", "two", "note to myself"],
  );
  t.ok(events.includes("live") && events.includes("status live"));
  t.strictSame(await historyOf(service, bob), ["one", "two", "note to myself"]);
  await inTime(service, bob.close());
});

t.test("a message is acknowledged once the archive has it, and not before", async (t) => {
  const { service, onBobs } = await mailFor("hello");
  service.archive.silent = true;
  const bob = await resume(onBobs);
  const { got } = await listenTo(bob);
  // Its sender's card cannot be pinned yet either; that is not waited for without end.
  await inTime(service, () => got.length === 1);
  t.strictSame(service.acks, []);
  service.archive.speak();
  await inTime(service, () => service.acks.length === 1);
  await inTime(service, bob.close());
});

t.test("while the archive is away messages are shown once, and acknowledged when it is back", async (t) => {
  const { service, onBobs, waiting } = await mailFor("one", "two");
  service.archive.away = true;
  const bob = await resume(onBobs);
  const { texts } = await listenTo(bob);
  await inTime(service, () => texts().length === 2);
  for (let times = 0; times < 3; times++) {
    // Unacknowledged, they are delivered again: in the same session, and in the next.
    for (const session of service.sessions) waiting.forEach((frame) => session.deliver(frame));
    service.cut();
    const before = service.hellos.length;
    await inTime(service, () => service.hellos.length > before);
  }
  t.strictSame(service.acks, []);
  service.archive.away = false;
  await inTime(service, () => waiting.length === 0);
  t.strictSame(texts(), ["one", "two"]);
  t.strictSame(await historyOf(service, bob), ["one", "two"]);
  await inTime(service, bob.close());
});

t.test(
  "what is delivered again after its acknowledgement was lost is acknowledged, and not shown",
  async (t) => {
    const { service, onBobs, waiting } = await mailFor("hello");
    const [frame] = waiting;
    const bob = await resume(onBobs);
    const { texts } = await listenTo(bob);
    await inTime(service, () => service.acks.length === 1);
    service.mailbox(bob.me.account).push(frame as SendFrame);
    service.cut();
    await inTime(service, () => service.acks.length === 2);
    t.strictSame(texts(), ["hello"]);
    await inTime(service, bob.close());
  },
);

t.test("what the archive has from before a crash is acknowledged, and history has it once", async (t) => {
  const { service, onBobs, waiting } = await mailFor("hello");
  const [frame] = waiting;
  const bob = await resume(onBobs);
  await listenTo(bob);
  await inTime(service, () => service.acks.length === 1);
  await inTime(service, bob.close());
  service.mailbox(bob.me.account).push(frame as SendFrame);
  const again = await resume(onBobs.restart());
  const { texts } = await listenTo(again);
  await inTime(service, () => service.acks.length === 2);
  t.strictSame(texts(), ["hello"], "another process may show it again, with the same id");
  t.strictSame(await historyOf(service, again), ["hello"]);
  await inTime(service, again.close());
});

t.test("acknowledgements leave in the order of arrival", async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `${index}`);
  const { service, onBobs, waiting } = await mailFor(...names);
  const ids = waiting.map(({ message }) => message);
  const bob = await resume(onBobs);
  await listenTo(bob);
  await inTime(service, () => service.acks.length === 30);
  t.strictSame(
    service.acks.map(({ message }) => message),
    ids,
  );
  t.ok(
    service.archive.batches.some((size) => size > 1),
    "what waits is archived in batches",
  );
  await inTime(service, bob.close());
});

function withByte(envelope: Uint8Array, at: number, value: number): Uint8Array {
  const changed = envelope.slice();
  changed[at] = value;
  return changed;
}

t.test("what is forged or damaged is archived as that, acknowledged, and not shown", async (t) => {
  const { service, alice, onBobs, waiting } = await mailFor("genuine", "last");
  const [genuine, last] = waiting as [SendFrame, SendFrame];
  const forgeries: SendFrame[] = [
    damaged(genuine),
    { ...genuine, envelope: Uint8Array.of(0, 1, 1) },
    { ...genuine, envelope: Uint8Array.of(0) },
    { ...genuine, message: last.message },
    { ...genuine, epoch: 7 },
    // The head of a group, where two people have zeros.
    { ...genuine, envelope: withByte(genuine.envelope, 2 + 97, 1) },
    { ...genuine, keys: [{ recipient: alice.account, key: new Uint8Array(256) }] },
  ];
  waiting.splice(0, 2, ...forgeries, genuine, last);
  const bob = await resume(onBobs);
  const { texts } = await listenTo(bob);
  await inTime(service, () => service.acks.length === forgeries.length + 2);
  t.strictSame(texts(), ["genuine", "last"], "a forgery does not take the place of what it imitates");
  const history = (await inTime(service, bob.history())) ?? [];
  t.strictSame(
    history.map(({ direction }) => direction),
    // The fifth has the body of the fourth: the archive has it once.
    [...forgeries.slice(1).map(() => "invalid"), "received", "received"],
  );
  t.match(history[0], { id: genuine.message, from: "alice", to: "bob", text: "" });
  await inTime(service, bob.close());
});

t.test("what a later release sends is kept whole, acknowledged, and waits to be judged", async (t) => {
  const { service, onBobs, waiting } = await mailFor("genuine");
  const [genuine] = waiting as [SendFrame];
  const envelope = genuine.envelope.slice();
  envelope[2] = 9;
  const laterSuite = { ...genuine, envelope };
  waiting.splice(0, 1, laterSuite, genuine);
  const bob = await resume(onBobs);
  const { texts } = await listenTo(bob);
  await inTime(service, () => service.acks.length === 2);
  t.strictSame(texts(), ["genuine"]);
  const history = (await inTime(service, bob.history())) ?? [];
  t.strictSame(
    history.map(({ direction }) => direction),
    ["waiting", "received"],
  );
  await inTime(service, bob.close());
});

t.test(
  "what a payload has besides what is known does not keep it from the archive, or what is behind it",
  async (t) => {
    const { service, alice, bob, onBobs, waiting } = await mailFor("before", "behind");
    // Nobody who packs numbers anew would find room for them: four bytes each become eight.
    const numbers = 13_000;
    const raw = concatBytes(
      Uint8Array.of(
        0x83,
        0xa4,
        ...utf8("type"),
        0xa4,
        ...utf8("text"),
        0xa4,
        ...utf8("text"),
        0xa2,
        ...utf8("hi"),
      ),
      Uint8Array.of(0xa1, ...utf8("x"), 0xdc, numbers >> 8, numbers & 255),
      ...Array.from({ length: numbers }, () => Uint8Array.of(0xca, 0x3d, 0xcc, 0xcc, 0xcd)),
    );
    const [before] = waiting as [SendFrame];
    const message = "018bcfe56800700000000000000000ff" as MessageId;
    const { envelope, keys } = await sealEnvelope({
      message,
      conversation: before.conversation,
      device: readId16<DeviceId>(new Uint8Array(16)),
      sequence: 3,
      sentAt: 1_700_000_000_000,
      epoch: 0,
      payload: { type: "unknown", name: "text", raw },
      recipients: [bob.verified],
      identity: alice.keys.identity,
    });
    waiting.splice(1, 0, { ...before, message, keys, envelope });
    const client = await resume(onBobs);
    const { texts } = await listenTo(client);
    await inTime(service, () => service.acks.length === 3);
    t.strictSame(texts(), ["before", "hi", "behind"]);
    t.strictSame(await historyOf(service, client), ["before", "hi", "behind"]);
    await inTime(service, client.close());
  },
);

t.test("what cannot be judged for want of a card is shown, in order, once it can be", async (t) => {
  const { service, alice, onBobs, waiting } = await mailFor("one", "two");
  const bob = await resume(onBobs);
  t.strictSame(await historyOf(service, bob), [], "the archive is there already");
  const shown: string[] = [];
  await bob.listen({
    onMessage: ({ from, text }) => void shown.push(`${from}: ${text}`),
    onStatus: ({ kind }) => {
      // The session is open; from here on there are no cards.
      if (kind === "connected") service.balancerAway = true;
    },
  });
  await inTime(service, () => waiting.length === 0);
  t.strictSame(shown, []);
  const before = (await inTime(service, bob.history())) ?? [];
  t.strictSame(
    before.map(({ direction, from }) => `${direction} from ${from}`),
    [`waiting from ${alice.account}`, `waiting from ${alice.account}`],
  );
  service.balancerAway = false;
  await inTime(service, () => shown.length === 2);
  t.strictSame(shown, ["alice: one", "alice: two"]);
  const after = (await inTime(service, bob.history())) ?? [];
  t.strictSame(
    after.map(({ direction, text }) => `${direction}: ${text}`),
    ["received: one", "received: two"],
  );
  await inTime(service, bob.close());
});

t.test("what was archived unjudged and came again shows once in history", async (t) => {
  const { service, onBobs, waiting } = await mailFor("hello");
  const [frame] = waiting as [SendFrame];
  const bob = await resume(onBobs);
  t.strictSame(await historyOf(service, bob), []);
  await bob.listen({
    onMessage: () => undefined,
    onStatus: ({ kind }) => {
      if (kind === "connected") service.balancerAway = true;
    },
  });
  await inTime(service, () => waiting.length === 0);
  service.balancerAway = false;
  service.mailbox(bob.me.account).push(frame);
  const again = await resume(onBobs.restart());
  const { texts } = await listenTo(again);
  await inTime(service, () => service.acks.length === 2);
  t.strictSame(texts(), ["hello"]);
  t.strictSame(await historyOf(service, again), ["hello"]);
  await inTime(service, again.close());
});

t.test(
  "what was archived unjudged keeps its place in history when it comes again and is judged",
  async (t) => {
    const { service, onBobs, waiting } = await mailFor("one", "two");
    const [one] = waiting as [SendFrame, SendFrame];
    const bob = await resume(onBobs);
    t.strictSame(await historyOf(service, bob), []);
    await bob.listen({
      onMessage: () => undefined,
      onStatus: ({ kind }) => {
        if (kind === "connected") service.balancerAway = true;
      },
    });
    await inTime(service, () => waiting.length === 0);
    service.balancerAway = false;
    // The acknowledgement of the first was lost with its session, that of the second was not.
    service.mailbox(bob.me.account).push(one);
    const again = await resume(onBobs.restart());
    await listenTo(again);
    await inTime(service, () => service.acks.length === 3);
    t.strictSame(await historyOf(service, again), ["one", "two"]);
    await inTime(service, again.close());
  },
);

t.test("who uses the name of somebody pinned is not shown under it, and an alarm is raised", async (t) => {
  const { service, alice, onBobs, waiting } = await mailFor("from alice");
  const [frame] = waiting as [SendFrame];
  const bob = await resume(onBobs);
  await listenTo(bob);
  await inTime(service, () => service.acks.length === 1);
  await inTime(service, bob.close());

  // A service that gives her name to another identity, and passes messages on from that one.
  const mallory = await identityFromSeed(new Uint8Array(32).fill(7));
  const card = await signCard({
    name: "alice" as UserName,
    generation: 1,
    encryptionKey: alice.verified.encryptionKey,
    identity: mallory,
  });
  const known = service.accounts.get("alice" as UserName);
  if (known === undefined) throw new Error("alice has no account");
  service.addAccount("alice" as UserName, mallory.account, card, known.vault, known.record);
  const envelope = frame.envelope.slice();
  envelope.set(Buffer.from(mallory.account, "hex"), 2 + 49);
  service.mailbox(bob.me.account).push({ ...frame, account: mallory.account, envelope });

  const again = await resume(onBobs.restart());
  const alarms: string[] = [];
  const shown: string[] = [];
  await again.listen({
    onMessage: ({ text }) => void shown.push(text),
    onStatus: (status) => {
      if (status.kind === "keyChanged") alarms.push(status.name);
    },
  });
  await inTime(service, () => service.acks.length === 2);
  t.strictSame(alarms, ["alice"]);
  t.strictSame(shown, []);
  await t.rejects(again.send("alice", "is it you?"), { code: "keyChanged" });
  await t.rejects(again.safetyNumber("alice"), { code: "keyChanged" });
  t.equal(service.sends.length, 1, "nothing was sent to the stranger");
  const history = (await inTime(service, again.history())) ?? [];
  t.strictSame(
    history.map(({ direction, from }) => [direction, from]),
    [
      ["received", alice.account],
      ["waiting", mallory.account],
    ],
    "nor are old messages shown under a name that is another one's now",
  );
  await inTime(service, again.close());
});

t.test("a handler that fails ends the listening, and the message stays with the service", async (t) => {
  const { service, onBobs, waiting } = await mailFor("one", "two");
  const bob = await resume(onBobs);
  const listening = await bob.listen({
    onMessage({ text }) {
      if (text === "two") throw new Error("the screen is gone");
    },
  });
  await inTime(service, t.rejects(listening.done, { message: "the screen is gone" }));
  await inTime(service, () => service.sessions.size === 0);
  await inTime(service, listening.stop());
  t.equal(waiting.length, 1);
  const { texts } = await listenTo(bob);
  await inTime(service, () => waiting.length === 0);
  t.strictSame(texts(), ["two"]);
  await inTime(service, bob.close());
});

t.test("who stops in the middle has what was shown acknowledged, and the rest waits", async (t) => {
  const { service, onBobs, waiting } = await mailFor("one", "two", "three");
  const bob = await resume(onBobs);
  const shown: string[] = [];
  const listening = await bob.listen({
    onMessage({ text }) {
      shown.push(text);
      // The second is still being shown when it is told to stop.
      if (text === "two") void listening.stop();
    },
  });
  await inTime(service, listening.done);
  t.strictSame(shown, ["one", "two"]);
  await inTime(service, () => waiting.length === 1);
  await inTime(service, () => service.sessions.size === 0);
  await inTime(service, bob.close());
});

t.test("a message that is never done being shown holds nobody up who stops", async (t) => {
  const { service, onBobs, waiting } = await mailFor("one", "two");
  const bob = await resume(onBobs);
  const shown: string[] = [];
  const listening = await bob.listen({
    onMessage({ text }) {
      shown.push(text);
      return text === "two" ? new Promise(() => undefined) : undefined;
    },
  });
  await inTime(service, () => shown.length === 2);
  await inTime(service, listening.stop());
  t.strictSame(
    waiting.map(({ message }) => message),
    [waiting.at(-1)?.message],
    "the first is acknowledged, the second is not",
  );
  await inTime(service, bob.close());
});

t.test("one spell of listening at a time; sending goes on after it, without deliveries", async (t) => {
  const { service, onBobs } = await mailFor();
  const bob = await resume(onBobs);
  const { listening } = await listenTo(bob);
  await t.rejects(bob.listen({ onMessage: () => undefined }), { code: "conflict" });
  await inTime(service, () => service.sessions.size === 1);
  await inTime(service, listening.stop());
  await inTime(service, bob.send("alice", "still here"));
  t.strictSame(service.hellos.slice(-2), [true, false]);
  await inTime(service, bob.close());
  await t.rejects(bob.listen({ onMessage: () => undefined }), { code: "unavailable" });
  await t.rejects(bob.send("alice", "too late"), { code: "unavailable" });
});

t.test("an archive that is gone for good ends the listening, and nothing is acknowledged", async (t) => {
  const { service, onBobs, waiting } = await mailFor("one");
  const bob = await resume(onBobs);
  const first = await listenTo(bob);
  await inTime(service, () => waiting.length === 0);
  await inTime(service, bob.close());
  t.equal(first.got.length, 1);
  service.archive.archives.clear();
  const again = await resume(onBobs.restart());
  const { listening } = await listenTo(again);
  service.mailbox(again.me.account).push({ ...(service.sends[0] as SendFrame) });
  await inTime(service, t.rejects(listening.done, { code: "noSuchArchive" }));
  t.equal(service.acks.length, 1);
  await inTime(service, again.close());
});

t.test("a session that ends for good ends the listening with its reason", async (t) => {
  const { service, onBobs } = await mailFor();
  const bob = await resume(onBobs);
  const { listening } = await listenTo(bob);
  await inTime(service, () => service.sessions.size === 1);
  service.refusal = new FastChatError("notSignedIn", "This device was signed out.");
  service.cut();
  await inTime(service, t.rejects(listening.done, { code: "notSignedIn" }));
  await inTime(service, bob.close());
});

t.test("a suspended account's device is told so and does not come back by itself", async (t) => {
  const { service, onBobs } = await mailFor();
  const bob = await resume(onBobs);
  const { listening } = await listenTo(bob);
  await inTime(service, () => service.sessions.size === 1);
  service.refusal = new FastChatError("suspended", "This account is suspended.");
  for (const session of service.sessions) {
    session.say({ type: "closing", code: "suspended", message: "This account is suspended." });
    session.channel.close();
  }
  await inTime(service, t.rejects(listening.done, { code: "suspended" }));
  const asked = service.requests.length;
  await t.rejects(bob.send("alice", "hello"), { code: "suspended" });
  service.clock.advance(600_000);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(service.requests.length, asked);
  await inTime(service, bob.close());
});
