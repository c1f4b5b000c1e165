/** Who has got, and read, what one wrote (PROTOCOL.md, "Receipts"). */
import { randomBytes } from "node:crypto";
import t from "tap";
import { directConversation } from "../../../src/crypto/conversation.js";
import { sealEnvelope } from "../../../src/crypto/envelope.js";
import type { ReceiptSummary } from "../../../src/client/core/messages.js";
import type { ArchiveId, ConversationId, DeviceId, MessageId } from "../../../src/protocol/ids.js";
import type { ReceiptPayload } from "../../../src/protocol/payload.js";
import { inTime } from "./device.js";
import { Scene, texts, type Screen } from "./groups-scene.js";

const TELLS = { sendsReceipts: true };
const READS = { sendsReceipts: true, marksRead: true };

/** What somebody's history says of their own messages. */
async function told(scene: Scene, { client }: Screen, name: string): Promise<(ReceiptSummary | null)[]> {
  const entries = await scene.done(client.history({ with: name, limit: 500 }));
  return entries.filter(({ direction }) => direction === "sent").map(({ receipts }) => receipts);
}

/** Until a history says that of the newest message. */
async function untilTold(scene: Scene, screen: Screen, name: string, wanted: ReceiptSummary): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const receipts = (await told(scene, screen, name)).at(-1);
    if (JSON.stringify(receipts) === JSON.stringify(wanted)) return;
    await inTime(scene.service, wait(scene, 500));
  }
  throw new Error(`never told: ${JSON.stringify((await told(scene, screen, name)).at(-1))}`);
}

function wait(scene: Scene, ms: number): Promise<void> {
  return new Promise((resolve) => void scene.service.clock.after(ms, () => resolve()));
}

t.test(
  "an author is told that a message has arrived, and that it was read, and nobody sees how",
  async (t) => {
    const scene = await Scene.open();
    const alice = await scene.listening("alice");
    const bob = await scene.listening("bob", undefined, TELLS);
    for (const text of ["1", "2", "3"]) await scene.done(alice.client.send("bob", text));
    await untilTold(scene, alice, "bob", { recipients: 1, delivered: 1, read: 0 });
    t.same(await told(scene, alice, "bob"), Array(3).fill({ recipients: 1, delivered: 1, read: 0 }));

    const page = await scene.done(bob.client.history({ with: "alice" }));
    await scene.done(bob.client.changeChat("alice", { read: page[1]?.counter ?? 0 }));
    await inTime(scene.service, wait(scene, 5_000));
    await scene.quiet();
    t.same(
      (await told(scene, alice, "bob")).map((receipts) => receipts?.read),
      [1, 1, 0],
      "what was read, and nothing more",
    );

    t.same(texts(alice), []);
    t.same(texts(bob), ["alice: 1", "alice: 2", "alice: 3"]);
    for (const { client } of [alice, bob]) {
      const { chats } = await scene.done(client.chats());
      t.same(
        chats.map((chat) => [chat.with, chat.newest?.text]),
        [[client === alice.client ? "bob" : "alice", "3"]],
      );
      t.equal((await scene.done(client.history())).length, 3);
    }
    const { message, members } = await scene.done(alice.client.receipts("bob", null));
    t.equal(message.text, "3");
    t.match(members, [{ name: "bob", state: "delivered" }]);
    await t.rejects(scene.done(bob.client.receipts("alice", null)), { code: "noSuchMessage" });
    await scene.close();
  },
);

t.test(
  "in a group it is summed up over those who were members then, on all devices of the author",
  async (t) => {
    const scene = await Scene.open();
    const alice = await scene.listening("alice");
    const second = await scene.listening("alice");
    const bob = await scene.listening("bob", undefined, READS);
    await scene.create(alice, "Team", "bob");
    await scene.done(alice.client.send("#Team", "before Carol"));
    await untilTold(scene, alice, "#Team", { recipients: 1, delivered: 1, read: 1 });

    const fromBob = (): number =>
      scene.service.sends.filter((send) => send.account === bob.client.me.account).length;
    await inTime(scene.service, wait(scene, 10_000));
    const before = fromBob();
    await scene.change(alice, "add", "carol");
    await inTime(scene.service, wait(scene, 60_000));
    t.equal(fromBob(), before, "the title is for Carol: Bob sees nothing of it, and says nothing");
    const { id } = await scene.done(alice.client.send("#Team", "to both"));
    await untilTold(scene, alice, "#Team", { recipients: 2, delivered: 1, read: 1 });
    const carol = await scene.listening("carol", undefined, TELLS);
    await untilTold(scene, alice, "#Team", { recipients: 2, delivered: 2, read: 1 });
    t.same(
      (await told(scene, second, "#Team")).at(1),
      { recipients: 1, delivered: 1, read: 1 },
      "who came later is not among the recipients of what was sent before",
    );
    const { members } = await scene.done(second.client.receipts("#Team", id));
    t.same(Object.fromEntries(members.map(({ name, state }) => [name, state])), {
      bob: "read",
      carol: "delivered",
    });
    t.same(texts(carol), ["alice: to both"]);
    t.same(texts(bob).length, 3);
    await scene.close();
  },
);

