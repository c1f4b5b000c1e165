/** PROTOCOL.md, "Hot frames". The expected bytes are built with Node's own Buffer methods. */
import fc from "fast-check";
import t, { type Test } from "tap";
import { ERRORS } from "../../src/protocol/errors.js";
import {
  decodeAccepted,
  decodeHeader,
  decodeSend,
  encodeAck,
  encodeOutcomes,
  encodeSend,
  entrySpans,
  frameAccount,
  frameConversation,
  frameCount,
  frameEpoch,
  frameKind,
  frameMessage,
  hasHotHeader,
  isRefusal,
  Kind,
  Outcome,
  refusalCode,
  soleRecipient,
  type HotHeader,
  type SendFrame,
} from "../../src/protocol/hot.js";
import type { AccountId, ConversationId, MessageId } from "../../src/protocol/ids.js";
import { inside, KINDS } from "./kinds.js";

fc.configureGlobal({ seed: 3 });

const header: HotHeader = {
  epoch: 0x80010203,
  message: "00112233445566778899aabbccddeeff" as MessageId,
  account: "a1".repeat(16) as AccountId,
  conversation: "c2".repeat(32) as ConversationId,
};
const bob = "b0".repeat(16) as AccountId;
const carol = "ca".repeat(16) as AccountId;

function goldenHeader(kind: number, count: number, of: HotHeader = header): Buffer {
  const bytes = Buffer.alloc(72);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt16BE(count, 2);
  bytes.writeUInt32BE(of.epoch, 4);
  bytes.write(of.message, 8, "hex");
  bytes.write(of.account, 24, "hex");
  bytes.write(of.conversation, 40, "hex");
  return bytes;
}

function goldenSend(kind: number, message: SendFrame): Buffer {
  const entries = message.keys.map(({ recipient, key }) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(key.length);
    return Buffer.concat([Buffer.from(recipient, "hex"), length, key]);
  });
  return Buffer.concat([goldenHeader(kind, message.keys.length, message), ...entries, message.envelope]);
}

const direct: SendFrame = {
  ...header,
  keys: [{ recipient: bob, key: new Uint8Array(256).fill(0x77) }],
  envelope: Uint8Array.from(Buffer.from("opaque to servers")),
};
const toGroup: SendFrame = {
  ...direct,
  keys: [
    { recipient: bob, key: new Uint8Array(256).fill(0x77) },
    { recipient: carol, key: Uint8Array.of(1) },
    { recipient: header.account, key: new Uint8Array(0) },
  ],
};
const outcomes = [
  { recipient: bob, outcome: Outcome.stored },
  { recipient: carol, outcome: Outcome.queueFull },
];
const goldenAccepted = Buffer.concat([
  goldenHeader(0x11, 2),
  Buffer.from(bob, "hex"),
  Buffer.of(1),
  Buffer.from(carol, "hex"),
  Buffer.of(17),
]);

/** A message as data of one kind of byte string, to compare. */
function plain(message: SendFrame) {
  return {
    ...message,
    keys: message.keys.map(({ recipient, key }) => ({ recipient, key: Buffer.from(key).toString("hex") })),
    envelope: Buffer.from(message.envelope).toString("hex"),
  };
}

t.test("a frame to a server begins with 10, one to a client with 12, the others as documented", async (t) => {
  t.same(Kind, { control: 0x01, send: 0x10, accepted: 0x11, deliver: 0x12, ack: 0x13 });
  const known = Array.from({ length: 256 }, (_, kind) => frameKind(Uint8Array.of(kind)));
  t.same(
    known.filter((kind) => kind !== null),
    [0x01, 0x10, 0x11, 0x12, 0x13],
  );
  t.equal(frameKind(new Uint8Array(0)), null);
});

t.test("the bytes of a message are as documented, for one recipient and for several", async (t) => {
  t.ok(goldenSend(0x10, direct).equals(encodeSend(Kind.send, direct)));
  t.ok(goldenSend(0x10, toGroup).equals(encodeSend(Kind.send, toGroup)));
  t.ok(goldenSend(0x12, direct).equals(encodeSend(Kind.deliver, direct)));
});

t.test("a direct message goes to its recipient as the same bytes but for the first", async (t) => {
  const [sent, delivered] = [encodeSend(Kind.send, direct), encodeSend(Kind.deliver, direct)];
  t.same([sent[0], delivered[0]], [0x10, 0x12]);
  t.same(sent.subarray(1), delivered.subarray(1));
});

t.test("the bytes of an acknowledgement are a header and nothing more", async (t) => {
  t.ok(goldenHeader(0x13, 0).equals(encodeAck(header)));
});

