/** Several devices of one account: what each learns of the others (PROTOCOL.md, "Several devices"). */
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import type { ReceivedMessage, SentElsewhere } from "../../../src/client/core/messages.js";
import { inTime, resume, signedIn, turns, twoPeople } from "./device.js";
import { historyOf } from "./mail.js";
import { Service } from "./service.js";

interface Screen {
  readonly client: Client;
  readonly received: ReceivedMessage[];
  readonly sent: SentElsewhere[];
  readonly stop: () => Promise<void>;
}

async function listening(client: Client, marksRead = false, catchesUp = false): Promise<Screen> {
  const [received, sent]: [ReceivedMessage[], SentElsewhere[]] = [[], []];
  const spell = await client.listen({
    onMessage: (message) => void received.push(message),
    onSent: (message) => void sent.push(message),
    marksRead,
    catchesUp,
  });
  return { client, received, sent, stop: () => spell.stop() };
}

async function bobsDevices(marksRead = false) {
  const service = new Service();
  const { bob, onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const onSecond = await signedIn(service, bob, "bob");
  const first = await listening(await resume(onBobs), marksRead);
  const second = await listening(await resume(onSecond));
  const archive = () => service.archive.entriesOf(bob.contents.archive.id);
  // Both follow from here on.
  await inTime(service, first.client.history());
  await inTime(service, second.client.history());
  return { service, alice, bob, first, second, onSecond, archive };
}

const texts = (messages: readonly { readonly text: string }[]) => messages.map(({ text }) => text);

async function closeAll(service: Service, ...clients: readonly Client[]): Promise<void> {
  for (const client of clients) await inTime(service, client.close());
}

t.test("what one device sends shows on the others, and not on itself", async (t) => {
  const { service, alice, first, second } = await bobsDevices();
  for (const text of ["1", "2", "3"]) await inTime(service, first.client.send("alice", text));
  await inTime(service, () => second.sent.length === 3);
  t.match(
    second.sent.map(({ to, text }) => `${to}: ${text}`),
    ["alice: 1", "alice: 2", "alice: 3"],
  );
  t.strictSame(first.sent, []);
  t.strictSame(texts(second.received), []);
  await closeAll(service, alice, first.client, second.client);
});

t.test("a sender whose name cannot be had just now is not shown under another one", async (t) => {
  const service = new Service();
  const { bob, onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const first = await listening(await resume(onBobs));
  await inTime(service, first.client.send("alice", "I know you"));
  await inTime(service, alice.send("bob", "and I you"));
  await inTime(service, () => first.received.length === 1);
  const second = await listening(await resume(await signedIn(service, bob, "bob")));
  await inTime(service, () => service.archive.archives.get(bob.contents.archive.id)?.followers.size === 2);
  service.balancerAway = true;
  await inTime(service, alice.send("bob", "who am I?"));
  await inTime(service, () => first.received.length === 2);
  await turns(200);
  t.strictSame(second.received, []);
  service.balancerAway = false;
  await inTime(service, () => second.received.length === 1);
  t.match(second.received, [{ from: "alice", text: "who am I?" }]);
  await closeAll(service, alice, first.client, second.client);
});

t.test("what both are given is shown once on each, and stands once in the history", async (t) => {
  const { service, alice, first, second, archive } = await bobsDevices();
  for (const text of ["1", "2", "3", "4"]) await inTime(service, alice.send("bob", text));
  await inTime(service, () => first.received.length === 4 && second.received.length === 4);
  await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length === 0));
  await turns(200);
  t.strictSame(texts(first.received), ["1", "2", "3", "4"]);
  t.strictSame(texts(second.received), ["1", "2", "3", "4"]);
  t.strictSame(await historyOf(service, second.client), ["1", "2", "3", "4"]);
  t.equal(new Set(archive().map(({ counter }) => counter)).size, archive().length);
  await closeAll(service, alice, first.client, second.client);
});

t.test("what another device took while the service gave this one nothing is shown here, too", async (t) => {
  const { service, alice, bob, first, second } = await bobsDevices();
  // The second one's session hears nothing any more; its archive does.
  await inTime(service, () => service.sessions.size === 2);
  const session = [...service.sessions].filter(({ account }) => account === bob.account).at(-1);
  if (session !== undefined) session.attached = false;
  for (const text of ["1", "2"]) await inTime(service, alice.send("bob", text));
  await inTime(service, () => second.received.length === 2);
  t.match(
    second.received.map(({ from, text, number }) => [from, text, number]),
    [
      ["alice", "1", 1],
      ["alice", "2", 2],
    ],
  );
  t.strictSame(texts(first.received), ["1", "2"]);
  await closeAll(service, alice, first.client, second.client);
});

