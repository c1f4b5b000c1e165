import t from "tap";
import { rsaModulusBits } from "../../src/crypto/rsa-spki.js";
import { concatBytes } from "../../src/protocol/bytes.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const bob = bytesOf(independent.bob.card.encryptionKey);

/** A key of any size in its one spelling; the modulus is all ones. */
function spkiOf(bits: number): Uint8Array {
  const length = Math.floor(bits / 8) + 1;
  const modulus = new Uint8Array(length).fill(0xff);
  modulus[0] = 2 ** (bits % 8) - 1;
  const at = bob.slice(0, 32);
  const view = new DataView(at.buffer);
  view.setUint16(2, length + 33);
  view.setUint16(21, length + 14);
  view.setUint16(26, length + 9);
  view.setUint16(30, length);
  return concatBytes(at, modulus, Uint8Array.of(2, 3, 1, 0, 1));
}

t.test("keys that another library wrote are read", async (t) => {
  t.equal(rsaModulusBits(bob), 2048);
  t.equal(rsaModulusBits(bytesOf(independent.carol.card.encryptionKey)), 3072);
});

t.test("the size is exact and bounded on both sides", async (t) => {
  for (const bits of [2048, 2049, 2055, 2056, 3072, 4096, 8191, 8192]) {
    t.equal(rsaModulusBits(spkiOf(bits)), bits);
  }
  for (const bits of [2047, 8193, 16384]) t.equal(rsaModulusBits(spkiOf(bits)), null);
});

t.test("small keys and other exponents are refused", async (t) => {
  t.equal(rsaModulusBits(bytesOf(independent.weakKey)), null);
  t.equal(rsaModulusBits(bytesOf(independent.exponentThreeKey)), null);
});

t.test("a key has one spelling: every byte around the modulus counts", async (t) => {
  for (let at = 0; at < 32; at++) t.equal(rsaModulusBits(flipped(bob, at, 1)), null, `byte ${at}`);
  for (let at = bob.length - 5; at < bob.length; at++) t.equal(rsaModulusBits(flipped(bob, at)), null);
  t.equal(rsaModulusBits(concatBytes(bob, Uint8Array.of(0))), null, "a byte behind it");
  t.equal(rsaModulusBits(bob.subarray(0, bob.length - 1)), null, "a byte less");
  t.equal(rsaModulusBits(new Uint8Array(0)), null);
});

t.test("an even modulus and one with needless zeros are refused", async (t) => {
  t.equal(rsaModulusBits(flipped(bob, bob.length - 6)), null, "even");
  const padded = spkiOf(2056);
  padded[32] = 0;
  padded[33] = 0x7f;
  t.equal(rsaModulusBits(padded), null);
});