t.test(
  "accepted repeats the header of what it answers and says how each recipient was settled",
  async (t) => {
    for (const [kind, from] of KINDS) {
      const send = inside(from(goldenSend(0x10, toGroup)));
      t.ok(goldenAccepted.equals(encodeOutcomes(send, outcomes)), kind);
      t.ok(goldenAccepted.equals(encodeOutcomes(send.subarray(0, 72), outcomes)), "its header suffices");
      t.equal(send[0], 0x10, "what it answers is left as it was");
    }
    t.ok(goldenHeader(0x11, 0).equals(encodeOutcomes(goldenSend(0x10, direct), [])));
  },
);

for (const [kind, from] of KINDS) {
  t.test(`the fields of a frame are read out of ${kind}`, async (t) => {
    const frame = inside(from(goldenSend(0x10, toGroup)));
    t.equal(frameKind(frame), Kind.send);
    t.equal(frameCount(frame), 3);
    t.equal(frameEpoch(frame), header.epoch);
    t.equal(frameMessage(frame), header.message);
    t.equal(frameAccount(frame), header.account);
    t.equal(frameConversation(frame), header.conversation);
    t.equal(soleRecipient(frame), bob);
    t.same(decodeHeader(frame), header);
    t.same(plain(decodeSend(frame)), plain(toGroup));
    t.same(entrySpans(frame), [
      { recipient: bob, start: 72, end: 72 + 18 + 256 },
      { recipient: carol, start: 346, end: 346 + 19 },
      { recipient: header.account, start: 365, end: 383 },
    ]);
    t.same(decodeAccepted(inside(from(goldenAccepted))), { ...header, recipients: outcomes });
  });
}

t.test("a message with as many recipients as its field can tell comes back", async (t) => {
  const key = new Uint8Array(0);
  const keys = Array.from({ length: 0xffff }, (_, i) => ({
    recipient: i.toString(16).padStart(32, "0") as AccountId,
    key,
  }));
  const decoded = decodeSend(encodeSend(Kind.send, { ...direct, keys }));
  t.equal(decoded.keys.length, 0xffff);
  t.equal(decoded.keys[0xfffe]?.recipient, "0".repeat(28) + "fffe");
  const one = { recipient: bob, key };
  t.throws(() => encodeSend(Kind.send, { ...direct, keys: [...keys, one] }), { code: "tooLarge" });
  const longest = { recipient: bob, key: new Uint8Array(0xffff).fill(3) };
  t.equal(decodeSend(encodeSend(Kind.send, { ...direct, keys: [longest] })).keys[0]?.key.length, 0xffff);
  const tooLong = { recipient: bob, key: new Uint8Array(0x10000) };
  t.throws(() => encodeSend(Kind.send, { ...direct, keys: [tooLong] }), { code: "tooLarge" });
});

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString("hex"));
const headers: fc.Arbitrary<HotHeader> = fc.record({
  epoch: fc.integer({ min: 0, max: 0xffffffff }),
  message: hex(16) as fc.Arbitrary<MessageId>,
  account: hex(16) as fc.Arbitrary<AccountId>,
  conversation: hex(32) as fc.Arbitrary<ConversationId>,
});
const messages: fc.Arbitrary<SendFrame> = fc
  .record({
    of: headers,
    keys: fc.array(
      fc.record({ recipient: hex(16) as fc.Arbitrary<AccountId>, key: fc.uint8Array({ maxLength: 600 }) }),
      { minLength: 1, maxLength: 8 },
    ),
    envelope: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  })
  .map(({ of, keys, envelope }) => ({ ...of, keys, envelope }));

t.test("whatever is encoded has the documented bytes and comes back", async (t) => {
  fc.assert(
    fc.property(messages, fc.constantFrom(Kind.send, Kind.deliver), (message, kind) => {
      const frame = encodeSend(kind, message);
      t.ok(goldenSend(kind, message).equals(frame));
      t.same(plain(decodeSend(inside(frame))), plain(message));
    }),
  );
  fc.assert(
    fc.property(headers, (any) => {
      t.same(decodeHeader(encodeAck(any)), any);
    }),
  );
  const settled = fc.record({
    recipient: hex(16) as fc.Arbitrary<AccountId>,
    outcome: fc.constantFrom(...Object.values(Outcome)),
  });
  fc.assert(
    fc.property(headers, fc.array(settled, { maxLength: 20 }), (any, recipients) => {
      t.same(decodeAccepted(encodeOutcomes(encodeAck(any), recipients)), { ...any, recipients });
    }),
  );
});

