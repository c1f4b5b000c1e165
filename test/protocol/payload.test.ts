import { inspect } from "node:util";
import t from "tap";
import { concatBytes } from "../../src/protocol/bytes.js";
import { pack, unpack } from "../../src/protocol/codec.js";
import type { AccountId, ConversationId, DeviceId, MessageId } from "../../src/protocol/ids.js";
import {
  anew,
  decodePayload,
  encodePayload,
  isAnew,
  MAX_PAYLOAD_BYTES,
  MAX_TEXT_BYTES,
  type KnownPayload,
  type Payload,
  type UnknownPayload,
} from "../../src/protocol/payload.js";

const sender = "11".repeat(16) as AccountId;
const message = "22".repeat(16) as MessageId;
const to = { sender, message };
const group = "0b".repeat(32) as ConversationId;
const device = "33".repeat(16) as DeviceId;

const payloads: readonly KnownPayload[] = [
  { type: "text", text: "Grüße 👋" },
  { type: "reply", to, text: "yes" },
  { type: "reaction", to, emoji: "👍" },
  { type: "reaction", to, emoji: "" },
  { type: "edit", of: message, text: "no" },
  { type: "delete", of: message },
  {
    type: "attachment",
    name: "photo.jpg",
    mediaType: "image/jpeg",
    bytes: 123_456,
    chunkBytes: 65536,
    file: new Uint8Array(16).fill(1),
    key: new Uint8Array(32).fill(2),
    hash: new Uint8Array(32).fill(3),
    text: "",
  },
  { type: "title", title: "Family" },
  { type: "title", title: "Family", again: true },
  { type: "timer", seconds: 3600 },
  { type: "receipt", conversation: group, device, from: 1, to: 7, read: true },
  {
    type: "join",
    group,
    until: 1_700_000_000_000,
    invite: new Uint8Array(16).fill(4),
    proof: new Uint8Array(32).fill(5),
  },
];

for (const payload of payloads) {
  t.test(`a payload "${payload.type}" comes back whole, and prints as [redacted]`, async (t) => {
    const decoded = decodePayload(encodePayload(payload));
    t.same(decoded, payload);
    t.equal(inspect({ decoded }), "{ decoded: [redacted] }");
    t.equal(JSON.stringify(decoded), '"[redacted]"');
  });
}

t.test("a text's bytes are plain MessagePack", async (t) => {
  const golden = Uint8Array.of(0x82, 0xa4, ...Buffer.from("type"), 0xa4, ...Buffer.from("text"));
  const rest = Uint8Array.of(0xa4, ...Buffer.from("text"), 0xa2, ...Buffer.from("hi"));
  t.same(decodePayload(concatBytes(golden, rest)), { type: "text", text: "hi" });
});

t.test("a text may have 64 KiB and no more, counted in bytes", async (t) => {
  t.ok(encodePayload({ type: "text", text: "x".repeat(MAX_TEXT_BYTES) }).length <= MAX_PAYLOAD_BYTES);
  const longest = "ü".repeat(MAX_TEXT_BYTES / 2);
  t.same(decodePayload(encodePayload({ type: "text", text: longest })), { type: "text", text: longest });
  for (const text of ["", "x".repeat(MAX_TEXT_BYTES + 1), `${longest}x`]) {
    t.throws(() => encodePayload({ type: "text", text }), { code: "badRequest" });
    t.throws(() => decodePayload(pack({ type: "text", text })), { code: "badFrame" });
  }
  const huge = { type: "text", text: "x".repeat(MAX_PAYLOAD_BYTES) } as const;
  t.throws(() => encodePayload(huge), { code: "tooLarge" });
  t.throws(() => decodePayload(pack(huge)), { code: "badFrame" });
});

t.test("a payload of a later release is kept as it came", async (t) => {
  const raw = pack({ type: "poll", question: "Pizza?", options: ["yes", "no"] });
  const payload = decodePayload(raw);
  t.same(payload, { type: "unknown", name: "poll", raw });
  t.same(encodePayload(payload), raw);
});

t.test("a known payload with a field more is read without it being an error", async (t) => {
  const payload = decodePayload(pack({ type: "delete", of: message, reason: "typo" }));
  t.match(payload, { type: "delete", of: message });
});

t.test("what is no payload is refused, by name of the field where there is one", async (t) => {
  const wrong: readonly unknown[] = [
    null,
    5,
    "text",
    [],
    {},
    { type: "" },
    { type: 5 },
    { type: "x".repeat(65) },
    { type: "text" },
    { type: "text", text: 5 },
    { type: "delete", of: "no id" },
    { type: "reply", to: { sender, message: "33" }, text: "x" },
    { type: "timer", seconds: -1 },
    { type: "timer", seconds: 1.5 },
    {
      type: "join",
      group: "0b".repeat(32) as ConversationId,
      until: 1_700_000_000_000,
      invite: new Uint8Array(15),
      proof: new Uint8Array(32),
    },
  ];
  for (const value of wrong) {
    t.throws(() => decodePayload(pack(value)), { code: "badFrame" }, JSON.stringify(value));
  }
  t.throws(() => decodePayload(new Uint8Array(0)), { code: "badFrame" });
  t.throws(() => decodePayload(concatBytes(pack({ type: "poll" }), Uint8Array.of(1))), { code: "badFrame" });
  t.throws(() => decodePayload(pack({ type: "timer", seconds: -1 })), { message: /seconds/ });
  t.throws(() => encodePayload({ type: "timer", seconds: -1 }), { code: "badRequest", message: /seconds/ });
});

t.test("a name from an object's own machinery is only an unknown type", async (t) => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    t.match(decodePayload(pack({ type: name })), { type: "unknown", name } satisfies Partial<Payload>);
  }
});

t.test("what is encrypted once more says so, whatever else it says, and a receipt never", async (t) => {
  const text = { type: "text", text: "hello" } as const;
  t.notOk(isAnew(decodePayload(encodePayload(text))));
  t.same(decodePayload(encodePayload(anew(text))), { ...text, anew: true });
  t.same(anew(anew(text)), anew(text));
  const later = decodePayload(pack({ type: "hologram", scene: [1, 2] }));
  t.notOk(isAnew(later));
  const again = decodePayload(encodePayload(anew(later)));
  t.ok(isAnew(again));
  t.match(again, { type: "unknown", name: "hologram" });
  t.same(unpack((again as UnknownPayload).raw), { type: "hologram", scene: [1, 2], anew: true });
  t.throws(() => decodePayload(pack({ ...text, anew: "yes" })), { code: "badFrame" });
  const receipt = {
    type: "receipt",
    conversation: group,
    device,
    from: 1,
    to: 2,
    read: false,
  } as const;
  t.same(anew(receipt), receipt);
});
