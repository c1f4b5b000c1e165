import t from "tap";
import {
  decodeEnvelopeHeader,
  encodeEnvelopeHeader,
  ENVELOPE_HEADER_BYTES,
  readEnvelopeHeader,
  type EnvelopeHeader,
} from "../../src/crypto/envelope-header.js";
import { concatBytes, toHex } from "../../src/protocol/bytes.js";
import type { AccountId, ConversationId, DeviceId, MessageId } from "../../src/protocol/ids.js";

const header: EnvelopeHeader = {
  suite: 1,
  message: "a1".repeat(16) as MessageId,
  conversation: "b2".repeat(32) as ConversationId,
  sender: "c3".repeat(16) as AccountId,
  device: "d4".repeat(16) as DeviceId,
  sequence: 0x01020304,
  sentAt: 0x0001020304050607,
  epoch: 0xfffffffe,
  head: new Uint8Array(32).fill(0xe5),
  commitment: new Uint8Array(32).fill(0xf6),
};
const golden =
  "01" +
  "a1".repeat(16) +
  "b2".repeat(32) +
  "c3".repeat(16) +
  "d4".repeat(16) +
  "01020304" +
  "0001020304050607" +
  "fffffffe" +
  "e5".repeat(32) +
  "f6".repeat(32);

t.test("the header's bytes are as documented", async (t) => {
  const bytes = encodeEnvelopeHeader(header);
  t.equal(toHex(bytes), golden);
  t.equal(bytes.length, ENVELOPE_HEADER_BYTES);
  t.same(decodeEnvelopeHeader(bytes), header);
});

t.test("a header is read from the start of an envelope, wherever that lies in memory", async (t) => {
  const bytes = encodeEnvelopeHeader(header);
  const envelope = concatBytes(new Uint8Array(5), Uint8Array.of(0, bytes.length), bytes, new Uint8Array(9));
  t.same(readEnvelopeHeader(envelope.subarray(5)), header);
});

t.test("other suites, lengths and times that no number holds are not read", async (t) => {
  const bytes = encodeEnvelopeHeader(header);
  const envelope = concatBytes(Uint8Array.of(0, bytes.length), bytes);
  for (let length = 0; length < envelope.length; length++) {
    t.equal(readEnvelopeHeader(envelope.subarray(0, length)), null);
  }
  const suite = new Uint8Array(envelope);
  suite[2] = 2;
  t.equal(readEnvelopeHeader(suite), null, "suite 2");
  const late = new Uint8Array(envelope);
  late[2 + 85] = 0xff;
  t.equal(readEnvelopeHeader(late), null, "a time beyond 2^53");
  t.equal(readEnvelopeHeader(concatBytes(Uint8Array.of(1, bytes.length), bytes)), null, "another length");
});

t.test("a field that does not fit is refused", async (t) => {
  const wrong: Partial<EnvelopeHeader>[] = [
    { sequence: -1 },
    { sequence: 2 ** 32 },
    { sentAt: 1.5 },
    { sentAt: 2 ** 53 },
    { epoch: 2 ** 32 },
    { head: new Uint8Array(31) },
    { commitment: new Uint8Array(33) },
  ];
  for (const change of wrong) {
    t.throws(() => encodeEnvelopeHeader({ ...header, ...change }), RangeError, JSON.stringify(change));
  }
});
