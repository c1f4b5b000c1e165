import fc from "fast-check";
import t from "tap";
import { isPlainMessagePack } from "../../src/protocol/plain-msgpack.js";
import { inside, KINDS } from "./kinds.js";
import { read, write } from "./msgpack.js";

fc.configureGlobal({ seed: 4 });

/** One value of every form of the specification that the protocol speaks. */
const forms: Readonly<Record<string, string>> = {
  "positive fixint": "7f",
  "negative fixint": "e0",
  nil: "c0",
  false: "c2",
  true: "c3",
  "uint 8": "ccff",
  "uint 16": "cdffff",
  "uint 32": "ceffffffff",
  "uint 64": "cfffffffffffffffff",
  "int 8": "d080",
  "int 16": "d18000",
  "int 32": "d280000000",
  "int 64": "d38000000000000000",
  "float 32": "ca3f800000",
  "float 64": "cb3ff0000000000000",
  "empty fixstr": "a0",
  fixstr: "a26869",
  "str 8": "d9026869",
  "str 16": "da00026869",
  "str 32": "db000000026869",
  "empty bin": "c400",
  "bin 8": "c4020102",
  "bin 16": "c500020102",
  "bin 32": "c6000000020102",
  fixarray: "9301a161c0",
  "array 16": "dc00020102",
  "array 32": "dd000000020102",
  fixmap: "82a16101a16202",
  "map 16": "de0001a16101",
  "map 32": "df00000001a16101",
  nested: "81a16192c40101820102a178919190",
};

/** Forms that exist and are not spoken: extensions of every width, and the byte that is never used. */
const refused: Readonly<Record<string, string>> = {
  "never used": "c1",
  "fixext 1, as for undefined": "d40000",
  "fixext 1, a record of the library": "d4724091a16105",
  "fixext 2, a record of the library": "d572000191a16105",
  "fixext 4, a time": "d6ff00000000",
  "fixext 8, a time": "d7ff0000000000000000",
  "fixext 16": "d8010000000000000000000000000000000000",
  "ext 8, a regular expression": "c7007892a161a0",
  "ext 8, a number of any length": "c7094201ffffffffffffffff",
  "ext 16": "c800010102",
  "ext 32": "c9000000010102",
  "an extension inside a map": "81a161d40000",
  "an extension as a key": "81d4000001",
};

const bytesOf = (hex: string) => Buffer.from(hex, "hex");

for (const [name, hex] of Object.entries(forms)) {
  t.test(`${name} is one value: not less of it, not more`, async (t) => {
    for (const [, from] of KINDS) {
      const bytes = inside(from(bytesOf(hex)));
      t.ok(isPlainMessagePack(bytes));
      const shorter = Array.from(bytes, (_, length) => isPlainMessagePack(bytes.subarray(0, length)));
      t.notOk(shorter.includes(true));
      t.notOk(isPlainMessagePack(from([...bytes, 0xc0])));
    }
  });
}

for (const [name, hex] of Object.entries(refused)) {
  t.test(`${name} is not spoken`, async (t) => {
    t.notOk(isPlainMessagePack(bytesOf(hex)));
    t.throws(() => read(bytesOf(hex)));
  });
}

t.test("huge lengths are found out at once", async (t) => {
  for (const first of ["c6", "db", "dd", "df"]) {
    t.notOk(isPlainMessagePack(bytesOf(`${first}ffffffff`)));
    t.notOk(isPlainMessagePack(bytesOf(`${first}ffffffff${"c0".repeat(100)}`)));
    t.notOk(isPlainMessagePack(bytesOf(`${first}80000000`)));
  }
  const level = bytesOf("dd00ffffff");
  t.notOk(isPlainMessagePack(Buffer.concat(Array.from({ length: 30 }, () => level))));
});

t.test("arrays and maps may stand in each other 32 deep", async (t) => {
  const arrays = (depth: number) => Buffer.concat([Buffer.alloc(depth - 1, 0x91), Buffer.of(0x90)]);
  const maps = (depth: number) => Buffer.concat([Buffer.from("81a0".repeat(depth), "hex"), Buffer.of(0xc0)]);
  for (const nest of [arrays, maps]) {
    t.ok(isPlainMessagePack(nest(32)));
    t.notOk(isPlainMessagePack(nest(33)));
    t.notOk(isPlainMessagePack(nest(1_000_000)));
  }
});

t.test("an empty byte string is no value", async (t) => {
  t.notOk(isPlainMessagePack(new Uint8Array(0)));
});

t.test("of any bytes it says what a reader made from the specification finds", async (t) => {
  const values = fc.jsonValue({ maxDepth: 5 }).map((value) => write(value as Parameters<typeof write>[0]));
  const altered = fc.tuple(values, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    bytes[at % bytes.length] = byte;
    return new Uint8Array(bytes);
  });
  let plain = 0;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), values, altered), (bytes) => {
      let readable = true;
      try {
        read(bytes);
      } catch {
        readable = false;
      }
      plain += readable ? 1 : 0;
      return isPlainMessagePack(bytes) === readable;
    }),
    { numRuns: 3000 },
  );
  t.ok(plain > 500 && plain < 2900, `${plain} of 3000 were values, the rest were not`);
});
