/**
 * How many of the first rows make a page.
 *
 * @param weights of the rows in bytes, of at most one more than `limit`
 * @param maxBytes the first row is on the page in any case
 */
export function howManyFit(weights: readonly number[], limit: number, maxBytes: number): number {
  let bytes = 0;
  for (const [index, weight] of weights.entries()) {
    bytes += weight;
    if (index === limit || (index > 0 && bytes > maxBytes)) return index;
  }
  return weights.length;
}
