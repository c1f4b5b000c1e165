/** Messages out of a file: marked, each once, and never in the place of genuine ones. */
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import { MOST_IMPORTED_AT_ONCE, type ImportedMessage } from "../../../src/client/core/imports.js";
import type { HistoryEntry } from "../../../src/client/core/messages.js";
import { readId16, type AccountId, type ConversationId, type MessageId } from "../../../src/protocol/ids.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { Service } from "./service.js";

function idOf<T extends AccountId | MessageId>(number: number): T {
  return readId16<T>(new Uint8Array(16).fill(number));
}

function toPerson(account: AccountId): ImportedMessage["toWhom"] {
  return { kind: "person", account };
}

/** Alice, who wrote to bob and heard from him, and what a file says besides. */
async function scene() {
  const service = new Service();
  const { alice: person, bob, onAlices, onBobs } = await twoPeople(service);
  const [alice, bobs] = [await resume(onAlices), await resume(onBobs)];
  await inTime(service, alice.send("bob", "genuine"));
  const me = alice.me.account;
  const message = (number: number, over: Partial<ImportedMessage> = {}): ImportedMessage => ({
    id: idOf(number),
    direction: "received",
    from: "bob",
    to: "alice",
    fromAccount: bobs.me.account,
    toWhom: toPerson(me),
    text: `from a file ${number}`,
    at: 1_600_000_000_000 + number,
    ...over,
  });
  const archive = () => service.archive.entriesOf(person.contents.archive.id);
  // The message, and bob's pin.
  await inTime(service, () => archive().length === 2);
  const close = async (...more: readonly Client[]): Promise<void> => {
    for (const client of [alice, bobs, ...more]) await inTime(service, client.close());
  };
  return { service, person, bob, alice, bobs, me, message, archive, close };
}

async function historyOf(service: Service, client: Client, name?: string): Promise<HistoryEntry[]> {
  const query = name === undefined ? { limit: 500 } : { with: name, limit: 500 };
  return (await inTime(service, client.history(query))) ?? [];
}

t.test("imported messages stand in their chat, marked, on every device, and are not new", async (t) => {
  const { service, person, alice, me, message, close } = await scene();
  const taking = alice.import(me);
  const sent = message(2, { direction: "sent", from: "alice", to: "bob", fromAccount: me });
  const toBob = { ...sent, toWhom: toPerson(message(1).fromAccount) };
  t.same(await inTime(service, taking.add([message(1), toBob])), { imported: 2, alreadyThere: 0 });
  const other = await resume(await signedIn(service, person, "alice"));
  for (const device of [alice, other]) {
    t.match(await historyOf(service, device, "bob"), [
      { text: "genuine", imported: false },
      { text: "from a file 1", imported: true, direction: "received", from: "bob", at: 1_600_000_000_001 },
      { text: "from a file 2", imported: true, direction: "sent", from: "alice", to: "bob" },
    ]);
  }
  const chats = (await inTime(service, other.chats()))?.chats ?? [];
  t.match(chats, [{ with: "bob", unread: 0, newest: { text: "from a file 2" } }]);
  t.match(await inTime(service, alice.search("file")), [{ imported: true }, { imported: true }]);
  t.match(await inTime(service, alice.checkArchive()), { alarm: null });
  await close(other);
});

t.test("the same file twice adds nothing, and half of it is completed", async (t) => {
  const { service, alice, me, message, archive, close } = await scene();
  const messages = Array.from({ length: 9 }, (_, index) => message(index + 1));
  t.same(await inTime(service, alice.import(me).add(messages.slice(0, 4))), { imported: 4, alreadyThere: 0 });
  const before = archive().length;
  t.same(await inTime(service, alice.import(me).add(messages)), { imported: 5, alreadyThere: 4 });
  t.same(await inTime(service, alice.import(me).add(messages)), { imported: 0, alreadyThere: 9 });
  t.equal(archive().length, before + 5);
  await close();
});

t.test("a genuine message keeps its place, whatever a file says of it", async (t) => {
  const { service, alice, bobs, me, message, archive, close } = await scene();
  const { got, listening } = await listenTo(alice);
  await inTime(service, bobs.send("alice", "what I wrote"));
  await inTime(service, () => got.length === 1);
  await inTime(service, () => archive().length === 3);
  const [mine, his] = await historyOf(service, alice);
  const forged = [mine, his].map((entry) =>
    message(0, {
      id: entry?.id ?? idOf(0),
      direction: entry?.direction === "sent" ? "sent" : "received",
      fromAccount: entry?.fromAccount ?? me,
      toWhom: toPerson(entry?.toAccounts[0] ?? me),
      text: "other words",
    }),
  );
  t.same(await inTime(service, alice.import(me).add(forged)), { imported: 0, alreadyThere: 2 });
  t.match(await historyOf(service, alice), [
    { text: "genuine", imported: false },
    { text: "what I wrote", imported: false },
  ]);
  await inTime(service, listening.stop());
  await close();
});

