/** Invite links: what they say is their maker's, and only who has one can prove it. The bytes are built with Node's own means. */
import { createHmac, randomBytes } from "node:crypto";
import t from "tap";
import { inviteProof, isInviteProof, makeInviteLink, openInviteLink } from "../../src/crypto/group-invite.js";
import type { ConversationId } from "../../src/protocol/ids.js";
import { person } from "./people.js";

const alice = await person("alice");
const bob = await person("bob");
const { identity } = alice.keys;
const { indexKey } = alice.contents.archive;
const terms = {
  group: "0a".repeat(32) as ConversationId,
  invite: new Uint8Array(16).fill(7),
  until: 1_700_000_000_000,
};
const until = Buffer.alloc(8);
until.writeBigUInt64BE(BigInt(terms.until));
const termsBytes = Buffer.concat([Buffer.alloc(32, 10), Buffer.alloc(16, 7), until]);
const hmac = (key: Uint8Array, label: string, ...parts: Uint8Array[]) =>
  createHmac("sha256", key).update(`${label}\0`).update(Buffer.concat(parts)).digest();
const secret = hmac(indexKey, "fastchat group invite secret v1", termsBytes);

t.test("a link says what its maker signed, in the bytes that are documented", async (t) => {
  const link = await makeInviteLink(identity, indexKey, terms);
  t.match(link, /^fastchat-invite:[A-Za-z0-9_-]{247}$/);
  const bytes = Buffer.from(link.slice("fastchat-invite:".length), "base64url");
  const content = Buffer.concat([Buffer.of(1), termsBytes, identity.publicKey, secret]);
  t.equal(bytes.subarray(0, 121).toString("hex"), content.toString("hex"));
  const opened = await openInviteLink(link);
  t.match(opened, { group: terms.group, until: terms.until, account: alice.account });
  t.same([...opened.invite], [...terms.invite]);
  t.same([...opened.secret], [...secret]);
});

t.test("nothing of a link can be changed, left out or added", async (t) => {
  const link = await makeInviteLink(identity, indexKey, terms);
  const bytes = Buffer.from(link.slice("fastchat-invite:".length), "base64url");
  const wrong = [0, 1, 33, 49, 57, 89, 121, 184].map((at) => {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    return changed;
  });
  wrong.push(bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)]), Buffer.alloc(0));
  for (const other of wrong) {
    await t.rejects(openInviteLink(`fastchat-invite:${other.toString("base64url")}`), { code: "badRequest" });
  }
  for (const text of [
    "",
    "fastchat-invite:",
    bytes.toString("base64url"),
    `fastchat-invite:${bytes.toString("base64")}=`,
  ]) {
    await t.rejects(openInviteLink(text), { code: "badRequest" });
  }
});

t.test("a proof is one account's, for one invite", async (t) => {
  const proof = await inviteProof(secret, terms, bob.account);
  const expected = hmac(secret, "fastchat group join v1", termsBytes, Buffer.from(bob.account, "hex"));
  t.equal(Buffer.from(proof).toString("hex"), expected.toString("hex"));
  t.ok(await isInviteProof(indexKey, terms, bob.account, proof));
  t.notOk(await isInviteProof(indexKey, terms, alice.account, proof), "another account's");
  t.notOk(
    await isInviteProof(indexKey, { ...terms, until: terms.until + 1 }, bob.account, proof),
    "for longer",
  );
  t.notOk(await isInviteProof(indexKey, { ...terms, invite: new Uint8Array(16) }, bob.account, proof));
  t.notOk(
    await isInviteProof(indexKey, { ...terms, group: "0b".repeat(32) as ConversationId }, bob.account, proof),
  );
  t.notOk(await isInviteProof(randomBytes(32), terms, bob.account, proof), "made by somebody else");
  t.notOk(await isInviteProof(indexKey, terms, bob.account, randomBytes(32)));
});
