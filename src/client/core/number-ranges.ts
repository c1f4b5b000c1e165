/** Sets of running numbers, as the ranges that they make: few, since messages come in order. */

/** The first and the last number. */
export type NumberRange = readonly [from: number, to: number];

/** The most ranges that are kept of one set: whoever tells of every other number is not believed all of it. */
const MOST = 64;

/**
 * A set with more numbers in it.
 *
 * @param ranges in order, none of which touches another
 * @returns likewise; without the lowest where there would be too many
 */
export function withRange(ranges: readonly NumberRange[], [from, to]: NumberRange): readonly NumberRange[] {
  const before = ranges.filter(([, last]) => last < from - 1);
  const after = ranges.filter(([first]) => first > to + 1);
  const met = ranges.slice(before.length, ranges.length - after.length);
  const first = Math.min(from, met[0]?.[0] ?? from);
  const last = Math.max(to, met.at(-1)?.[1] ?? to);
  const joined: NumberRange[] = [...before, [first, last], ...after];
  return joined.slice(-MOST);
}

export function isInRanges(ranges: readonly NumberRange[], number: number): boolean {
  return ranges.some(([from, to]) => from <= number && number <= to);
}
