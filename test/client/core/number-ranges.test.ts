/** Sets of running numbers. */
import t from "tap";
import { isInRanges, withRange, type NumberRange } from "../../../src/client/core/number-ranges.js";

function setOf(...added: NumberRange[]): readonly NumberRange[] {
  return added.reduce<readonly NumberRange[]>(withRange, []);
}

t.test("ranges that touch or overlap become one, whatever their order", async (t) => {
  t.same(setOf([1, 3], [4, 4]), [[1, 4]]);
  t.same(setOf([4, 4], [1, 3]), [[1, 4]]);
  t.same(setOf([1, 1], [3, 3], [5, 9]), [
    [1, 1],
    [3, 3],
    [5, 9],
  ]);
  t.same(setOf([1, 1], [3, 3], [5, 9], [2, 6]), [[1, 9]]);
  t.same(setOf([2, 3], [1, 9]), [[1, 9]]);
  t.same(setOf([1, 9], [2, 3]), [[1, 9]]);
});

t.test("a set has just the numbers that were put into it", async (t) => {
  const ranges = setOf([2, 3], [7, 7]);
  t.same(
    [1, 2, 3, 4, 6, 7, 8].filter((number) => isInRanges(ranges, number)),
    [2, 3, 7],
  );
  t.notOk(isInRanges([], 1));
});

t.test("whoever tells of every other number makes a set that stays small", async (t) => {
  const odd = Array.from({ length: 200 }, (_, index): NumberRange => [2 * index + 1, 2 * index + 1]);
  const ranges = setOf(...odd);
  t.equal(ranges.length, 64);
  t.ok(isInRanges(ranges, 399), "the newest are kept");
  t.notOk(isInRanges(ranges, 1));
});
