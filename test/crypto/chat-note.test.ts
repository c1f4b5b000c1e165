/** PROTOCOL.md, "Notes on chats". */
import { randomBytes } from "node:crypto";
import t from "tap";
import { MAX_DRAFT_LENGTH, NO_NOTE, openChatNote, sealChatNote } from "../../src/crypto/chat-note.js";
import { MAX_CHAT_NOTE_BYTES } from "../../src/protocol/archive.js";
import type { ArchiveId } from "../../src/protocol/ids.js";
import { flipped } from "./vectors.js";

const key = randomBytes(32);
const place = { archive: "0a".repeat(16) as ArchiveId, chat: randomBytes(32), version: 3 };
const note = { read: 17, pinned: true, mutedUntil: 1_800_000_000_000, draft: "not yet" };

t.test("a note comes back as it was, with what a later release put into it", async (t) => {
  t.same(await openChatNote(key, place, await sealChatNote(key, place, note)), note);
  const later = { ...note, colour: "red" };
  t.same(await openChatNote(key, place, await sealChatNote(key, place, later)), later);
});

t.test("it opens in its place, in its version and under its key only", async (t) => {
  const sealed = await sealChatNote(key, place, note);
  const wrong = [
    openChatNote(flipped(key, 0), place, sealed),
    openChatNote(key, { ...place, archive: "0b".repeat(16) as ArchiveId }, sealed),
    openChatNote(key, { ...place, chat: flipped(place.chat, 0) }, sealed),
    openChatNote(key, { ...place, version: 2 }, sealed),
    openChatNote(key, place, flipped(sealed, sealed.length - 1)),
    openChatNote(key, place, new Uint8Array()),
  ];
  for (const opening of wrong) await t.rejects(opening, { code: "undecryptable" });
});

t.test("the largest note is taken by the archive, and a larger one is not sealed", async (t) => {
  const draft = "\u20ac".repeat(MAX_DRAFT_LENGTH);
  const sealed = await sealChatNote(key, place, { ...note, draft });
  t.ok(sealed.length <= MAX_CHAT_NOTE_BYTES, `${sealed.length} bytes`);
  t.throws(() => void sealChatNote(key, place, { ...note, draft: `${draft}x` }), RangeError);
  t.throws(() => void sealChatNote(key, place, { ...NO_NOTE, read: -1 }), RangeError);
});
