/** Schedules of the whole system in simulated time (LABORATORY.md, "simulate"). The command runs as many as one likes; here are the first. */
import { availableParallelism } from "node:os";
import t from "tap";
import { FAULT_KINDS, FULL_SIZE } from "../../../bench/simulation/schedule.js";
import type { SeedReport } from "../../../bench/simulation/seed-messages.js";
import { SeedPool } from "../../../bench/simulation/seed-pool.js";

const SEEDS = 240;
/** Others that found something once: messages that waited on a link while two views began. */
const FOUND = [624];
/** Seeds that are run a second time, in another process. */
const REPLAYED = 4;

// No time of theirs is real: they take as long as the machine needs.
t.setTimeout(900_000);

t.test("whatever a seed decides, nothing accepted is lost, doubled or reordered", async (t) => {
  const pool = new SeedPool(availableParallelism());
  t.teardown(() => pool.close());
  const reports: SeedReport[] = [];
  const left = [...Array.from({ length: SEEDS }, (_, index) => index + 1), ...FOUND];
  await pool.run(
    () => {
      const seed = left.shift();
      return seed === undefined ? null : { type: "run", seed };
    },
    (message) => {
      if (message.type === "ran") reports.push(message);
    },
  );
  t.equal(reports.length, SEEDS + FOUND.length);
  for (const { seed, counts, faults, violations } of reports) {
    const injected = Object.values(faults).reduce((sum, times) => sum + times, 0);
    t.strictSame(
      { violations, enough: counts.sent >= FULL_SIZE.messages && injected >= FULL_SIZE.faults },
      { violations: [], enough: true },
      `seed ${seed}`,
    );
  }
  const met = new Set(reports.flatMap(({ faults }) => Object.keys(faults)));
  t.strictSame([...met].sort(), [...FAULT_KINDS].sort(), "every kind of fault was among them");
  const all = reports.reduce((sum, { counts }) => sum + counts.accepted, 0);
  t.ok(all > (SEEDS * FULL_SIZE.messages) / 2, `${all} messages were accepted`);

  const again = new SeedPool(1);
  t.teardown(() => again.close());
  const hashes = new Map(reports.map(({ seed, hash }) => [seed, hash]));
  // The last first: a world owes nothing to those that ran before it in the same process.
  let next = REPLAYED;
  await again.run(
    () => (next > 0 ? { type: "run", seed: next-- } : null),
    (message) => {
      if (message.type === "ran")
        t.equal(message.hash, hashes.get(message.seed), `seed ${message.seed} again`);
    },
  );
});
