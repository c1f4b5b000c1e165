import { createHmac } from "node:crypto";
import t from "tap";
import {
  chatTag,
  deletionChatTag,
  deletionEntryTag,
  entryTag,
  importedEntryTag,
  invalidEntryTag,
  pinChatTag,
  pinEntryTag,
  unjudgedEntryTag,
} from "../../src/crypto/archive-tags.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const { tags, bob } = independent;
const key = bytesOf(tags.indexKey);
const hash = bytesOf(tags.bodyHash);

t.test("tags agree with those of another library", async (t) => {
  t.equal(toBase64Url(await chatTag(key, tags.conversation)), tags.chat);
  t.equal(toBase64Url(await pinChatTag(key)), tags.pins);
  t.equal(toBase64Url(await entryTag(key, bob.account, tags.message)), tags.entry);
  t.equal(toBase64Url(await pinEntryTag(key, bob.card.name)), tags.pin);
  t.equal(toBase64Url(await invalidEntryTag(key, hash)), tags.invalid);
  t.equal(toBase64Url(await unjudgedEntryTag(key, hash)), tags.unjudged);
});

t.test("tags that came later are HMACs over their labels, too", async (t) => {
  const hmac = (label: string, content: string) =>
    createHmac("sha256", key).update(`${label}\0`).update(content, "hex").digest("base64url");
  const message = tags.message;
  t.equal(
    toBase64Url(await importedEntryTag(key, bob.account, message)),
    hmac("fastchat archive imported entry v1", bob.account + message),
  );
  t.equal(toBase64Url(await deletionChatTag(key)), hmac("fastchat archive deletions v1", ""));
  const chat = "0c".repeat(32);
  t.equal(
    toBase64Url(await deletionEntryTag(key, Buffer.from(chat, "hex"), 3, 2 ** 33)),
    hmac("fastchat archive deletion v1", `${chat}${"00".repeat(7)}03${"00".repeat(3)}02${"00".repeat(4)}`),
  );
});

t.test("tags of another account, sender or message are others", async (t) => {
  const tag = await entryTag(key, bob.account, tags.message);
  t.notSame(await entryTag(flipped(key, 0), bob.account, tags.message), tag);
  t.notSame(await entryTag(key, independent.alice.account, tags.message), tag);
  t.notSame(await entryTag(key, bob.account, independent.envelope.message), tag);
});
