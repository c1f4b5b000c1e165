import t from "tap";
import {
  chatTag,
  entryTag,
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

t.test("tags of another account, sender or message are others", async (t) => {
  const tag = await entryTag(key, bob.account, tags.message);
  t.notSame(await entryTag(flipped(key, 0), bob.account, tags.message), tag);
  t.notSame(await entryTag(key, independent.alice.account, tags.message), tag);
  t.notSame(await entryTag(key, bob.account, independent.envelope.message), tag);
});
