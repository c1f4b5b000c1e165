/**
 * Makes a list that fails as short as it can be made: delta debugging (Zeller and Hildebrandt, 2002). What is left
 * fails, and does not without any single one of its elements, as far as there was time to try.
 */

export interface ShrinkOptions {
  /** Tries, at most. */
  readonly most: number;
  /** Told after each try. */
  readonly onTry?: (tries: number, length: number) => void;
}

/** @param fails whether a part of the list fails too; it is asked one part at a time */
export async function shrink<T>(
  list: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  { most, onTry }: ShrinkOptions,
): Promise<readonly T[]> {
  let rest = list;
  let tries = 0;
  let chunks = 2;
  while (rest.length > 1 && tries < most) {
    const size = Math.ceil(rest.length / chunks);
    let shorter: readonly T[] | null = null;
    for (let start = 0; start < rest.length && shorter === null && tries < most; start += size) {
      const without = [...rest.slice(0, start), ...rest.slice(start + size)];
      tries++;
      if (await fails(without)) shorter = without;
      onTry?.(tries, rest.length);
    }
    if (shorter !== null) {
      rest = shorter;
      chunks = Math.max(2, chunks - 1);
    } else if (size === 1) {
      break;
    } else {
      chunks = Math.min(rest.length, 2 * chunks);
    }
  }
  return rest;
}
