/** How evenly something is shared out: figures of the field, each with its formula. The laboratory measures by them, too. */

export interface Spread {
  /** The largest share by the mean: 1 where all are equal. */
  readonly maxOverMean: number;
  /** The largest share less the mean, in what is counted. */
  readonly maxMinusMean: number;
  /** Coefficient of variation: standard deviation (of all, not of a sample) by the mean; 0 where all are equal. */
  readonly cv: number;
  /** Jain's index of fairness, (Σx)² / (n Σx²): 1 where all are equal, 1/n where one has everything. */
  readonly jain: number;
  /** Gini coefficient, Σᵢ Σⱼ |xᵢ − xⱼ| / (2 n² mean): 0 where all are equal, (n−1)/n where one has everything. */
  readonly gini: number;
}

const EVEN: Spread = { maxOverMean: 1, maxMinusMean: 0, cv: 0, jain: 1, gini: 0 };

/**
 * @param shares of each server, none below 0
 * @returns as for equal shares where nothing was shared out
 */
export function spreadOf(shares: readonly number[]): Spread {
  const n = shares.length;
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (n === 0 || total === 0) return EVEN;
  const mean = total / n;
  const max = Math.max(...shares);
  const squares = shares.reduce((sum, share) => sum + share * share, 0);
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / n;
  // With the shares in ascending order the double sum is Σᵢ (2i − n + 1) xᵢ, twice.
  const ascending = [...shares].sort((one, other) => one - other);
  const weighted = ascending.reduce((sum, share, index) => sum + (2 * index - n + 1) * share, 0);
  return {
    maxOverMean: max / mean,
    maxMinusMean: max - mean,
    cv: Math.sqrt(variance) / mean,
    jain: (total * total) / (n * squares),
    gini: weighted / (n * total),
  };
}

/**
 * The coefficient of variation that chance alone would give: N things put on k servers, each on any with the same
 * chance (multinomial), have one of √((k − 1) / N).
 */
export function chanceCv(servers: number, things: number): number {
  return things === 0 ? 0 : Math.sqrt((servers - 1) / things);
}
