/** Making a list that fails shorter. */
import t from "tap";
import { shrink } from "../../../bench/simulation/shrink.js";

const LIST = Array.from({ length: 200 }, (_, index) => index);
const contains =
  (...needed: readonly number[]) =>
  (part: readonly number[]): Promise<boolean> =>
    Promise.resolve(needed.every((one) => part.includes(one)));

t.test("what is left is what it takes to fail, in its order", async (t) => {
  for (const needed of [[0], [199], [17], [3, 4], [0, 100, 199], [5, 50, 51, 52, 150]]) {
    t.strictSame(await shrink(LIST, contains(...needed), { most: 10_000 }), needed);
  }
});

t.test("where there is no time to try more, what is left still fails", async (t) => {
  const fails = contains(5, 50, 51, 52, 150);
  const tries: number[] = [];
  const left = await shrink(LIST, fails, { most: 12, onTry: (count) => void tries.push(count) });
  t.ok(await fails(left));
  t.ok(left.length < LIST.length);
  t.strictSame(
    tries,
    Array.from({ length: 12 }, (_, index) => index + 1),
  );
});

t.test("of what always fails one element is left", async (t) => {
  t.equal((await shrink(LIST, () => Promise.resolve(true), { most: 10_000 })).length, 1);
});

t.test("what only fails whole stays whole", async (t) => {
  const whole = LIST.slice(0, 16);
  const fails = (part: readonly number[]): Promise<boolean> => Promise.resolve(part.length === whole.length);
  t.strictSame(await shrink(whole, fails, { most: 10_000 }), whole);
});
