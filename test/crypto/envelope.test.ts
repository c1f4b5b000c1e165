import { inspect } from "node:util";
import t from "tap";
import { directConversation } from "../../src/crypto/conversation.js";
import {
  openEnvelope,
  sealEnvelope,
  type EnvelopeInput,
  type OpenEnvelopeInput,
} from "../../src/crypto/envelope.js";
import {
  ENVELOPE_HEADER_BYTES,
  NO_HEAD,
  encodeEnvelopeHeader,
  readEnvelopeHeader,
} from "../../src/crypto/envelope-header.js";
import { encryptFernet, newFernetKey } from "../../src/crypto/fernet.js";
import { labelled } from "../../src/crypto/fields.js";
import { LABELS } from "../../src/crypto/labels.js";
import { pad } from "../../src/crypto/padding.js";
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "../../src/protocol/bytes.js";
import type { HotHeader } from "../../src/protocol/hot.js";
import type { ConversationId, DeviceId, MessageId } from "../../src/protocol/ids.js";
import { person, type Person } from "./people.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const refused = { code: "undecryptable", message: "This is damaged, forged, or meant for somebody else." };
const alice = await person("alice");
const bob = await person("bob");
const carol = await person("carol");

const MESSAGE = "0190".repeat(8) as MessageId;
const DEVICE = "d1".repeat(16) as DeviceId;

async function inputTo(recipient: Person, change: Partial<EnvelopeInput> = {}): Promise<EnvelopeInput> {
  return {
    message: MESSAGE,
    conversation: await directConversation(alice.account, recipient.account),
    device: DEVICE,
    sequence: 12,
    sentAt: 1_700_000_000_999,
    epoch: 0,
    payload: { type: "text", text: "hello" },
    recipients: [recipient.verified],
    identity: alice.keys.identity,
    ...change,
  };
}

/** Everything that the recipient opens an envelope of alice's with. */
async function sent(recipient: Person, input: EnvelopeInput): Promise<OpenEnvelopeInput> {
  const { envelope, keys } = await sealEnvelope(input);
  const own = keys.find(({ recipient: account }) => account === recipient.account);
  return {
    envelope,
    wrappedKey: own?.key ?? new Uint8Array(0),
    frame: {
      epoch: input.epoch,
      message: input.message,
      account: alice.account,
      conversation: input.conversation,
    },
    sender: alice.verified,
    recipient: recipient.account,
    privateKeys: recipient.keys.privateKeys,
  };
}

t.test("an envelope that another library made opens, for keys of 2048 and 3072 bits", async (t) => {
  const cases = [
    [independent.envelope, bob],
    [independent.envelopeToCarol, carol],
  ] as const;
  for (const [vector, recipient] of cases) {
    const { message, conversation, device, sequence, sentAt, text } = vector;
    const { header, payload } = await openEnvelope({
      envelope: bytesOf(vector.envelope),
      wrappedKey: bytesOf(vector.keys[0] ?? ""),
      frame: { epoch: 0, message, account: alice.account, conversation },
      sender: alice.verified,
      recipient: recipient.account,
      privateKeys: recipient.keys.privateKeys,
    });
    t.same(payload, { type: "text", text });
    t.match(header, {
      suite: 1,
      message,
      conversation,
      sender: alice.account,
      device,
      sequence,
      sentAt,
      epoch: 0,
      head: NO_HEAD,
    });
  }
});

t.test("what was sealed opens for its recipient", async (t) => {
  const input = await inputTo(bob);
  const { header, envelope } = await sealEnvelope(input);
  t.same(readEnvelopeHeader(envelope), header);
  const opened = await openEnvelope(await sent(bob, input));
  t.same(opened.payload, input.payload);
  t.match(opened.header, {
    message: MESSAGE,
    device: DEVICE,
    sequence: 12,
    sentAt: 1_700_000_000_999,
    sender: alice.account,
  });
  t.equal(inspect(opened.payload), "[redacted]");
});

t.test("short texts cannot be told apart by their length", async (t) => {
  const lengths = new Set<number>();
  for (const text of ["a", "no", "a somewhat longer answer, but still a short one"]) {
    const { envelope } = await sealEnvelope(await inputTo(bob, { payload: { type: "text", text } }));
    lengths.add(envelope.length);
  }
  t.equal(lengths.size, 1);
});

