import t from "tap";
import {
  NAME_PATTERN,
  parseAccountId,
  parseArchiveId,
  parseConversationId,
  parseDeviceId,
  parseIncarnation,
  parseMessageId,
  parseServerId,
  parseUserName,
  readConversationId,
  readId16,
} from "../../src/protocol/ids.js";
import { inside, KINDS } from "./kinds.js";

const parsers = [
  ["account", parseAccountId, 16],
  ["message", parseMessageId, 16],
  ["conversation", parseConversationId, 32],
  ["device", parseDeviceId, 16],
  ["archive", parseArchiveId, 16],
  ["incarnation", parseIncarnation, 16],
] as const;

for (const [name, parse, bytes] of parsers) {
  t.test(`a ${name}'s id is ${bytes} bytes in lower-case hexadecimal and nothing else`, async (t) => {
    const good = "0f".repeat(bytes);
    t.equal(parse(good), good);
    t.equal(parse("9a".repeat(bytes)), "9a".repeat(bytes));
    const wrong = [
      "",
      good.slice(1),
      good.slice(2),
      `${good}0`,
      `${good}00`,
      good.toUpperCase(),
      `${good}\n`,
      ` ${good.slice(1)}`,
      `${good.slice(1)}g`,
    ];
    for (const text of wrong) t.equal(parse(text), null, JSON.stringify(text));
  });
}

t.test("a server's id is 1 to 32 letters, digits and hyphens", async (t) => {
  for (const id of ["chat-1", "a", "0", "-", "x".repeat(32)]) t.equal(parseServerId(id), id);
  for (const id of ["", "x".repeat(33), "Chat-1", "chat_1", "chat 1", "chat.1", "chät", "chat-1\n"]) {
    t.equal(parseServerId(id), null, JSON.stringify(id));
  }
});

t.test("a name is folded to lower case", async (t) => {
  t.equal(parseUserName("Alice"), "alice");
  t.equal(parseUserName("A.B-C_9"), "a.b-c_9");
  t.equal(parseUserName("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "abcdefghijklmnopqrstuvwxyz");
  for (const name of ["abc", "...", "___", "-0-", "x".repeat(32)]) t.equal(parseUserName(name), name);
});

t.test("what is no name is refused, and not made one", async (t) => {
  const wrong = [
    "",
    "ab",
    "x".repeat(33),
    "al ice",
    " alice",
    "alice ",
    "alice\n",
    "al/ice",
    "al@ice",
    "älice",
    "alicé",
    "al\u0131ce", // dotless i
    "al\u0130ce", // I with dot, two characters in lower case
    "mi\u212ae", // Kelvin sign, a plain k in lower case
    "mi\uff4be", // full-width k
    "alice\u200b",
    "al\0ice",
  ];
  for (const text of wrong) t.equal(parseUserName(text), null, JSON.stringify(text));
});

t.test("the pattern of names, used by schemas, takes exactly the folded ones", async (t) => {
  const pattern = new RegExp(NAME_PATTERN);
  const characters = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code));
  const taken = characters.filter((character) => pattern.test(`aa${character}`));
  t.equal(taken.join(""), "-.0123456789_abcdefghijklmnopqrstuvwxyz");
  const typed = characters.filter((character) => parseUserName(`aa${character}`) !== null);
  t.equal(typed.join(""), "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
});

for (const [kind, from] of KINDS) {
  t.test(`ids are read out of ${kind} at any offset`, async (t) => {
    const hex = Buffer.from(Array.from({ length: 64 }, (_, i) => 255 - i)).toString("hex");
    const bytes = inside(from(Buffer.from(hex, "hex")));
    t.equal(readId16(bytes), hex.slice(0, 32));
    t.equal(readId16(bytes, 40), hex.slice(80, 112));
    t.equal(readConversationId(bytes), hex.slice(0, 64));
    t.equal(readConversationId(bytes, 32), hex.slice(64));
  });
}
