/** Chats: whom one talks with, what is unread, and the notes that all devices share. */
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import type { ChatSummary } from "../../../src/client/core/messages.js";
import { toHex } from "../../../src/protocol/bytes.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { Service } from "./service.js";

/** Bob, to whom alice wrote five messages, and who wrote two to her and one to himself; on two devices. */
async function bobsChats() {
  const service = new Service();
  const { alice: person, bob, onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const first = await resume(onBobs);
  const { listening } = await listenTo(first);
  await inTime(service, first.send("bob", "note"));
  for (const text of ["1", "2", "3", "4", "5"]) await inTime(service, alice.send("bob", text));
  for (const text of ["re 1", "re 2"]) await inTime(service, first.send("alice", text));
  const archive = service.archive.archives.get(bob.contents.archive.id);
  if (archive === undefined) throw new Error("there is no archive");
  // Eight messages, and the pin of alice's card.
  await inTime(service, () => archive.entries.length === 9);
  await inTime(service, listening.stop());
  const second = await resume(await signedIn(service, bob, "bob"));
  return { service, alice, first, second, archive, person };
}

const told = ({ with: other, unread, newest }: ChatSummary) => [other, unread, newest?.text];

async function chatsOf(service: Service, client: Client, query = {}): Promise<readonly ChatSummary[]> {
  return (await inTime(service, client.chats(query)))?.chats ?? [];
}

async function closeAll(service: Service, ...clients: readonly Client[]): Promise<void> {
  for (const client of clients) await inTime(service, client.close());
}

t.test("chats come with the newest first, the other's name, and what is unread", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  t.strictSame((await chatsOf(service, second)).map(told), [
    ["alice", 5, "re 2"],
    ["bob", 0, "note"],
  ]);
  await closeAll(service, alice, first, second);
});

t.test("pages of chats, of which none shows the pins", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  const seen: unknown[] = [];
  let pages = 0;
  for (let before: number | null | undefined; before !== null; pages++) {
    const page = await inTime(
      service,
      second.chats({ limit: 1, ...(before === undefined ? {} : { before }) }),
    );
    seen.push(...(page?.chats.map(({ with: other }) => other) ?? []));
    before = page?.next ?? null;
  }
  t.strictSame(seen, ["alice", "bob"]);
  t.ok(pages >= 2);
  for (const limit of [0, 501, 1.5]) await t.rejects(second.chats({ limit }), { code: "badRequest" });
  await closeAll(service, alice, first, second);
});

t.test("what was read on one device is read on all, and never unread again", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  const [history] = [(await inTime(service, first.history({ with: "alice" }))) ?? []];
  const third = history.find(({ text }) => text === "3");
  await inTime(service, first.changeChat("alice", { read: third?.counter ?? 0 }));
  t.strictSame((await chatsOf(service, second)).map(told)[0], ["alice", 2, "re 2"]);
  await inTime(service, second.changeChat("alice", { read: 1 }));
  t.strictSame((await chatsOf(service, first)).map(told)[0], ["alice", 2, "re 2"]);
  await inTime(service, second.changeChat("alice", { read: history.at(-1)?.counter ?? 0 }));
  t.strictSame((await chatsOf(service, first)).map(told)[0], ["alice", 0, "re 2"]);
  await closeAll(service, alice, first, second);
});

t.test("two devices that change a chat at once lose neither's change", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  await inTime(
    service,
    Promise.all([
      first.changeChat("alice", { pinned: true }),
      second.changeChat("alice", { draft: "not sent yet" }),
      first.changeChat("alice", { mutedUntil: 5_000 }),
    ]),
  );
  for (const client of [first, second]) {
    const [chat] = await chatsOf(service, client);
    t.match(chat, { pinned: true, draft: "not sent yet", mutedUntil: 5_000 });
  }
  await closeAll(service, alice, first, second);
});

t.test("a note from elsewhere, or an old one, is none; the next takes its place", async (t) => {
  const { service, alice, first, second, archive } = await bobsChats();
  await inTime(service, first.changeChat("alice", { draft: "of alice's chat" }));
  await inTime(service, first.changeChat("bob", { draft: "of bob's own" }));
  const [one, other] = [...archive.notes];
  if (one === undefined || other === undefined) throw new Error("there are no notes");
  archive.notes.set(one[0], { ...one[1], note: other[1].note });
  archive.notes.set(other[0], { ...other[1], version: 7 });
  t.strictSame(
    (await chatsOf(service, second)).map(({ draft }) => draft),
    ["", ""],
  );
  await inTime(service, second.changeChat("alice", { draft: "anew" }));
  t.strictSame((await chatsOf(service, second)).map(({ draft }) => draft)[0], "anew");
  await closeAll(service, alice, first, second);
});

t.test("a draft is there on every device, wherever its chat stands in the list", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  const draftOf = (name: string) => inTime(service, second.draft(name));
  t.equal(await draftOf("alice"), "");
  await inTime(service, first.changeChat("alice", { draft: "the newest chat" }));
  await inTime(service, first.changeChat("bob", { draft: "an older one" }));
  t.equal(await draftOf("alice"), "the newest chat");
  t.equal(await draftOf("bob"), "an older one");
  await inTime(service, first.changeChat("bob", { draft: "" }));
  t.equal(await draftOf("bob"), "", "cleared there, cleared here");
  t.equal(await inTime(service, alice.draft("alice")), "", "of a chat without entries");
  await closeAll(service, alice, first, second);
});

t.test("changes that cannot be are refused", async (t) => {
  const { service, alice, first, second } = await bobsChats();
  await t.rejects(inTime(service, first.changeChat("alice", { draft: "x".repeat(1_001) })), {
    code: "badRequest",
  });
  await t.rejects(inTime(service, first.changeChat("nobody", { pinned: true })), { code: "noSuchAccount" });
  await t.rejects(
    inTime(service, alice.changeChat("alice", { pinned: true })),
    { code: "badRequest" },
    "nothing was said there",
  );
  await closeAll(service, alice, first, second);
});

t.test("an archive that lists chats in no order is left", async (t) => {
  const { service, alice, first, second, archive } = await bobsChats();
  const forged = archive.entries.at(-1);
  if (forged === undefined) throw new Error("there are no entries");
  // The same place twice: another chat's newest entry claims it.
  const stranger = { ...forged, chat: new Uint8Array(32).fill(1), entry: new Uint8Array(32).fill(2) };
  archive.entries.push(stranger);
  t.not(toHex(stranger.chat), toHex(forged.chat));
  await inTime(service, t.rejects(second.chats(), { code: "badFrame" }));
  await closeAll(service, alice, first, second);
});