t.test("a group's message has one envelope and a key for each", async (t) => {
  const group = {
    conversation: "99".repeat(32) as ConversationId,
    epoch: 3,
    head: new Uint8Array(32).fill(5),
    recipients: [bob.verified, carol.verified],
  };
  const input = await inputTo(bob, group);
  const { keys } = await sealEnvelope(input);
  t.same(
    keys.map(({ recipient }) => recipient),
    [bob.account, carol.account],
  );
  for (const recipient of [bob, carol]) {
    const { header, payload } = await openEnvelope(await sent(recipient, input));
    t.same(payload, input.payload);
    t.same(header.head, group.head);
    t.equal(header.epoch, 3);
  }
});

t.test("an old encryption key still opens what was encrypted to it", async (t) => {
  const opening = await sent(bob, await inputTo(bob));
  const privateKeys = [...carol.keys.privateKeys, ...alice.keys.privateKeys, ...bob.keys.privateKeys];
  t.match(await openEnvelope({ ...opening, privateKeys }), { payload: { type: "text" } });
  await t.rejects(openEnvelope({ ...opening, privateKeys: [] }), refused);
});

t.test(
  "a byte changed in header, signature, token or wrapped key is refused, alike everywhere",
  async (t) => {
    const opening = await sent(bob, await inputTo(bob));
    const { envelope, wrappedKey } = opening;
    for (let at = 0; at < envelope.length; at += at < 2 + ENVELOPE_HEADER_BYTES + 64 ? 1 : 7) {
      const tampered = { ...opening, envelope: flipped(envelope, at, at % 8) };
      await t.rejects(openEnvelope(tampered), refused, `byte ${at} of the envelope`);
    }
    for (let at = 0; at < wrappedKey.length; at += 17) {
      const tampered = { ...opening, wrappedKey: flipped(wrappedKey, at, at % 8) };
      await t.rejects(openEnvelope(tampered), refused, `byte ${at} of the wrapped key`);
    }
  },
);

t.test("an envelope cut or lengthened anywhere is refused", async (t) => {
  const opening = await sent(bob, await inputTo(bob));
  const { envelope, wrappedKey } = opening;
  for (const length of [0, 1, 2, 3, 162, 163, 226, 227, 228, envelope.length - 16, envelope.length - 1]) {
    await t.rejects(openEnvelope({ ...opening, envelope: envelope.subarray(0, length) }), refused);
  }
  await t.rejects(openEnvelope({ ...opening, envelope: concatBytes(envelope, new Uint8Array(16)) }), refused);
  await t.rejects(openEnvelope({ ...opening, wrappedKey: new Uint8Array(0) }), refused);
  await t.rejects(openEnvelope({ ...opening, wrappedKey: concatBytes(wrappedKey, wrappedKey) }), refused);
});

t.test("a frame that says other than the envelope is refused", async (t) => {
  const opening = await sent(bob, await inputTo(bob));
  const others: Partial<HotHeader>[] = [
    { message: "00".repeat(16) as MessageId },
    { account: bob.account },
    { conversation: "00".repeat(32) as ConversationId },
    { epoch: 1 },
  ];
  for (const other of others) {
    const frame = { ...opening.frame, ...other };
    await t.rejects(openEnvelope({ ...opening, frame }), refused, JSON.stringify(other));
  }
});

t.test("the key of one message does not open another", async (t) => {
  const one = await sent(bob, await inputTo(bob));
  const other = await sent(bob, await inputTo(bob, { sequence: 13 }));
  await t.rejects(openEnvelope({ ...one, wrappedKey: other.wrappedKey }), refused);
});

t.test("another sender, another recipient and another's key are refused", async (t) => {
  const opening = await sent(bob, await inputTo(bob));
  await t.rejects(openEnvelope({ ...opening, sender: carol.verified }), refused);
  await t.rejects(openEnvelope({ ...opening, recipient: carol.account }), refused);
  await t.rejects(openEnvelope({ ...opening, privateKeys: carol.keys.privateKeys }), refused);
});

t.test("nobody can claim to be somebody else", async (t) => {
  const conversation = await directConversation(alice.account, bob.account);
  const forged = await sent(bob, await inputTo(bob, { identity: carol.keys.identity, conversation }));
  await t.rejects(openEnvelope(forged), refused, "signed by another");
  const framed = { ...forged.frame, account: carol.account };
  await t.rejects(openEnvelope({ ...forged, frame: framed }), refused, "and framed as that other's");
  // Carol herself, in a conversation that she has no part in.
  await t.rejects(openEnvelope({ ...forged, frame: framed, sender: carol.verified }), refused);
});

