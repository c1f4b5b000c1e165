import { createHash, randomBytes, verify, createPublicKey } from "node:crypto";
import t from "tap";
import { groupIdOf, openGroupEvent, signGroupEvent, type GroupChange } from "../../src/crypto/group-event.js";
import { MAX_GROUP_EVENT_BYTES, MAX_GROUP_MEMBERS } from "../../src/protocol/groups.js";
import { pack, unpack } from "../../src/protocol/codec.js";
import type { AccountId } from "../../src/protocol/ids.js";
import { person } from "./people.js";
import { flipped } from "./vectors.js";

const refused = { code: "undecryptable" };
const alice = await person("alice");
const bob = await person("bob");
const carol = await person("carol");
const { identity } = alice.keys;
const previous = new Uint8Array(32).fill(3);
const invite = new Uint8Array(16).fill(4);
const members = [bob.account, carol.account];
const CHANGES: readonly GroupChange[] = [
  { type: "create", nonce: new Uint8Array(16).fill(5), members },
  { type: "create", nonce: new Uint8Array(16).fill(5), members: [] },
  { type: "add", members, invite: null },
  { type: "add", members, invite },
  { type: "remove", members },
  { type: "promote", members },
  { type: "demote", members: [bob.account] },
  { type: "leave" },
  { type: "invite", invite, uses: 7 },
];

for (const change of CHANGES) {
  t.test(`an event "${change.type}" comes back whole`, async (t) => {
    const signed = await signGroupEvent(identity, { number: 2, previous, at: 5, change });
    t.same(await openGroupEvent(signed.bytes), { ...signed, actor: alice.account });
  });
}

t.test("its hash and signature are what the specification says", async (t) => {
  const { bytes, hash } = await signGroupEvent(identity, {
    number: 1,
    previous,
    at: 5,
    change: { type: "leave" },
  });
  const label = (text: string) => Buffer.from(`${text}\0`);
  const expected = createHash("sha256").update(label("fastchat group event hash v1")).update(bytes).digest();
  t.ok(expected.equals(hash));
  t.equal(groupIdOf({ hash }), expected.toString("hex"));
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), identity.publicKey]),
    format: "der",
    type: "spki",
  });
  const content = Buffer.concat([label("fastchat group event v1"), bytes.subarray(0, -64)]);
  t.ok(verify(null, content, key, bytes.subarray(-64)));
});

t.test("a changed byte anywhere is refused", async (t) => {
  const { bytes } = await signGroupEvent(identity, {
    number: 2,
    previous,
    at: 5,
    change: CHANGES[3] ?? { type: "leave" },
  });
  for (let at = 0; at < bytes.length; at++)
    await t.rejects(openGroupEvent(flipped(bytes, at)), refused, `byte ${at}`);
  for (const wrong of [
    bytes.subarray(0, -1),
    bytes.subarray(1),
    new Uint8Array(0),
    randomBytes(64),
    randomBytes(200),
  ]) {
    await t.rejects(openGroupEvent(wrong), refused);
  }
});

t.test("what is signed and of no event's form is refused", async (t) => {
  const { bytes } = await signGroupEvent(identity, {
    number: 2,
    previous,
    at: 5,
    change: { type: "remove", members },
  });
  const content = unpack(bytes.subarray(0, -64)) as Record<string, unknown>;
  const twice = Buffer.from(bob.account.repeat(2), "hex");
  const others: Record<string, unknown>[] = [
    { ...content, version: 2 },
    { ...content, number: 0 },
    { ...content, previous: new Uint8Array(31) },
    { ...content, at: -1 },
    { ...content, change: { type: "rename" } },
    { ...content, change: { type: "remove", members: new Uint8Array(17) } },
    { ...content, change: { type: "remove", members: new Uint8Array(0) } },
    { ...content, change: { type: "remove", members: twice } },
    { ...content, change: { type: "invite", invite, uses: MAX_GROUP_MEMBERS + 1 } },
    { ...content, change: { type: "add", members: twice.subarray(0, 16) } },
  ];
  for (const other of others) {
    const forged = pack(other);
    const signature = await identity.sign("fastchat group event v1", forged);
    await t.rejects(
      openGroupEvent(Buffer.concat([forged, signature])),
      refused,
      JSON.stringify(other["change"]),
    );
  }
  const good = pack(content);
  const elsewhere = await identity.sign("fastchat card v1", good);
  await t.rejects(openGroupEvent(Buffer.concat([good, elsewhere])), refused, "signed for another purpose");
});

t.test("the largest group's first event has its room", async (t) => {
  const many = Array.from(
    { length: MAX_GROUP_MEMBERS - 1 },
    () => randomBytes(16).toString("hex") as AccountId,
  );
  const change: GroupChange = { type: "create", nonce: randomBytes(16), members: many };
  const { bytes } = await signGroupEvent(identity, {
    number: 1,
    previous: new Uint8Array(32),
    at: 5,
    change,
  });
  t.ok(bytes.length <= MAX_GROUP_EVENT_BYTES, `${bytes.length} bytes`);
  t.same((await openGroupEvent(bytes)).change, change);
});
