/** PROTOCOL.md, "Frames". */
import fc from "fast-check";
import t from "tap";
import { archiveReplies, archiveRequests } from "../../src/protocol/archive.js";
import { clientMessages, serverMessages } from "../../src/protocol/chat.js";
import { pack, unpack } from "../../src/protocol/codec.js";
import { FastChatError } from "../../src/protocol/errors.js";
import { inside } from "./kinds.js";
import { read, write, type Value } from "./msgpack.js";

fc.configureGlobal({ seed: 5 });

const values: readonly Value[] = [
  null,
  true,
  false,
  ...[0, 127, 128, 255, 256, 65535, 65536, 0xffffffff, 2 ** 32, 1_700_000_000_000, Number.MAX_SAFE_INTEGER],
  ...[-1, -32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER],
  ...[0.5, -1.25, 1e300],
  ...["", "a", "x".repeat(31), "x".repeat(32), "ü".repeat(200), "👋".repeat(20_000)],
  [],
  Array.from({ length: 16 }, (_, i) => i),
  Array.from({ length: 70_000 }, () => null),
  {},
  { a: 1, b: { c: [{ d: "e" }] } },
  Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field number ${i}`, i])),
];

t.test("what is packed is MessagePack that others read, and what others write is unpacked", async (t) => {
  for (const value of values) {
    t.same(read(pack(value)), value);
    t.same(unpack(inside(write(value))), value);
    t.same(unpack(new Uint8Array(write(value))), value);
  }
});

t.test("binary of every length goes through", async (t) => {
  for (const length of [0, 1, 255, 256, 65535, 65536]) {
    const binary = Buffer.alloc(length, 0xb1);
    for (const bytes of [pack({ binary }), write({ binary })]) {
      const { binary: back } = unpack(bytes) as { binary: Uint8Array };
      t.ok(back instanceof Uint8Array && binary.equals(back), `${length} bytes`);
    }
  }
});

t.test(
  "packed bytes are their owner's: nothing beside them in memory, nothing that changes them later",
  async (t) => {
    const packed = pack({ secret: "first" });
    t.equal(packed.buffer.byteLength, packed.length);
    const before = Buffer.from(packed);
    for (let i = 0; i < 2000; i++) pack({ other: i });
    t.ok(before.equals(packed));
    t.equal(packed.constructor, Uint8Array, "not a Buffer, whose slice is no copy");
  },
);

t.test("unpacking leaves the bytes as they were, without a property added", async (t) => {
  const bytes = new Uint8Array(write({ a: 1 }));
  const before = Reflect.ownKeys(bytes);
  unpack(bytes);
  t.same(Reflect.ownKeys(bytes), before);
});

t.test("a key from an object's own machinery does not reach that machinery", async (t) => {
  const value = unpack(write(Object.fromEntries([["__proto__", { polluted: true }]]))) as object;
  t.equal(Object.getPrototypeOf(value), Object.prototype);
  t.notOk("polluted" in value);
  t.notOk("polluted" in {});
});

/** What a hostile peer might send instead of a message. */
const hostile: Readonly<Record<string, Uint8Array>> = {
  "nothing at all": new Uint8Array(0),
  "two values": Buffer.concat([write({ type: "ping", ref: 1 }), write(null)]),
  "a number of ten million digits": Buffer.concat([
    Buffer.from("c9003d090042", "hex"),
    Buffer.alloc(4_000_000, 0xff),
    Buffer.of(0),
  ]),
  "a regular expression": Buffer.concat([Buffer.from("c70078", "hex"), write(["(a+)+$", ""])]),
  "an error": Buffer.concat([Buffer.from("c70065", "hex"), write(["Error", "x", null])]),
  "a reader made of names": Buffer.concat([Buffer.from("d47240", "hex"), write(["type", "ref"])]),
  "arrays as long as memory": Buffer.from("dd00ffffff".repeat(50), "hex"),
  "arrays as deep as the stack": Buffer.alloc(1_000_000, 0x91),
  "a map that ends at once": Buffer.from("dfffffffff", "hex"),
  "a string longer than the frame": Buffer.from("dbffffffff61", "hex"),
  "an unknown byte": Buffer.of(0xc1),
};

for (const [name, bytes] of Object.entries(hostile)) {
  t.test(`refused: ${name}`, async (t) => {
    t.throws(() => unpack(bytes), { code: "badFrame", message: /not MessagePack/ });
    for (const codec of [clientMessages, serverMessages, archiveRequests, archiveReplies]) {
      t.throws(() => codec.decode(Buffer.concat([Buffer.of(1), bytes])), { code: "badFrame" });
    }
  });
}

t.test("what one peer sent changes nothing in how another's message is read", async (t) => {
  const small = write({ type: "ping", ref: 0x41 });
  for (const bytes of Object.values(hostile)) {
    t.throws(() => unpack(bytes));
    t.same(unpack(small), { type: "ping", ref: 0x41 });
  }
});

t.test("a frame of another kind, or of none, is not a control message", async (t) => {
  const body = write({ type: "ping", ref: 1 });
  for (const kind of [0, 2, 0x10, 0x11, 0xff]) {
    t.throws(() => clientMessages.decode(Buffer.concat([Buffer.of(kind), body])), { code: "badFrame" });
  }
  t.throws(() => clientMessages.decode(new Uint8Array(0)), { code: "badFrame" });
  t.throws(() => clientMessages.decode(Uint8Array.of(1)), { code: "badFrame" });
});

t.test("what is not a message with a type that is known is refused", async (t) => {
  const wrong: readonly Value[] = [
    null,
    5,
    "ping",
    [],
    [["type", "ping"]],
    {},
    { ref: 1 },
    { type: null, ref: 1 },
    { type: 5, ref: 1 },
    { type: ["ping"], ref: 1 },
    { type: "", ref: 1 },
    { type: "Ping", ref: 1 },
    { type: "ping ", ref: 1 },
    { type: "constructor", ref: 1 },
    { type: "__proto__", ref: 1 },
    { type: "toString", ref: 1 },
  ];
  for (const value of wrong) {
    const frame = Buffer.concat([Buffer.of(1), write(value)]);
    t.throws(() => clientMessages.decode(frame), { code: "badFrame" }, JSON.stringify(value));
  }
});

t.test("random bytes are refused with badFrame, and with nothing else", async (t) => {
  const known = write({
    type: "append",
    ref: 7,
    entries: [{ chat: Buffer.alloc(32), entry: Buffer.alloc(32) }],
  });
  const altered = fc
    .array(fc.tuple(fc.nat(known.length - 1), fc.nat(255)), { maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(known);
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
  const bodies = fc.oneof(fc.uint8Array({ maxLength: 100 }), altered);
  const kind = fc.constantFrom(1, 1, 1, 0);
  const codecs = fc.constantFrom(clientMessages, serverMessages, archiveRequests, archiveReplies);
  const others: unknown[] = [];
  let refusals = 0;
  fc.assert(
    fc.property(codecs, kind, bodies, (codec, first, body) => {
      try {
        codec.decode(Buffer.concat([Buffer.of(first), body]));
      } catch (error) {
        refusals++;
        if (!(error instanceof FastChatError) || error.code !== "badFrame") others.push(error);
      }
    }),
    { numRuns: 5000 },
  );
  t.same(others, []);
  t.ok(refusals > 4900, `${refusals} of 5000 refused`);
});
