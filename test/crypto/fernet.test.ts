import t from "tap";
import {
  decryptFernet,
  encryptFernet,
  encryptFernetWithIv,
  fromFernetText,
  newFernetKey,
  toFernetText,
} from "../../src/crypto/fernet.js";
import { fromUtf8, utf8 } from "../../src/protocol/bytes.js";
import { flipped, readVectors } from "./vectors.js";

interface Vector {
  readonly token: string;
  readonly now: string;
  readonly secret: string;
}
const generate = readVectors<readonly (Vector & { iv: number[]; src: string })[]>("fernet-generate.json");
const verify = readVectors<readonly (Vector & { ttl_sec: number; src: string })[]>("fernet-verify.json");
const invalid = readVectors<readonly (Vector & { ttl_sec: number; desc: string })[]>("fernet-invalid.json");

function keyOf({ secret }: Vector): Uint8Array {
  const key = fromFernetText(secret);
  if (key === null) throw new Error("the vector's key cannot be read");
  return key;
}

function secondsOf({ now }: Vector): number {
  return Date.parse(now) / 1000;
}

t.test("tokens are those of the specification's generate.json", async (t) => {
  for (const vector of generate) {
    const token = await encryptFernetWithIv(
      keyOf(vector),
      utf8(vector.src),
      secondsOf(vector),
      Uint8Array.from(vector.iv),
    );
    t.equal(toFernetText(token), vector.token);
  }
});

t.test("tokens of the specification's verify.json open", async (t) => {
  for (const vector of verify) {
    const token = fromFernetText(vector.token);
    const age = { ttlSeconds: vector.ttl_sec, nowSeconds: secondsOf(vector) };
    const plaintext = token && (await decryptFernet(keyOf(vector), token, age));
    t.equal(plaintext && fromUtf8(plaintext), vector.src);
  }
});

t.test("tokens of the specification's invalid.json do not open", async (t) => {
  for (const vector of invalid) {
    const token = fromFernetText(vector.token);
    const age = { ttlSeconds: vector.ttl_sec, nowSeconds: secondsOf(vector) };
    t.equal(token && (await decryptFernet(keyOf(vector), token, age)), null, vector.desc);
  }
});

t.test("without a time to live, a token's age does not matter", async (t) => {
  for (const vector of invalid.filter(({ desc }) => /TTL|clock/.test(desc))) {
    const token = fromFernetText(vector.token);
    const plaintext = token && (await decryptFernet(keyOf(vector), token));
    t.same(plaintext, new Uint8Array(0), vector.desc);
  }
});

t.test("a flipped bit anywhere, a cut or another key opens nothing", async (t) => {
  const key = newFernetKey();
  const token = await encryptFernet(key, utf8("a secret"), 1_700_000_000);
  t.equal(fromUtf8((await decryptFernet(key, token)) ?? new Uint8Array(0)), "a secret");
  for (let at = 0; at < token.length; at++) {
    t.equal(await decryptFernet(key, flipped(token, at, at % 8)), null, `byte ${at}`);
    t.equal(await decryptFernet(key, token.subarray(0, at)), null, `the first ${at} bytes`);
  }
  t.equal(await decryptFernet(newFernetKey(), token), null);
});

t.test("one plaintext gives a different token every time", async (t) => {
  const key = newFernetKey();
  const [one, other] = [await encryptFernet(key, utf8("x"), 1), await encryptFernet(key, utf8("x"), 1)];
  t.notSame(one, other);
});

t.test("a key of another length is refused", async (t) => {
  await t.rejects(encryptFernet(new Uint8Array(16), utf8("x"), 1), RangeError);
  await t.rejects(decryptFernet(new Uint8Array(33), new Uint8Array(100)), RangeError);
});

t.test("a token's text has one spelling", async (t) => {
  t.equal(toFernetText(Uint8Array.of(251)), "-w==");
  t.same(fromFernetText("-w=="), Uint8Array.of(251));
  for (const text of ["-w", "-w=", "-w===", "-x==", "+w==", "-w==-w==", "=-w=", "-w= "]) {
    t.equal(fromFernetText(text), null, text);
  }
});

t.test("a key prints as [redacted]", async (t) => {
  t.equal(JSON.stringify({ key: newFernetKey() }), '{"key":"[redacted]"}');
});
