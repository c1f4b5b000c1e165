/** What chat servers say to each other, as link.ts lays it out. The bytes are built with Node's own Buffer methods. */
import t from "tap";
import { Outcome } from "../../src/protocol/hot.js";
import type { AccountId, BodyId, ConversationId, MessageId } from "../../src/protocol/ids.js";
import {
  linkMessageBytes,
  readLinkMessages,
  writeLinkMessage,
  type LinkMessage,
} from "../../src/protocol/link.js";
import { inside, KINDS } from "./kinds.js";

const alice = "a1".repeat(16) as AccountId;
const bob = "b2".repeat(16) as AccountId;
const id = "00112233445566778899aabbccddeeff" as MessageId;
const body = "b0".repeat(16) as BodyId;
const group = "c3".repeat(32) as ConversationId;
const frame = Buffer.from("10 opaque frame 10");

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const hex = (text: string) => Buffer.from(text, "hex");
const golden = (type: number, ...fields: readonly Buffer[]) => {
  const body = Buffer.concat([Buffer.of(type), ...fields]);
  return Buffer.concat([u32(body.length), body]);
};

const messages: readonly (readonly [LinkMessage, Buffer])[] = [
  [
    { type: "forward", dispatch: 0xfffefdfc, view: 7, session: 0xf0000001, frame },
    golden(0, u32(0xfffefdfc), u32(7), u32(0xf0000001), frame),
  ],
  [
    { type: "settled", dispatch: 1, recipient: bob, outcome: Outcome.notMember },
    golden(1, u32(1), hex(bob), Buffer.of(18)),
  ],
  [{ type: "deliver", session: 0x80000000, frame }, golden(2, u32(0x80000000), frame)],
  [{ type: "ack", recipient: bob, sender: alice, message: id }, golden(3, hex(bob), hex(alice), hex(id))],
  [
    { type: "attach", account: alice, session: 0xffffffff, view: 0x01020304 },
    golden(4, hex(alice), u32(0xffffffff), u32(0x01020304)),
  ],
  [{ type: "detach", account: alice, session: 9 }, golden(5, hex(alice), u32(9))],
  [{ type: "live", session: 0x01020304 }, golden(6, u32(0x01020304))],
  [{ type: "ended", account: bob, session: 10 }, golden(7, hex(bob), u32(10))],
  [
    { type: "forwardMany", dispatch: 2, view: 3, session: 4, body, frame },
    golden(8, u32(2), u32(3), u32(4), hex(body), frame),
  ],
  [
    {
      type: "deliverMany",
      to: [
        { session: 5, entry: Buffer.from("first") },
        { session: 0xfffffff6, entry: Buffer.alloc(300, 7) },
      ],
      header: Buffer.alloc(72, 0x12),
      envelope: Buffer.from("envelope"),
    },
    golden(
      9,
      u32(2),
      Buffer.alloc(72, 0x12),
      u32(5),
      Buffer.of(0, 5),
      Buffer.from("first"),
      u32(0xfffffff6),
      Buffer.of(1, 44),
      Buffer.alloc(300, 7),
      Buffer.from("envelope"),
    ),
  ],
  [
    { type: "groupChanged", ref: 6, epoch: 0xfffffffe, group, accounts: [alice, bob] },
    golden(10, u32(6), u32(0xfffffffe), hex(group), hex(alice), hex(bob)),
  ],
  [{ type: "groupNoted", ref: 0xfffffffd }, golden(11, u32(0xfffffffd))],
];

/** With byte strings of one kind, to compare. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

for (const [message, bytes] of messages) {
  t.test(`the bytes of "${message.type}" are as documented`, async (t) => {
    t.equal(linkMessageBytes(message), bytes.length);
    for (const [kind, from] of KINDS) {
      const target = from(new Array<number>(bytes.length + 9).fill(0xee));
      t.equal(writeLinkMessage(target, 4, message), 4 + bytes.length);
      t.equal(Buffer.from(target).toString("hex"), `eeeeeeee${bytes.toString("hex")}eeeeeeeeee`, kind);
      const read: LinkMessage[] = [];
      readLinkMessages(inside(from(bytes)), (one) => read.push(one));
      t.same(read.map(plain), [plain(message)], kind);
    }
  });
}

t.test("an empty frame is carried as one", async (t) => {
  const target = Buffer.alloc(64);
  const empty: readonly LinkMessage[] = [
    { type: "forward", dispatch: 1, view: 1, session: 1, frame: new Uint8Array(0) },
    { type: "deliver", session: 1, frame: new Uint8Array(0) },
  ];
  for (const message of empty) {
    const end = writeLinkMessage(target, 0, message);
    readLinkMessages(target.subarray(0, end), (one) => t.same(plain(one), plain(message)));
  }
});

for (const [kind, from] of KINDS) {
  t.test(`the messages of one turn lie behind each other in ${kind} and are read in order`, async (t) => {
    const all = [...messages, ...[...messages].reverse(), ...messages];
    const buffer = inside(from(Buffer.concat(all.map(([, bytes]) => bytes))));
    const read: unknown[] = [];
    readLinkMessages(buffer, (message) => {
      if ("frame" in message) t.equal(message.frame.buffer, buffer.buffer, "a view, not a copy");
      read.push(plain(message));
    });
    t.same(
      read,
      all.map(([message]) => plain(message)),
    );
  });
}

t.test("nothing is read of an empty buffer", async (t) => {
  readLinkMessages(new Uint8Array(0), () => t.fail("there is no message"));
  t.pass("none");
});

t.test("a type that does not exist is a defect, not a message", async (t) => {
  for (const type of [7, 255]) {
    t.throws(() => readLinkMessages(golden(type), () => t.fail("no message")), RangeError);
  }
});
