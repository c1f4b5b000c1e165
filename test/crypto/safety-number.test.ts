import t from "tap";
import { safetyNumber } from "../../src/crypto/safety-number.js";
import { bytesOf, flipped, independent } from "./vectors.js";

const alice = bytesOf(independent.alice.card.identityKey);
const bob = bytesOf(independent.bob.card.identityKey);

t.test("both sides see the same sixty digits, as another library computes them", async (t) => {
  t.equal(await safetyNumber(alice, bob), independent.safetyNumber);
  t.equal(await safetyNumber(bob, alice), independent.safetyNumber);
  t.match(independent.safetyNumber, /^(\d{5} ){11}\d{5}$/);
});

t.test("another key shows another number", async (t) => {
  t.not(await safetyNumber(alice, flipped(bob, 31)), independent.safetyNumber);
});
