/** Figures of evenness, held to distributions whose figures are known. */
import t from "tap";
import { chanceCv, spreadOf } from "../../src/lb/spread.js";

const near = (actual: number, expected: number): boolean => Math.abs(actual - expected) < 1e-9;

t.test("known distributions", async (t) => {
  const known: readonly (readonly [number[], Record<string, number>])[] = [
    [[5, 5, 5, 5], { maxOverMean: 1, maxMinusMean: 0, cv: 0, jain: 1, gini: 0 }],
    // One has everything: Jain 1/n, Gini (n-1)/n, CV sqrt(n-1).
    [[8, 0, 0, 0], { maxOverMean: 4, maxMinusMean: 6, cv: Math.sqrt(3), jain: 1 / 4, gini: 3 / 4 }],
    // 1..4: mean 2.5, variance 1.25, Jain 100/(4*30), Gini by hand from all pairs: 20/(2*16*2.5).
    [
      [3, 1, 4, 2],
      { maxOverMean: 1.6, maxMinusMean: 1.5, cv: Math.sqrt(1.25) / 2.5, jain: 100 / 120, gini: 20 / 80 },
    ],
    [[1, 3], { maxOverMean: 1.5, maxMinusMean: 1, cv: 0.5, jain: 16 / 20, gini: 1 / 4 }],
    [[7], { maxOverMean: 1, maxMinusMean: 0, cv: 0, jain: 1, gini: 0 }],
    [[0, 0, 0], { maxOverMean: 1, maxMinusMean: 0, cv: 0, jain: 1, gini: 0 }],
    [[], { maxOverMean: 1, maxMinusMean: 0, cv: 0, jain: 1, gini: 0 }],
  ];
  for (const [shares, expected] of known) {
    const spread = spreadOf(shares) as unknown as Record<string, number>;
    for (const [name, value] of Object.entries(expected)) {
      t.ok(
        near(spread[name] ?? NaN, value),
        `${name} of ${shares.join(" ")}: ${spread[name]}, expected ${value}`,
      );
    }
  }
});

t.test("the order of shares says nothing, and their unit neither", async (t) => {
  const spread = spreadOf([9, 2, 5]);
  t.same(spreadOf([5, 9, 2]), spread);
  const tenfold = spreadOf([90, 20, 50]);
  for (const name of ["maxOverMean", "cv", "jain", "gini"] as const) {
    t.ok(near(tenfold[name], spread[name]), name);
  }
});

t.test("Jain's index and the coefficient of variation say the same: 1 / (1 + CV²)", async (t) => {
  for (const shares of [
    [1, 2, 3],
    [10, 1, 1, 1],
    [0, 4, 9, 2, 7],
  ]) {
    const { cv, jain } = spreadOf(shares);
    t.ok(near(jain, 1 / (1 + cv * cv)));
  }
});

t.test("what chance alone would give, beside what chance gives", async (t) => {
  t.ok(near(chanceCv(4, 300), 0.1));
  t.equal(chanceCv(1, 10), 0);
  t.equal(chanceCv(4, 0), 0);
  // A generator of a fixed seed puts 10,000 things on 5 servers, many times over.
  let state = 1;
  const draw = (): number => (state = (state * 48_271) % 2_147_483_647) % 5;
  const squares: number[] = [];
  for (let round = 0; round < 200; round++) {
    const shares = [0, 0, 0, 0, 0];
    for (let thing = 0; thing < 10_000; thing++) {
      const server = draw();
      shares[server] = (shares[server] ?? 0) + 1;
    }
    squares.push(spreadOf(shares).cv ** 2);
  }
  const measured = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
  t.ok(Math.abs(measured / chanceCv(5, 10_000) - 1) < 0.1, `${measured}`);
});
