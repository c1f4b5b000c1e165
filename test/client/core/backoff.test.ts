import t from "tap";
import fc from "fast-check";
import { backoffMs, chanceOf, RECONNECT } from "../../../src/client/core/backoff.js";

t.test("the most that a wait can be doubles with each failure, up to the cap", async (t) => {
  const almostOne = 1 - 2 ** -32;
  const most = [1, 2, 3, 4].map((tries) => backoffMs(tries, almostOne, { baseMs: 100, capMs: 500 }));
  t.strictSame(most, [99, 199, 399, 499]);
});

t.test("any wait from nothing to the most is drawn, whatever the number of failures", async (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (tries, chance) => {
      const ms = backoffMs(tries, chance, RECONNECT);
      return Number.isInteger(ms) && ms >= 0 && ms < RECONNECT.capMs;
    }),
  );
  t.equal(backoffMs(9, 0, RECONNECT), 0);
});

t.test("chance lies in [0, 1), whatever the bytes", async (t) => {
  const of = (...bytes: number[]): number => chanceOf({ bytes: () => Uint8Array.from(bytes) });
  t.equal(of(0, 0, 0, 0), 0);
  t.equal(of(128, 0, 0, 0), 0.5);
  t.ok(of(255, 255, 255, 255) < 1);
});