t.test("what a file says somebody wrote takes no place from what they write later", async (t) => {
  const { service, alice, bobs, me, message, close } = await scene();
  await inTime(service, alice.import(me).add([message(1, { text: "never written" })]));
  const { got, listening } = await listenTo(alice);
  await inTime(service, bobs.send("alice", "written"));
  await inTime(service, () => got.length === 1);
  t.match(await historyOf(service, alice, "bob"), [
    { text: "genuine" },
    { text: "never written", imported: true },
    { text: "written", imported: false },
  ]);
  await inTime(service, listening.stop());
  await close();
});

t.test("of another account's history people are who has their names here", async (t) => {
  const { service, alice, bobs, message, close } = await scene();
  const [elsewhere, bobElsewhere, stranger] = [idOf<AccountId>(7), idOf<AccountId>(8), idOf<AccountId>(9)];
  const taking = alice.import(elsewhere);
  const toBob = { direction: "sent", from: "alice2", to: "Bob", fromAccount: elsewhere } as const;
  await inTime(
    service,
    taking.add([
      message(1, { from: "bob", fromAccount: bobElsewhere, to: "alice2", toWhom: toPerson(elsewhere) }),
      message(2, { ...toBob, toWhom: toPerson(bobElsewhere) }),
      message(3, { from: "nobody", fromAccount: stranger, to: "alice2", toWhom: toPerson(elsewhere) }),
      message(4, {
        from: "no name at all",
        fromAccount: stranger,
        to: "alice2",
        toWhom: toPerson(elsewhere),
      }),
    ]),
  );
  t.match(await historyOf(service, alice, "bob"), [
    { text: "genuine" },
    { text: "from a file 1", from: "bob", fromAccount: bobs.me.account },
    { text: "from a file 2", from: "alice2", to: "Bob", fromAccount: alice.me.account },
  ]);
  t.match((await historyOf(service, alice)).slice(3), [
    { from: "nobody", fromAccount: stranger },
    { from: "no name at all", fromAccount: stranger },
  ]);
  await close();
});

t.test("what is too long or too much is refused before anything is taken", async (t) => {
  const { service, alice, me, message, archive, close } = await scene();
  const before = archive().length;
  for (const over of [
    { text: "x".repeat(70_000) },
    { text: "\u20ac".repeat(30_000) },
    { from: "x".repeat(65) },
  ]) {
    await t.rejects(inTime(service, alice.import(me).add([message(1), message(2, over)])), {
      code: "tooLarge",
    });
  }
  const many = Array.from({ length: MOST_IMPORTED_AT_ONCE + 1 }, () => message(1));
  await t.rejects(inTime(service, alice.import(me).add(many)), { code: "badRequest" });
  t.equal(archive().length, before);
  await close();
});

t.test("what was sent to groups stands in the group's chat, also where one never was in it", async (t) => {
  const { service, alice, me, message, close } = await scene();
  const id = "5c".repeat(32) as ConversationId;
  const toWhom = { kind: "group", group: id } as const;
  const messages = [
    message(1, { toWhom, to: "#Climbing" }),
    message(2, { toWhom, to: "#Climbing", direction: "sent", from: "alice", fromAccount: me }),
  ];
  t.same(await inTime(service, alice.import(me).add(messages)), { imported: 2, alreadyThere: 0 });
  t.same(await inTime(service, alice.import(me).add(messages)), { imported: 0, alreadyThere: 2 });
  t.match(await historyOf(service, alice, id), [
    {
      text: "from a file 1",
      imported: true,
      direction: "received",
      from: "bob",
      to: "#Climbing",
      group: { id },
    },
    { text: "from a file 2", imported: true, direction: "sent", from: "alice", receipts: null },
  ]);
  const chats = (await inTime(service, alice.chats()))?.chats ?? [];
  t.match(chats[0], { with: "#Climbing", unread: 0, group: { id } });
  t.equal((await historyOf(service, alice, "bob")).length, 1, "and not between the two");
  await t.rejects(inTime(service, alice.send(id, "anybody there?")), { code: "noSuchGroup" });
  await t.rejects(historyOf(service, alice, "6d".repeat(32)), { code: "noSuchGroup" });
  await close();
});