t.test("whoever does not say what they read says that it arrived", async (t) => {
  const scene = await Scene.open();
  const alice = await scene.listening("alice");
  const process = await scene.device("bob");
  const before = await scene.silent(process, TELLS);
  t.equal(before.client.hidesReading, false);
  await scene.done(before.client.hideReading(true));
  await scene.done(before.client.close());
  const bob = await scene.listening("bob", process, READS);
  t.equal(bob.client.hidesReading, true, "the device remembers it");
  await scene.done(alice.client.send("bob", "seen?"));
  await untilTold(scene, alice, "bob", { recipients: 1, delivered: 1, read: 0 });
  await inTime(scene.service, wait(scene, 60_000));
  t.match(await told(scene, alice, "bob"), [{ delivered: 1, read: 0 }]);
  await scene.close();
});

t.test("who ends right after a message came has told of it", async (t) => {
  const scene = await Scene.open();
  const alice = await scene.listening("alice");
  const bob = await scene.listening("bob", undefined, READS);
  await scene.done(alice.client.send("bob", "quick"));
  await scene.until(() => bob.received.length === 1);
  await scene.done(bob.client.close());
  await scene.quiet();
  t.match(await told(scene, alice, "bob"), [{ delivered: 1, read: 1 }]);
  await scene.close();
});

t.test("messages that nobody acknowledges in receipts are none's", async (t) => {
  const scene = await Scene.open();
  const alice = await scene.listening("alice");
  const bob = await scene.listening("bob", undefined, { marksRead: true });
  await scene.done(alice.client.send("bob", "hello"));
  await scene.until(() => bob.received.length === 1);
  await inTime(scene.service, wait(scene, 60_000));
  t.match(await told(scene, alice, "bob"), [{ recipients: 1, delivered: 0, read: 0 }]);
  t.equal(scene.service.sends.length, 1);
  await scene.close();
});

t.test("lies in receipts stand for nothing", async (t) => {
  const scene = await Scene.open();
  const alice = await scene.listening("alice");
  const bob = await scene.listening("bob");
  const group = await scene.create(alice, "Team", "bob");
  await scene.done(alice.client.send("#Team", "to Bob"));
  await scene.done(alice.client.send("bob", "to Bob alone"));
  await scene.quiet();
  const archive = scene.people.get("alice")?.contents.archive.id as ArchiveId;
  const before = scene.service.archive.entriesOf(archive).length;
  const { device } = alice.client.me;
  const directWithBob = bob.received.find(({ group: in_ }) => in_ === null)?.conversation as ConversationId;
  const lie = (conversation: ConversationId, of: DeviceId, from: number, to: number): ReceiptPayload => ({
    type: "receipt",
    conversation,
    device: of,
    from,
    to,
    read: true,
  });
  // Carol is in none of these conversations.
  await forge(scene, "carol", lie(group.id, device, 1, 9));
  await forge(scene, "carol", lie(directWithBob, device, 1, 9));
  await forge(scene, "carol", lie("77".repeat(32) as ConversationId, device, 1, 9));
  // Bob tells of a device that is none of Alice's, and of numbers in the wrong order.
  await forge(scene, "bob", lie(directWithBob, "88".repeat(16) as DeviceId, 1, 9));
  await forge(scene, "bob", lie(directWithBob, device, 9, 1));
  await scene.quiet();
  t.match(await told(scene, alice, "#Team"), [
    { recipients: 1, read: 0 },
    { recipients: 1, read: 0 },
  ]);
  t.match(await told(scene, alice, "bob"), [{ recipients: 1, delivered: 0, read: 0 }]);
  t.same(texts(alice), []);
  const filed = scene.service.archive.entriesOf(archive).length - before;
  t.ok(filed >= 1 && filed <= 2, `what could be true is filed together: ${filed}`);
  await scene.close();
});

/** Delivers a payload to Alice as a message of somebody's, as a client of their own making could send it. */
async function forge(scene: Scene, by: "bob" | "carol", payload: ReceiptPayload): Promise<void> {
  const [maker, reader] = [scene.people.get(by), scene.people.get("alice")];
  if (maker === undefined || reader === undefined) throw new Error("nobody");
  const message = randomBytes(16).toString("hex") as MessageId;
  const conversation = await directConversation(maker.account, reader.account);
  const { keys, envelope } = await sealEnvelope({
    message,
    conversation,
    device: "99".repeat(16) as DeviceId,
    sequence: 1,
    sentAt: 1,
    epoch: 0,
    payload,
    recipients: [reader.verified],
    identity: maker.keys.identity,
  });
  const frame = { epoch: 0, message, account: maker.account, conversation, keys, envelope };
  scene.service.mailbox(reader.account).push(frame);
  for (const session of scene.service.sessions) {
    if (session.account === reader.account) session.deliver(frame);
  }
}
