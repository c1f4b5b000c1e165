import t from "tap";
import { MIN_PADDED_BYTES, pad, paddedLength, unpad } from "../../src/crypto/padding.js";
import { equalBytes } from "../../src/protocol/bytes.js";
import { flipped, independent } from "./vectors.js";

t.test("padded lengths agree with an independent Padmé", async (t) => {
  for (const [length, padded] of independent.padded) t.equal(paddedLength(length), padded, `${length} bytes`);
});

t.test("padding adds at most 12 % above the minimum, and never takes away", async (t) => {
  let previous = 0;
  for (let length = 1; length < 20_000; length++) {
    const padded = paddedLength(length);
    if (padded < length || padded < previous || padded > Math.max(MIN_PADDED_BYTES, length * 1.12)) {
      t.fail(`${length} bytes become ${padded}`);
    }
    if (paddedLength(padded) !== padded) t.fail(`${padded} is not a padded length of its own`);
    previous = padded;
  }
  t.ok(previous >= 19_999);
});

t.test("what was padded is unpadded, around every boundary", async (t) => {
  for (const [length] of independent.padded) {
    for (const size of [length - 5, length - 4, length - 3].filter((size) => size >= 0)) {
      const content = new Uint8Array(size).fill(7);
      const back = unpad(pad(content));
      t.ok(back !== null && equalBytes(back, content), `${size} bytes`);
    }
  }
});

t.test("padding that was not made so is refused", async (t) => {
  const padded = pad(new Uint8Array(100).fill(7));
  t.equal(unpad(new Uint8Array(0)), null);
  t.equal(unpad(padded.subarray(0, 255)), null, "too short");
  t.equal(unpad(flipped(padded, 0, 7)), null, "a length beyond the end");
  t.equal(unpad(flipped(padded, 255)), null, "a byte that is not zero");
  t.equal(unpad(flipped(padded, 104)), null, "the first byte behind the content");
  t.equal(unpad(new Uint8Array(512)), null, "more than is needed");
  t.same(unpad(new Uint8Array(256)), new Uint8Array(0), "nothing, padded");
});