/** Every shorter version of a frame is refused with `badFrame`, but for those that `mayPass` names. */
function refusesTruncations(
  t: Test,
  frame: Uint8Array,
  decode: (frame: Uint8Array) => unknown,
  mayPass: (length: number) => boolean = () => false,
): void {
  const wrong: unknown[] = [];
  for (let length = 0; length < frame.length; length++) {
    let answer = "passes";
    try {
      decode(inside(frame.subarray(0, length)));
    } catch (error) {
      answer = String((error as { code?: unknown }).code);
    }
    if (answer !== (mayPass(length) ? "passes" : "badFrame")) wrong.push({ length, answer });
  }
  t.same(wrong, []);
}

t.test("no frame that is cut short is taken for a whole one", async (t) => {
  for (const message of [direct, toGroup]) {
    const frame = goldenSend(0x10, message);
    const envelopeAt = frame.length - message.envelope.length;
    // Where its envelope ends, only the envelope itself can tell; an empty one is none.
    refusesTruncations(t, frame, decodeSend, (length) => length > envelopeAt);
    refusesTruncations(t, new Uint8Array(frame), decodeSend, (length) => length > envelopeAt);
  }
  refusesTruncations(t, goldenAccepted, decodeAccepted);
  refusesTruncations(t, goldenHeader(0x13, 0), decodeHeader);
  t.notOk(hasHotHeader(new Uint8Array(71)));
  t.ok(hasHotHeader(new Uint8Array(72)));
});

t.test("a message for nobody, or whose entries do not fit, is refused", async (t) => {
  t.throws(() => decodeSend(goldenHeader(0x10, 0)), { code: "badFrame" });
  t.throws(() => decodeSend(Buffer.concat([goldenHeader(0x10, 0), Buffer.from("x")])), { code: "badFrame" });
  const count = goldenSend(0x10, toGroup);
  count.writeUInt16BE(0xffff, 2);
  t.throws(() => decodeSend(count), { code: "badFrame" });
  const keyLength = goldenSend(0x10, direct);
  keyLength.writeUInt16BE(0xffff, 72 + 16);
  t.throws(() => decodeSend(keyLength), { code: "badFrame" });
  const noEnvelope = goldenSend(0x10, { ...direct, envelope: new Uint8Array(0) });
  t.throws(() => decodeSend(noEnvelope), { code: "badFrame" });
});

t.test("accepted with another length than its count says, or an unknown outcome, is refused", async (t) => {
  t.throws(() => decodeAccepted(Buffer.concat([goldenAccepted, Buffer.alloc(1)])), { code: "badFrame" });
  t.throws(() => decodeAccepted(Buffer.concat([goldenAccepted, Buffer.alloc(17, 1)])), { code: "badFrame" });
  const fewer = Buffer.from(goldenAccepted);
  fewer.writeUInt16BE(1, 2);
  t.throws(() => decodeAccepted(fewer), { code: "badFrame" });
  const known = new Set<number>(Object.values(Outcome));
  for (let outcome = 0; outcome < 256; outcome++) {
    const frame = Buffer.from(goldenAccepted);
    frame.writeUInt8(outcome, 72 + 16);
    if (known.has(outcome)) t.equal(decodeAccepted(frame).recipients[0]?.outcome, outcome);
    else t.throws(() => decodeAccepted(frame), { code: "badFrame" });
  }
});

t.test("garbage is decoded or refused, and never anything else", async (t) => {
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(messages, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 5 }))
      .map(([message, changes]) => {
        const frame = encodeSend(Kind.send, message);
        for (const [at, byte] of changes) frame[at % frame.length] = byte;
        return frame;
      }),
  );
  const codes = new Set<unknown>();
  fc.assert(
    fc.property(garbage, fc.constantFrom(decodeSend, decodeAccepted, decodeHeader), (frame, decode) => {
      try {
        decode(frame);
      } catch (error) {
        codes.add((error as { code?: unknown }).code);
      }
    }),
    { numRuns: 2000 },
  );
  t.same([...codes], ["badFrame"]);
});

t.test("outcomes from 16 on are refusals, and each has its error code", async (t) => {
  const all = Object.values(Outcome);
  t.same(all.filter(isRefusal), [
    Outcome.noSuchAccount,
    Outcome.queueFull,
    Outcome.notMember,
    Outcome.staleEpoch,
  ]);
  t.same(all.filter(isRefusal).map(refusalCode), ["noSuchAccount", "queueFull", "forbidden", "conflict"]);
  t.ok(all.every((outcome) => refusalCode(outcome) in ERRORS));
});