t.test("a new spell of listening shows nothing of the one before it", async (t) => {
  const { service, alice, first, second } = await bobsDevices();
  await inTime(service, second.client.close());
  await inTime(service, alice.send("bob", "1"));
  await inTime(service, () => first.received.length === 1);
  await inTime(service, first.client.send("alice", "2"));
  await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length <= 1));
  await inTime(service, first.stop());
  const again = await listening(first.client);
  await inTime(service, alice.send("bob", "3"));
  await inTime(service, () => again.received.length > 0);
  t.strictSame([texts(again.received), texts(again.sent)], [["3"], []]);
  await closeAll(service, alice, first.client);
});

t.test("following goes on after a loss, and leaves nothing out", async (t) => {
  const { service, alice, first, second } = await bobsDevices();
  await inTime(service, first.client.send("alice", "1"));
  await inTime(service, () => second.sent.length === 1);
  service.archive.leave();
  await inTime(service, first.client.send("alice", "2"));
  await inTime(service, first.client.send("alice", "3"));
  service.archive.away = false;
  await inTime(service, () => second.sent.length === 3);
  t.strictSame(texts(second.sent), ["1", "2", "3"]);
  await closeAll(service, alice, first.client, second.client);
});

t.test("what a device shows counts as read on all, if it says so", async (t) => {
  for (const marksRead of [true, false]) {
    const { service, alice, first, second } = await bobsDevices(marksRead);
    for (const text of ["1", "2"]) await inTime(service, alice.send("bob", text));
    await inTime(service, () => first.received.length === 2);
    await inTime(service, first.client.close());
    const list = await inTime(service, second.client.chats());
    t.equal(list?.chats[0]?.unread, marksRead ? 0 : 2);
    await closeAll(service, alice, second.client);
  }
});

t.test("an entry that was tampered with is shown by nobody", async (t) => {
  const { service, alice, first, second, archive } = await bobsDevices();
  service.archive.onAppend = (when) => {
    const newest = archive().at(-1);
    if (when === "after" && newest !== undefined) newest.sealed = newest.sealed.map((byte) => byte ^ 1);
    return false;
  };
  await inTime(service, first.client.send("alice", "1"));
  // The pin of alice's card stands before it.
  await inTime(service, () => archive().length === 2);
  service.archive.onAppend = () => false;
  await inTime(service, first.client.send("alice", "2"));
  await inTime(service, () => second.sent.length > 0);
  t.strictSame(texts(second.sent), ["2"]);
  await closeAll(service, alice, first.client, second.client);
});

