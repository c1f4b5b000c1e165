/** One seed: its schedule run and judged, and where it fails, the shortest part of it that still does. */
import { runSchedule, type RunReport } from "./run.js";
import { drawSchedule, type Schedule } from "./schedule.js";
import type { FromWorker, SeedReport } from "./seed-messages.js";
import { shrink } from "./shrink.js";
import { traceOf } from "./trace.js";

/** Runs of a schedule in the making of a shorter one. */
const MOST_TRIES = 600;
const NO_COUNTS = { sent: 0, accepted: 0, received: 0, lost: 0, duplicated: 0, reordered: 0, invented: 0 };

export async function runSeed(seed: number): Promise<SeedReport> {
  const { counts, faults, violations, hash } = await runOrTell(drawSchedule(seed));
  return { type: "ran", seed, counts, faults, violations, hash };
}

export async function shrinkSeed(
  seed: number,
  onTry: (tries: number, actions: number) => void,
): Promise<FromWorker> {
  const whole = drawSchedule(seed);
  const part = (actions: Schedule["actions"]): Schedule => ({ ...whole, actions });
  const failure = failureOf(await runOrTell(whole));
  const actions = await shrink(
    whole.actions,
    async (some) => {
      const found = failureOf(await runOrTell(part(some)));
      return found !== null && found === failure;
    },
    { most: MOST_TRIES, onTry },
  );
  const schedule = part(actions);
  const report = await runOrTell(schedule);
  return { type: "shrunk", schedule, violations: report.violations, trace: traceOf(report.history) };
}

/**
 * The kind of what went wrong first: a shorter schedule that fails in another way is another finding.
 *
 * @returns its words up to the colon, without the numbers; `null` if nothing went wrong
 */
function failureOf({ violations }: RunReport): string | null {
  return violations[0]?.split(":", 1)[0]?.replace(/\d+/g, "") ?? null;
}

/** A world that gets stuck or throws is a finding like any other. */
async function runOrTell(schedule: Schedule): Promise<RunReport> {
  try {
    return await runSchedule(schedule);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const { seed } = schedule;
    return { seed, counts: NO_COUNTS, faults: {}, violations: [`it broke: ${what}`], hash: "", history: [] };
  }
}
