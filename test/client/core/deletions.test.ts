/** Deleting from the history: for all devices of the account, told apart from what an archive withholds. */
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import type { Selection } from "../../../src/client/core/deleting.js";
import type { HistoryEntry } from "../../../src/client/core/messages.js";
import { readId16, type MessageId } from "../../../src/protocol/ids.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { Service } from "./service.js";

/** Alice, who wrote to bob on two devices, and bob. */
async function scene(texts: readonly string[] = ["one", "two", "three", "four"]) {
  const service = new Service();
  const { alice: person, onAlices, onBobs } = await twoPeople(service);
  const [alice, bob] = [await resume(onAlices), await resume(onBobs)];
  const { got } = await listenTo(bob);
  for (const text of texts) await inTime(service, alice.send("bob", text));
  await inTime(service, () => got.length === texts.length);
  const archive = service.archive.archives.get(person.contents.archive.id);
  if (archive === undefined) throw new Error("there is no archive");
  // Bob's pin, too.
  await inTime(service, () => archive.entries.length === texts.length + 1);
  const onOther = await signedIn(service, person, "alice");
  const other = await resume(onOther);
  const lines = async (client: Client): Promise<HistoryEntry[]> =>
    (await inTime(service, client.history({ with: "bob", limit: 500 }))) ?? [];
  const shown = async (client: Client): Promise<string[]> =>
    (await lines(client)).map(({ text, direction }) => (direction === "sent" ? text : direction));
  const remove = (selection: Selection, client = alice) =>
    inTime(service, client.deleteHistory("bob", selection));
  const close = async (...more: readonly Client[]): Promise<void> => {
    for (const client of [alice, bob, other, ...more]) await inTime(service, client.close());
  };
  return { service, person, alice, bob, other, onAlices, archive, lines, shown, remove, close };
}

t.test("what is deleted is gone on all devices, and is nobody's alarm", async (t) => {
  const { service, alice, bob, other, archive, lines, shown, remove, close } = await scene();
  t.same(await shown(other), ["one", "two", "three", "four"]);
  const [, second] = await lines(alice);
  if (second === undefined || second.id === null) throw new Error("there is no second message");
  t.equal(await remove({ type: "messages", ids: [second.id] }), 1);
  for (const device of [alice, other]) {
    t.same(await shown(device), ["one", "three", "four"]);
    t.match(await inTime(service, device.checkArchive({ whole: true })), { alarm: null });
  }
  t.same([...archive.blanked], [second.counter]);
  t.same((await inTime(service, bob.history({ limit: 9 })))?.length, 4, "others keep theirs");
  t.equal((await inTime(service, alice.search("two")))?.length, 0);
  t.equal((await inTime(service, alice.search("three")))?.length, 1);
  await close();
});

t.test("everything before a time, and everything", async (t) => {
  const { service, alice, other, lines, shown, remove, close } = await scene();
  const third = (await lines(alice))[2];
  const time = third?.at ?? 0;
  const count = (selection: Selection) => inTime(service, alice.countHistory("bob", selection));
  const older = (await lines(alice)).filter(({ at }) => at < time).length;
  t.equal(await count({ type: "before", time }), older);
  t.same((await shown(alice)).length, 4, "to count deletes nothing");
  t.equal(await remove({ type: "before", time }), older);
  t.same(await shown(other), ["one", "two", "three", "four"].slice(older));
  t.equal(await count({ type: "all" }), 4 - older);
  t.equal(await remove({ type: "all" }), 4 - older);
  t.equal(await remove({ type: "all" }), 0, "once");
  for (const device of [alice, other]) {
    t.same(await shown(device), []);
    t.same(
      (await inTime(service, device.chats()))?.chats,
      [],
      "a chat of which nothing is left is not listed",
    );
  }
  await inTime(service, alice.send("bob", "anew"));
  t.same(await shown(other), ["anew"]);
  t.match(await inTime(service, other.chats()), { chats: [{ with: "bob", newest: { text: "anew" } }] });
  await close();
});

t.test("a chat whose newest message was deleted is listed with the one before it", async (t) => {
  const { service, alice, other, lines, remove, close } = await scene();
  const newest = (await lines(alice)).at(-1);
  await remove({ type: "messages", ids: newest?.id ? [newest.id] : [] });
  t.match(await inTime(service, other.chats()), { chats: [{ with: "bob", newest: { text: "three" } }] });
  await close();
});

t.test("where a message that is named does not stand there nothing is deleted", async (t) => {
  const { alice, lines, shown, remove, archive, close } = await scene();
  const [first] = await lines(alice);
  const strange = readId16<MessageId>(new Uint8Array(16));
  const ids = [...(first?.id ? [first.id] : []), strange];
  await t.rejects(remove({ type: "messages", ids }), { code: "badRequest" });
  t.equal((await shown(alice)).length, 4);
  t.equal(archive.blanked.size, 0);
  await close();
});

t.test("what the archive withholds is missing still, whatever was deleted beside it", async (t) => {
  const { service, alice, other, archive, lines, shown, remove, close } = await scene();
  await shown(other);
  const all = await lines(alice);
  archive.blanked.add(all[2]?.counter ?? 0);
  t.same(await shown(alice), ["one", "two", "missing", "four"]);
  t.equal(await remove({ type: "all" }), 3);
  for (const device of [alice, other]) t.same(await shown(device), ["missing"]);
  t.match(await inTime(service, alice.countHistory("bob", { type: "all" })), 0);
  await close();
});

t.test("a deletion that was cut off is ended by whichever device comes across it", async (t) => {
  const { service, person, alice, other, archive, lines, shown, remove, close } = await scene();
  const [first] = await lines(alice);
  service.archive.refuse.set("blank", { code: "unavailable", message: "Not now." });
  await t.rejects(remove({ type: "messages", ids: first?.id ? [first.id] : [] }), { code: "unavailable" });
  t.equal(archive.blanked.size, 0);
  t.same(await shown(other), ["two", "three", "four"], "it is hidden already");
  service.archive.refuse.clear();
  const third = await resume(await signedIn(service, person, "alice"));
  t.same(await shown(third), ["two", "three", "four"]);
  await inTime(service, () => archive.blanked.size === 1);
  t.same([...archive.blanked], [first?.counter]);
  await close(third);
});

t.test("no entry is taken for deleted on the archive's word", async (t) => {
  const { service, person, alice, archive, lines, shown, remove, close } = await scene();
  const [first, second] = await lines(alice);
  await remove({ type: "messages", ids: first?.id ? [first.id] : [] });
  const record = archive.entries.at(-1);
  if (record === undefined) throw new Error("there is no record");
  record.sealed = record.sealed.map((byte) => byte ^ 1);
  archive.blanked.add(second?.counter ?? 0);
  const fresh = await resume(await signedIn(service, person, "alice"));
  t.same(await shown(fresh), ["missing", "missing", "three", "four"]);
  await close(fresh);
});