/** Bob, whose second device listened and is off, and whose first one then takes and sends something. */
async function bobsAbsentDevice(marksRead: boolean) {
  const service = new Service();
  const { bob, onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const onSecond = await signedIn(service, bob, "bob");
  const first = await listening(await resume(onBobs), marksRead);
  const archive = () => service.archive.entriesOf(bob.contents.archive.id);
  await inTime(service, first.client.send("alice", "before all"));
  const second = await listening(await resume(onSecond), false, true);
  await inTime(service, alice.send("bob", "both are there"));
  await inTime(service, () => first.received.length === 1 && second.received.length === 1);
  await inTime(service, second.stop());
  await inTime(service, second.client.close());
  for (const text of ["missed 1", "missed 2"]) await inTime(service, alice.send("bob", text));
  await inTime(service, first.client.send("alice", "sent meanwhile"));
  await inTime(service, () => first.received.length === 3 && archive().length === 6);
  return { service, alice, first, onSecond: onSecond.restart(), archive };
}

t.test(
  "a device that comes back shows what the others took and sent, in order, before what waits",
  async (t) => {
    const { service, alice, first, onSecond, archive } = await bobsAbsentDevice(false);
    await inTime(service, first.stop());
    await inTime(service, first.client.close());
    await inTime(service, alice.send("bob", "waits"));
    const back = await listening(await resume(onSecond), false, true);
    await inTime(service, () => back.received.length >= 3);
    t.strictSame(texts(back.received), ["missed 1", "missed 2", "waits"]);
    t.strictSame(texts(back.sent), ["sent meanwhile"]);
    await inTime(service, () => archive().length === 7);
    await inTime(service, back.stop());
    await inTime(service, back.client.close());
    const again = await listening(await resume(onSecond.restart()), false, true);
    await inTime(service, alice.send("bob", "later"));
    await inTime(service, () => again.received.length === 1);
    t.strictSame(
      [texts(again.received), again.sent.length],
      [["later"], 0],
      "what was shown is not shown again",
    );
    await closeAll(service, alice, again.client);
  },
);

t.test("what was read on another device is not shown again", async (t) => {
  const { service, alice, first, onSecond } = await bobsAbsentDevice(true);
  await inTime(service, first.stop());
  const back = await listening(await resume(onSecond), false, true);
  await inTime(service, () => back.sent.length === 1);
  await inTime(service, alice.send("bob", "new"));
  await inTime(service, () => back.received.length === 1);
  t.strictSame(texts(back.received), ["new"]);
  await closeAll(service, alice, first.client, back.client);
});

t.test("who does not ask for what was missed does not get it, and has not missed it the less", async (t) => {
  const { service, alice, first, onSecond } = await bobsAbsentDevice(false);
  const passing = await listening(await resume(onSecond));
  await inTime(service, alice.send("bob", "new"));
  await inTime(service, () => passing.received.length === 1);
  await inTime(service, passing.stop());
  await inTime(service, passing.client.close());
  const back = await listening(await resume(onSecond.restart()), false, true);
  await inTime(service, () => back.received.length >= 2);
  t.strictSame(texts(back.received).slice(0, 2), ["missed 1", "missed 2"]);
  await closeAll(service, alice, first.client, back.client);
});

t.test(
  "while the archive is away what comes is shown after a moment, and what was missed once it is back",
  async (t) => {
    const { service, alice, first, onSecond } = await bobsAbsentDevice(false);
    await inTime(service, first.stop());
    await inTime(service, first.client.close());
    service.archive.silent = true;
    await inTime(service, alice.send("bob", "now"));
    const back = await listening(await resume(onSecond), false, true);
    await inTime(service, () => back.received.length === 1);
    t.strictSame(texts(back.received), ["now"]);
    service.archive.speak();
    await inTime(service, () => back.received.length === 3);
    t.strictSame(texts(back.received), ["now", "missed 1", "missed 2"]);
    await closeAll(service, alice, back.client);
  },
);

t.test("a device that was cut off shows what it missed before what waits", async (t) => {
  const { service, alice, bob, first, second, onSecond, archive } = await bobsDevices();
  const bobs = () =>
    [...service.sessions].filter(({ account, attached }) => account === bob.account && attached);
  await inTime(service, alice.send("bob", "before"));
  await inTime(service, () => first.received.length === 1 && second.received.length === 1);
  service.chatAway = true;
  service.archive.slow.add("open");
  onSecond.cut();
  for (const text of ["missed 1", "missed 2"]) await inTime(service, alice.send("bob", text));
  // The pin of alice's card, too.
  await inTime(service, () => first.received.length === 3 && archive().length === 4);
  await inTime(service, first.stop());
  await inTime(service, first.client.close());
  await inTime(service, alice.send("bob", "waits"));
  t.equal(bobs().length, 0);
  // It has been away for far longer than anything would wait, and comes back to the chat server first.
  service.clock.advance(60_000);
  service.chatAway = false;
  await inTime(service, () => bobs().length === 1);
  await turns(100);
  t.strictSame(texts(second.received), ["before"]);
  service.archive.speak();
  await inTime(service, () => second.received.length === 4);
  t.strictSame(texts(second.received), ["before", "missed 1", "missed 2", "waits"]);
  await closeAll(service, alice, second.client);
});

t.test("what another device could not judge is shown here once it can be", async (t) => {
  const service = new Service();
  const { bob, onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const first = await listening(await resume(onBobs));
  await inTime(service, () => service.sessions.size === 1);
  const second = await listening(await resume(await signedIn(service, bob, "bob")));
  await inTime(service, () => service.sessions.size === 2);
  await inTime(service, () => service.archive.archives.get(bob.contents.archive.id)?.followers.size === 2);
  const [, session] = [...service.sessions];
  if (session !== undefined) session.attached = false;
  // Alice's card cannot be had from the moment she has sent.
  service.onSend = () => {
    service.balancerAway = true;
    return false;
  };
  await inTime(service, alice.send("bob", "who am I?"));
  await inTime(service, () => service.archive.entriesOf(bob.contents.archive.id).length > 0);
  await inTime(service, first.stop());
  await turns(200);
  t.strictSame([texts(first.received), texts(second.received)], [[], []]);
  service.balancerAway = false;
  await inTime(service, () => second.received.length === 1);
  t.match(second.received, [{ from: "alice", text: "who am I?" }]);
  await closeAll(service, alice, first.client, second.client);
});
