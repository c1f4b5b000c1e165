/** Messages to groups that were sealed anew, and stand in the archive by more than one entry (PROTOCOL.md, "Archive entries"). */
import t from "tap";
import type { ReceivedMessage } from "../../../src/client/core/messages.js";
import { chatTag } from "../../../src/crypto/archive-tags.js";
import { equalBytes } from "../../../src/protocol/bytes.js";
import { Outcome, type SendFrame } from "../../../src/protocol/hot.js";
import { turns } from "./device.js";
import { Scene, texts, type Screen } from "./groups-scene.js";
import type { ServerSession } from "./service.js";

/** Bob on two devices: `late` could not judge Alice's first message when it came, `other` saw what came before and not that one. */
async function twoSealings(
  scene: Scene,
  beforeTheSecond: () => void = () => undefined,
): Promise<{ alice: Screen; late: Screen; other: Screen }> {
  const { service } = scene;
  const [alice, other, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.until(() => other.received.length === 1);
  await scene.done(alice.client.send("#Team", "before"));
  await scene.until(() => texts(other).includes("alice: before"));
  await scene.quiet();
  const sessions = new Set(service.sessions);
  // On a new device nobody's card is at hand.
  const late = await scene.listening("bob");
  const isNew = (session: ServerSession): boolean => !sessions.has(session);
  await scene.until(() => [...service.sessions].some(isNew));
  const [session] = [...service.sessions].filter(isNew);
  if (session === undefined) throw new Error("the new device has no session");
  // From here on neither hears from the archive what the other takes: what they ask for just now is answered by a change.
  await turns(100);
  service.archive.slow.add("follow");
  await scene.done(late.client.changeChat("#Team", { pinned: true }));
  await scene.done(other.client.changeChat("#Team", { pinned: false }));
  await turns(100);
  const held: { readonly frame: SendFrame; readonly answer: () => void }[] = [];
  const isTaken = (index: number): boolean =>
    service.acks.some(({ message }) => message === held[index]?.frame.message);
  service.onSend = (from, frame) => {
    if (from.account !== alice.client.me.account) return false;
    deliverTo(session, frame);
    held.push({ frame, answer: () => service.answer(from, frame, Outcome.staleEpoch) });
    return true;
  };
  service.balancerAway = true;
  const first = alice.client.send("#Team", "first");
  await scene.until(() => isTaken(0));
  t.notOk(texts(late).includes("alice: first"), "it cannot be judged");
  service.balancerAway = false;
  await scene.until(() => texts(late).includes("alice: first"));
  const second = alice.client.send("#Team", "second");
  await scene.until(() => isTaken(1));
  service.onSend = () => false;
  const changing = scene.change(alice, "add", "carol");
  await scene.until(() => carol.notices.length > 0);
  beforeTheSecond();
  for (const { answer } of held) answer();
  await scene.done(Promise.all([first, second, changing]));
  await scene.until(() => texts(other).includes("alice: second"));
  await scene.quiet();
  return { alice, late, other };
}

/** To one device only. */
function deliverTo(session: ServerSession, frame: SendFrame): void {
  for (const { recipient, key } of frame.keys) {
    if (recipient === session.account) session.deliver({ ...frame, keys: [{ recipient, key }] });
  }
}

/** Entries of the chat besides: that it was made, and what it is called; that Carol came, and what it is called once more. */
const OTHERS = 4;
const LINES = ["alice: before", "alice: first", "alice: second"];

/** What everybody's devices show of a group, without who came and what it is called. */
async function shown(scene: Scene, screen: Screen): Promise<string[]> {
  return (await scene.history(screen)).filter((line) => !line.startsWith("*") && !line.includes("is called"));
}

/** How many entries Bob's archive has in the group's chat. */
async function entriesOf(scene: Scene, { conversation }: ReceivedMessage): Promise<number> {
  const bob = scene.people.get("bob");
  if (bob === undefined) throw new Error("there is no Bob");
  const { id, indexKey } = bob.contents.archive;
  const chat = await chatTag(indexKey, conversation);
  return scene.service.archive.entriesOf(id).filter((entry) => equalBytes(entry.chat, chat)).length;
}

t.test(
  "a message that another device could not judge when it came keeps its place when it is sealed anew",
  async (t) => {
    const scene = await Scene.open();
    const { late, other } = await twoSealings(scene);
    t.equal(await entriesOf(scene, other.received[0] as ReceivedMessage), OTHERS + LINES.length);
    t.same(texts(other).slice(1), LINES, "whoever has not seen it is shown it");
    const reader = await scene.silent(await scene.device("bob"));
    for (const screen of [reader, other, late]) t.same(await shown(scene, screen), LINES);
    await scene.close();
  },
);

t.test(
  "where the archive could not be asked the first of its entries counts, wherever it is shown",
  async (t) => {
    const scene = await Scene.open();
    const { archive } = scene.service;
    const { other, late } = await twoSealings(scene, () =>
      archive.refuse.set("before", { code: "unavailable", message: "Not now." }),
    );
    archive.refuse.clear();
    t.equal(await entriesOf(scene, other.received[0] as ReceivedMessage), OTHERS + LINES.length + 1);
    const reader = await scene.silent(await scene.device("bob"));
    for (const screen of [reader, other, late]) {
      t.same(await shown(scene, screen), LINES);
      const { chats } = await scene.done(screen.client.chats());
      t.match(chats, [{ with: "#Team", unread: 4 }]);
      t.equal((await scene.done(screen.client.search("first"))).length, 1);
    }
    const exported: string[] = [];
    for await (const page of reader.client.wholeHistory("#Team")) {
      exported.push(...page.map(({ text }) => text));
    }
    t.equal(exported.filter((text) => text === "first").length, 1);
    await scene.close();
  },
);

t.test("a message that stands twice is gone once it is deleted", async (t) => {
  const scene = await Scene.open();
  const { archive } = scene.service;
  const { other } = await twoSealings(scene, () =>
    archive.refuse.set("before", { code: "unavailable", message: "Not now." }),
  );
  archive.refuse.clear();
  const history = await scene.done(other.client.history({ with: "#Team" }));
  const ids = history.flatMap(({ id, text }) => (text === "first" && id !== null ? [id] : []));
  t.equal(await scene.done(other.client.deleteHistory("#Team", { type: "messages", ids })), 1);
  const reader = await scene.silent(await scene.device("bob"));
  for (const screen of [reader, other])
    t.same(await shown(scene, screen), ["alice: before", "alice: second"]);
  t.match(await scene.done(reader.client.checkArchive({ whole: true })), { alarm: null });
  await scene.close();
});
