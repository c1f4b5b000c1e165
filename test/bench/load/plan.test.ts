/** What a run will do: drawn from the seed, and from nothing else. */
import { isDeepStrictEqual } from "node:util";
import t from "tap";
import { planLoad, WORKLOADS, type PlanOptions } from "../../../bench/load/plan.js";

const OPTIONS: PlanOptions = {
  seed: 1,
  clients: 50,
  workload: "pairs",
  rate: 200,
  warmup: 5,
  seconds: 60,
  size: { least: 100, most: 100 },
  offline: 0,
  zipf: 1,
  groupSizes: [10],
};

t.test("the same seed gives the same plan, another one another", async (t) => {
  for (const workload of WORKLOADS) {
    const options = { ...OPTIONS, workload, offline: 0.2, size: { least: 48, most: 4_000 } };
    // Not by the runner's own comparison, which takes minutes for thousands of them.
    t.ok(isDeepStrictEqual(planLoad(options), planLoad({ ...options })), workload);
    t.notOk(isDeepStrictEqual(planLoad({ ...options, seed: 2 }).sends, planLoad(options).sends));
  }
});

t.test("sizes are what is asked for, each as likely", async (t) => {
  t.ok(planLoad(OPTIONS).sends.every(({ bytes }) => bytes === 100));
  const { sends } = planLoad({ ...OPTIONS, size: { least: 48, most: 147 } });
  const sizes = sends.map(({ bytes }) => bytes);
  t.same([Math.min(...sizes), Math.max(...sizes)], [48, 147]);
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
  t.ok(Math.abs(mean - 97.5) < 1.5, `${mean}`);
});

t.test("sends are a Poisson process of the offered rate", async (t) => {
  const { sends, measured } = planLoad(OPTIONS);
  t.same(measured, { from: 5_000, to: 65_000 });
  const expected = OPTIONS.rate * 65;
  t.ok(Math.abs(sends.length - expected) < 4 * Math.sqrt(expected), `${sends.length} of ${expected}`);
  const gaps = sends.slice(1).map(({ at }, index) => at - (sends[index]?.at ?? 0));
  t.ok(
    gaps.every((gap) => gap > 0),
    "in order",
  );
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  // Of exponential gaps the standard deviation is the mean.
  t.ok(Math.abs(deviation / mean - 1) < 0.05, `${deviation} and ${mean}`);
});

t.test("in pairs each writes to one other, and hears from that one", async (t) => {
  for (const clients of [2, 50, 51]) {
    const { sends } = planLoad({ ...OPTIONS, clients });
    const partner = new Map<number, number>();
    t.notOk(sends.some(({ from, to }) => from === to));
    for (const { from, to } of sends) partner.set(from, partner.get(from) ?? to);
    t.ok(sends.every(({ from, to }) => partner.get(from) === to));
    t.equal(partner.size, clients, "everybody writes");
    const mutual = [...partner].filter(([from, to]) => partner.get(to) === from).length;
    t.equal(mutual, clients - (clients % 2));
  }
});

t.test("with zipf the sender of rank r writes as much as 1 / r says, to a few others", async (t) => {
  const { sends } = planLoad({ ...OPTIONS, workload: "zipf", rate: 2_000 });
  const counts = new Map<number, number>();
  const recipients = new Map<number, Set<number>>();
  for (const { from, to } of sends) {
    counts.set(from, (counts.get(from) ?? 0) + 1);
    recipients.set(from, (recipients.get(from) ?? new Set()).add(to));
  }
  t.notOk(sends.some(({ from, to }) => from === to));
  const ranked = [...counts.values()].sort((one, other) => other - one);
  const harmonic = Array.from({ length: 50 }, (_, rank) => 1 / (rank + 1)).reduce((sum, one) => sum + one, 0);
  for (const rank of [1, 2, 4, 10]) {
    const expected = sends.length / harmonic / rank;
    const actual = ranked[rank - 1] ?? 0;
    t.ok(Math.abs(actual / expected - 1) < 0.1, `rank ${rank}: ${actual}, expected ${expected}`);
  }
  t.ok([...recipients.values()].every((others) => others.size <= 8));
});

t.test("who is away is written to, and does not write", async (t) => {
  const { people, sends } = planLoad({ ...OPTIONS, offline: 0.3 });
  const away = new Set(people.filter(({ offline }) => offline).map(({ number }) => number));
  t.equal(away.size, 15);
  t.notOk(sends.some(({ from }) => away.has(from)));
  t.ok(sends.some(({ to }) => away.has(to)));
});

t.test("in a storm all come back at once, in the middle; with churn some at any time", async (t) => {
  const storm = planLoad({ ...OPTIONS, workload: "storm" });
  t.equal(storm.breaks.length, OPTIONS.clients);
  t.ok(storm.breaks.every(({ at, awayMs }) => at === 35_000 && awayMs === 0));
  const churn = planLoad({ ...OPTIONS, workload: "churn" });
  t.ok(churn.breaks.length > OPTIONS.clients / 2, `${churn.breaks.length} leave`);
  const backAt = new Map<number, number>();
  t.ok(churn.breaks.every(({ at }) => at >= 5_000 && at < 65_000));
  const early = churn.breaks.filter(({ at, person, awayMs }) => {
    const before = backAt.get(person) ?? 0;
    backAt.set(person, at + awayMs);
    return before >= at;
  });
  t.same(early, [], "nobody leaves who is away");
  t.same(planLoad(OPTIONS).breaks, []);
});

t.test("everybody is in one group, and writes to that one; whoever makes it is there", async (t) => {
  for (const [clients, groupSizes, sizes] of [
    [50, [10], [10, 10, 10, 10, 10]],
    [50, [5, 20], [5, 20, 5, 20]],
    [21, [10], [10, 11]],
    [3, [100], [3]],
  ] as const) {
    const options = { ...OPTIONS, workload: "groups", clients, groupSizes, offline: 0.3 } as const;
    const { groups, people, sends } = planLoad(options);
    t.same(
      groups.map(({ members }) => members.length),
      sizes,
    );
    const all = groups.flatMap(({ members }) => members);
    t.equal(new Set(all).size, clients);
    t.ok(groups.every(({ members }) => people[members[0] ?? -1]?.offline === false));
    t.ok(
      sends.length > 0 &&
        sends.every(({ from, to, toGroup }) => toGroup && groups[to]?.members.includes(from)),
    );
  }
});