t.test("a recipient cannot pass a message on as if it had been written to another", async (t) => {
  const opening = await sent(bob, await inputTo(bob));
  const label = await primitives.sha256(opening.envelope.subarray(2, 2 + ENVELOPE_HEADER_BYTES));
  const [bobsKey] = bob.keys.privateKeys;
  const carolsKey = await primitives.rsa.importPublicKey(carol.verified.encryptionKey);
  if (bobsKey === undefined || carolsKey === null) throw new Error("the keys of the test are missing");
  const fernetKey = await primitives.rsa.decrypt(bobsKey, label, opening.wrappedKey);
  if (fernetKey === null) throw new Error("bob cannot open his own message");
  const wrappedKey = await primitives.rsa.encrypt(carolsKey, label, fernetKey);
  const passedOn = { ...opening, wrappedKey, recipient: carol.account, privateKeys: carol.keys.privateKeys };
  await t.rejects(openEnvelope(passedOn), refused);
});

t.test("a direct message that names a group's epoch is refused", async (t) => {
  await t.rejects(openEnvelope(await sent(bob, await inputTo(bob, { epoch: 1 }))), refused);
});

/** An envelope of alice's, signed in good order, around whatever token and key. */
async function signedBy(
  keyInHeader: Uint8Array,
  keyInWrap: Uint8Array,
  token: Uint8Array,
): Promise<OpenEnvelopeInput> {
  const opening = await sent(bob, await inputTo(bob));
  const header = readEnvelopeHeader(opening.envelope);
  const bobsKey = await primitives.rsa.importPublicKey(bob.verified.encryptionKey);
  if (header === null || bobsKey === null) throw new Error("the material of the test is missing");
  const commitment = await primitives.sha256(labelled(LABELS.envelopeKeyCommitment, keyInHeader));
  const bytes = encodeEnvelopeHeader({ ...header, commitment });
  const signed = concatBytes(bytes, await primitives.sha256(token));
  const signature = await alice.keys.identity.sign(LABELS.envelopeSignature, signed);
  const envelope = concatBytes(Uint8Array.of(0, bytes.length), bytes, signature, token);
  const wrappedKey = await primitives.rsa.encrypt(bobsKey, await primitives.sha256(bytes), keyInWrap);
  return { ...opening, envelope, wrappedKey };
}

t.test("what a sender signed in good order but built wrongly is refused in the same words", async (t) => {
  const key = newFernetKey();
  const other = newFernetKey();
  const good = await encryptFernet(key, pad(utf8("\x81\xa4type\xa4text")), 1);
  const packed = Uint8Array.of(0x81, 0xa4, ...utf8("type"), 0xa5, ...utf8("later"));
  const token = await encryptFernet(key, pad(packed), 1);
  t.match(await openEnvelope(await signedBy(key, key, token)), {
    payload: { type: "unknown", name: "later" },
  });

  await t.rejects(openEnvelope(await signedBy(other, key, token)), refused, "committed to another key");
  await t.rejects(openEnvelope(await signedBy(other, other, token)), refused, "a token of another key");
  await t.rejects(openEnvelope(await signedBy(key, key, good)), refused, "a payload that is none");
  await t.rejects(openEnvelope(await signedBy(key, key.subarray(1), token)), refused, "a short key");
  const unpadded = await encryptFernet(key, packed, 1);
  await t.rejects(openEnvelope(await signedBy(key, key, unpadded)), refused, "a payload without padding");
  await t.rejects(openEnvelope(await signedBy(key, key, new Uint8Array(0))), refused, "no token");
});

t.test("a message needs recipients, each once, and a payload that may be sent", async (t) => {
  await t.rejects(sealEnvelope(await inputTo(bob, { recipients: [] })), { code: "badRequest" });
  const twice = [bob.verified, bob.verified];
  await t.rejects(sealEnvelope(await inputTo(bob, { recipients: twice })), { code: "badRequest" });
  const payload = { type: "text", text: "x".repeat(70_000) } as const;
  await t.rejects(sealEnvelope(await inputTo(bob, { payload })), { code: "tooLarge" });
  await t.rejects(sealEnvelope(await inputTo(bob, { sequence: 2 ** 32 })), RangeError);
});
