import fc from "fast-check";
import t from "tap";
import {
  concatBytes,
  equalBytes,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64Url,
  toHex,
  utf8,
  writeHex,
} from "../../src/protocol/bytes.js";
import { inside, KINDS } from "./kinds.js";

fc.configureGlobal({ seed: 1 });

const everyByte = Array.from({ length: 256 }, (_, value) => value);
const everyByteInHex = Buffer.from(everyByte).toString("hex");

for (const [kind, from] of KINDS) {
  t.test(`hexadecimal of ${kind}`, async (t) => {
    const bytes = inside(from(everyByte));
    t.equal(toHex(bytes), everyByteInHex);
    t.equal(toHex(bytes, 1, 3), "0102");
    t.equal(toHex(bytes, 254), "feff");
    t.equal(toHex(bytes, 7, 7), "");
    t.equal(toHex(from([])), "");
  });

  t.test(`hexadecimal is written into ${kind} and touches nothing beside it`, async (t) => {
    const bytes = inside(from(new Array<number>(8).fill(9)));
    writeHex(bytes, 2, "00fFAa7e");
    t.equal(Buffer.from(bytes).toString("hex"), "090900ffaa7e0909");
  });

  t.test(`base64url of ${kind} is what Node makes of it, and comes back`, async (t) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (array) => {
        const bytes = inside(from(array));
        const text = toBase64Url(bytes);
        if (text !== Buffer.from(array).toString("base64url")) return false;
        const back = fromBase64Url(text);
        return back !== null && Buffer.compare(back, array) === 0;
      }),
    );
    t.equal(toBase64Url(from([0xfb, 0xff, 0xfe])), "-__-");
    t.equal(toBase64Url(from([])), "");
  });

  t.test(`equality of ${kind} with either kind: every byte and the length count`, async (t) => {
    for (const [, other] of KINDS) {
      t.ok(equalBytes(inside(from(everyByte)), other(everyByte)));
      t.ok(equalBytes(from([]), other([])));
      const differing = everyByte.filter((at) => {
        const changed = other(everyByte);
        changed[at] = at ^ 0x80;
        return !equalBytes(from(everyByte), changed);
      });
      t.equal(differing.length, 256);
      t.notOk(equalBytes(from([1, 2]), other([1, 2, 0])));
      t.notOk(equalBytes(from([]), other([0])));
    }
  });
}

t.test("hexadecimal is read in either case, and only where it is whole", async (t) => {
  t.same(fromHex(everyByteInHex), Uint8Array.from(everyByte));
  t.same(fromHex(everyByteInHex.toUpperCase()), Uint8Array.from(everyByte));
  t.same(fromHex(""), new Uint8Array(0));
  for (const text of [
    "0",
    "abc",
    "0g",
    "g0",
    " 0",
    "0x",
    "00\n",
    "-1",
    "\u0660\u0660",
    "/0",
    ":0",
    "@0",
    "`0",
  ]) {
    t.equal(fromHex(text), null, JSON.stringify(text));
  }
});

t.test("of the spellings of a byte string in base64url only one is read", async (t) => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const letters = [...alphabet];
  const pairs = letters.flatMap((one) => letters.map((other) => fromBase64Url(one + other)));
  t.equal(
    pairs.filter((bytes) => bytes !== null).length,
    256,
    "two letters hold one byte, so four bits are 0",
  );
  const triples = letters.map((last) => fromBase64Url(`AA${last}`));
  t.equal(
    triples.filter((bytes) => bytes !== null).length,
    16,
    "three letters hold two bytes, so two bits are 0",
  );
  const wrong = [
    "A",
    "AAAAA",
    "AA==",
    "AAA=",
    "+/+/",
    "AA AA",
    "AAAA\n",
    " AAA",
    "ÄÄÄÄ",
    "AAA\0",
    "AB",
    "AAB",
  ];
  for (const text of wrong) t.equal(fromBase64Url(text), null, JSON.stringify(text));
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...letters), maxLength: 12 }), (text) => {
      const bytes = fromBase64Url(text);
      return bytes === null || toBase64Url(bytes) === text;
    }),
  );
});

t.test("joined byte strings are in memory of their own", async (t) => {
  const part = Uint8Array.of(1, 2);
  const whole = concatBytes(part, Buffer.from([3]), new Uint8Array(0), part);
  part[0] = 9;
  t.same(whole, Uint8Array.of(1, 2, 3, 1, 2));
  t.equal(whole.buffer.byteLength, 5);
  t.same(concatBytes(), new Uint8Array(0));
});

t.test("text goes to UTF-8 and back, and what is not UTF-8 is no text", async (t) => {
  t.same(utf8("aé€👋"), Uint8Array.from(Buffer.from("61c3a9e282acf09f918b", "hex")));
  t.equal(fromUtf8(utf8("aé€👋")), "aé€👋");
  for (const hex of ["80", "c3", "c080", "eda080", "f4908080", "ff"]) {
    t.throws(() => fromUtf8(Buffer.from(hex, "hex")), TypeError, hex);
  }
});
