/** What every archive store promises of chats, digests and checkpoints. */
import { createHash, randomBytes } from "node:crypto";
import type { Test } from "tap";
import {
  CHAT_OVERHEAD_BYTES,
  ENTRY_OVERHEAD_BYTES,
  type ArchiveStore,
  type ChatPage,
  type NewEntry,
  type StoredChat,
} from "../../src/store/archive.js";
import { MANY, entries, entry, made, randomArchive, tag } from "./archive-contract.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const note = (text: string): Uint8Array => Buffer.from(text);

/** `name:newest` of each chat, and whether there are more. */
function told({ chats, more }: ChatPage, ...names: readonly string[]): string {
  const known = new Map(names.map((name) => [hex(tag(name)), name]));
  return chats.map(({ chat, newest }) => `${known.get(hex(chat))}:${newest}`).join(" ") + (more ? " …" : "");
}

const plain = ({ chat, note: kept, ...rest }: StoredChat) => ({
  ...rest,
  chat: hex(chat),
  note: kept === null ? null : Buffer.from(kept).toString(),
});

export function archiveChatsContract(t: Test, store: ArchiveStore): void {
  t.test("chats are listed, the one with the newest entry first, with that entry", async (t) => {
    const archive = await made(store);
    const list = async (before?: number, limit = 10) =>
      told(await store.chats({ archive, before, limit, maxBytes: MANY }), "red", "blue", "green");
    t.equal(await list(), "", "an empty archive");
    const chats = ["red", "blue", "green", "red", "blue", "red"];
    await store.append([{ archive, entries: chats.map((chat, at) => entry(`${at}`, chat)) }], MANY);
    t.equal(await list(), "red:6 blue:5 green:3");
    t.equal(await list(undefined, 2), "red:6 blue:5 …");
    t.equal(await list(5, 2), "green:3");
    t.equal(await list(3), "");
    await store.append([{ archive, entries: [entry("0", "blue"), entry("7", "green")] }], MANY);
    t.equal(await list(), "green:7 red:6 blue:5", "what was there before is nothing new");

    const page = await store.chats({ archive, limit: 10, maxBytes: MANY });
    t.same(
      page.latest.map(({ counter }) => counter),
      [7, 6, 5],
    );
    t.same(hex(page.latest[0]?.entry ?? note("")), hex(tag("7")));
    t.equal(
      told(await store.chats({ archive: await made(store), limit: 10, maxBytes: MANY }), "red"),
      "",
      "another archive",
    );
  });

  t.test("entries of several appends in one call make one row a chat", async (t) => {
    const [one, other] = [await made(store), await made(store)];
    await store.append(
      [
        { archive: one, entries: [entry("a", "red"), entry("b", "red")] },
        { archive: other, entries: [entry("a", "red")] },
        { archive: one, entries: [entry("c", "blue"), entry("d", "red")] },
      ],
      MANY,
    );
    t.equal(
      told(await store.chats({ archive: one, limit: 9, maxBytes: MANY }), "red", "blue"),
      "red:4 blue:3",
    );
    t.equal(told(await store.chats({ archive: other, limit: 9, maxBytes: MANY }), "red"), "red:1");
  });

  t.test("a page of chats weighs no more than it may, but has one in any case", async (t) => {
    const archive = await made(store);
    await store.append([{ archive, entries: ["a", "b", "c"].map((name) => entry(name, name, 1000)) }], MANY);
    const one = 1000 + ENTRY_OVERHEAD_BYTES + CHAT_OVERHEAD_BYTES;
    const read = async (maxBytes: number) =>
      told(await store.chats({ archive, limit: 9, maxBytes }), "a", "b", "c");
    t.equal(await read(1), "c:3 …");
    t.equal(await read(2 * one - 1), "c:3 …");
    t.equal(await read(2 * one), "c:3 b:2 …");
    t.equal(await read(3 * one), "c:3 b:2 a:1");
  });

  t.test("a note is written by whoever read the one before it, and by nobody else", async (t) => {
    const archive = await made(store);
    await store.append([{ archive, entries: [entry("1", "red"), entry("2", "blue")] }], MANY);
    const write = async (chat: string, version: number, text: string) => {
      const outcome = await store.setChat(archive, tag(chat), { version, sealed: note(text) });
      return outcome.type === "noSuchChat"
        ? outcome.type
        : `${outcome.type} ${outcome.chat.version}/${outcome.chat.revision} ${plain(outcome.chat).note}`;
    };
    t.equal(await write("red", 0, "first"), "written 1/1 first");
    t.equal(await write("red", 0, "late"), "conflict 1/1 first");
    t.equal(await write("red", 2, "early"), "conflict 1/1 first");
    t.equal(await write("blue", 0, "other"), "written 1/2 other");
    t.equal(await write("red", 1, "second"), "written 2/3 second");
    t.equal(await write("green", 0, "none"), "noSuchChat", "no entry stands there");
    t.equal((await store.find(archive))?.revision, 3);

    const changed = async (revision: number, limit = 9, maxBytes = MANY) => {
      const { chats, more } = await store.changedChats({ archive, revision, limit, maxBytes });
      return [...chats.map((chat) => plain(chat).note), ...(more ? ["…"] : [])];
    };
    t.same(await changed(0), ["other", "second"]);
    t.same(await changed(0, 1), ["other", "…"]);
    t.same(await changed(0, 9, 1), ["other", "…"], "the first one whatever it weighs");
    t.same(await changed(0, 9, 2 * CHAT_OVERHEAD_BYTES), ["other", "…"]);
    t.same(await changed(0, 9, 2 * CHAT_OVERHEAD_BYTES + 11), ["other", "second"]);
    t.same(await changed(2), ["second"]);
    t.same(await changed(3), []);
    await store.append([{ archive, entries: [entry("3", "red")] }], MANY);
    const [red] = (await store.chats({ archive, limit: 1, maxBytes: MANY })).chats;
    t.same(
      red && plain(red),
      { chat: hex(tag("red")), newest: 3, version: 2, revision: 3, note: "second" },
      "an entry leaves the note alone",
    );
  });

  t.test("of many who write a note at once one wins, and all others see it", async (t) => {
    const archive = await made(store);
    await store.append([{ archive, entries: [entry("1", "red")] }], MANY);
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, at) =>
        store.setChat(archive, tag("red"), { version: 0, sealed: note(`${at}`) }),
      ),
    );
    const written = outcomes.filter(({ type }) => type === "written");
    t.equal(written.length, 1);
    const notes = outcomes.map((outcome) => (outcome.type === "noSuchChat" ? "" : plain(outcome.chat).note));
    t.equal(new Set(notes).size, 1);
    t.equal((await store.find(archive))?.revision, 1);
  });

  t.test("entries are known by their tags and hashes, from any counter on", async (t) => {
    const archive = await made(store);
    const given = entries(5);
    await store.append([{ archive, entries: given }], MANY);
    const expected = given.map(({ chat, entry: name, sealed }: NewEntry) => ({
      chat: hex(chat),
      entry: hex(name),
      hash: createHash("sha256").update(chat).update(name).update(sealed).digest("hex"),
    }));
    const read = async (after: number, limit: number) => {
      const page = await store.digests(archive, after, limit);
      const digests = page.digests.map((one) => ({
        chat: hex(one.chat),
        entry: hex(one.entry),
        hash: hex(one.hash),
      }));
      return { digests, more: page.more };
    };
    t.same(await read(0, 9), { digests: expected, more: false });
    t.same(await read(0, 2), { digests: expected.slice(0, 2), more: true });
    t.same(await read(3, 2), { digests: expected.slice(3), more: false });
    t.same(await read(5, 2), { digests: [], more: false });
  });

  t.test("a checkpoint is replaced by whoever read the one before it", async (t) => {
    const archive = await made(store);
    t.same(await store.checkpoint(archive), { version: 0, sealed: null });
    const set = async (version: number, text: string) => {
      const { sealed, ...rest } = await store.setCheckpoint(archive, { version, sealed: note(text) });
      return { ...rest, text: sealed === null ? null : Buffer.from(sealed).toString() };
    };
    t.same(await set(1, "early"), { version: 0, written: false, text: null });
    t.same(await set(0, "first"), { version: 1, written: true, text: "first" });
    t.same(await set(0, "late"), { version: 1, written: false, text: "first" });
    t.same(await set(1, "second"), { version: 2, written: true, text: "second" });
    const { version, sealed } = await store.checkpoint(archive);
    t.same([version, Buffer.from(sealed ?? []).toString()], [2, "second"]);
    const nowhere = await store.setCheckpoint(randomArchive(), { version: 0, sealed: randomBytes(9) });
    t.same(nowhere, { version: 0, sealed: null, written: false });
  });
}
