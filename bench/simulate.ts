/**
 * `npm run bench -- simulate`: FastChat whole in simulated time, under schedules that seeds decide. Each is judged by the
 * history checker; one that fails is shortened to what still fails.
 */
import { availableParallelism } from "node:os";
import chalk from "chalk";
import { createLogUpdate } from "log-update";
import type { CommandModule } from "yargs";
import { FULL_SIZE, type FaultKind, type Schedule } from "./simulation/schedule.js";
import type { FromWorker, SeedReport } from "./simulation/seed-messages.js";
import { SeedPool } from "./simulation/seed-pool.js";

interface SimulateOptions {
  readonly seeds: number;
  readonly seed: number | undefined;
  readonly workers: number;
  readonly json: boolean;
}

export const simulateCommand: CommandModule<object, SimulateOptions> = {
  command: "simulate",
  describe: "the whole system in simulated time, under schedules of faults that seeds decide",
  builder: (args) =>
    args
      .option("seeds", { type: "number", default: 1000, describe: "seeds to run, from 1 or from --seed" })
      .option("seed", {
        type: "number",
        describe: "without --seeds: replay this one, with a trace, made as short as it can be where it fails",
      })
      .option("workers", {
        type: "number",
        default: availableParallelism(),
        describe: "processes side by side",
      })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ seeds, seed, workers }) => {
        for (const [name, value] of Object.entries({ seeds, seed: seed ?? 1, workers })) {
          if (!Number.isInteger(value) || value < 1) {
            throw new Error(`--${name} must be a whole number from 1.`);
          }
        }
        return true;
      }),
  handler: async (options) => {
    const { seed, json } = options;
    const only = seed !== undefined && !process.argv.some((arg) => arg.startsWith("--seeds"));
    const run = await runSeeds({ first: seed ?? 1, count: only ? 1 : options.seeds, ...options });
    const [failing] = run.failing;
    const shortest = failing === undefined ? null : await shorten(failing.seed, json);
    report(run, shortest, json);
    if (run.failing.length > 0) process.exitCode = 1;
  },
};

interface Totals {
  readonly seeds: number;
  readonly seconds: number;
  messages: number;
  readonly faultsByKind: Partial<Record<FaultKind, number>>;
  readonly failing: readonly SeedReport[];
  /** Of the last seed: a replay has the same. */
  readonly hash: string;
}

async function runSeeds(options: {
  readonly first: number;
  readonly count: number;
  readonly workers: number;
  readonly json: boolean;
}): Promise<Totals> {
  const { first, count, workers, json } = options;
  const began = performance.now();
  const progress = progressLine(json);
  const pool = new SeedPool(Math.min(workers, count));
  let given = 0;
  let done = 0;
  let messages = 0;
  let hash = "";
  const faultsByKind: Partial<Record<FaultKind, number>> = {};
  const failing: SeedReport[] = [];
  try {
    await pool.run(
      () => (given < count ? { type: "run", seed: first + given++ } : null),
      (message) => {
        if (message.type !== "ran") return;
        done++;
        messages += message.counts.sent;
        hash = message.hash;
        for (const [kind, times] of Object.entries(message.faults)) {
          faultsByKind[kind as FaultKind] = (faultsByKind[kind as FaultKind] ?? 0) + times;
        }
        if (message.violations.length > 0) {
          failing.push(message);
          progress.keep(tellFailure(message));
        }
        const rate = done / ((performance.now() - began) / 1000);
        progress.show(`${done} of ${count} seeds, ${failing.length} failing, ${rate.toFixed(1)} a second`);
      },
    );
  } finally {
    pool.close();
    progress.end();
  }
  failing.sort((one, other) => one.seed - other.seed);
  const seconds = (performance.now() - began) / 1000;
  return { seeds: done, seconds, messages, faultsByKind, failing, hash };
}

type Shrunk = Extract<FromWorker, { type: "shrunk" }>;

async function shorten(seed: number, json: boolean): Promise<Shrunk | null> {
  const progress = progressLine(json);
  const pool = new SeedPool(1);
  let shrunk: Shrunk | null = null;
  let given = false;
  try {
    await pool.run(
      () => {
        if (given) return null;
        given = true;
        return { type: "shrink", seed };
      },
      (message) => {
        if (message.type === "shrunk") shrunk = message;
        else if (message.type === "shrinking") {
          progress.show(
            `making seed ${seed} shorter: ${message.actions} actions after ${message.tries} tries`,
          );
        }
      },
    );
  } finally {
    pool.close();
    progress.end();
  }
  return shrunk;
}

function report(totals: Totals, shortest: Shrunk | null, json: boolean): void {
  const { seeds, seconds, messages, faultsByKind, failing, hash } = totals;
  const violations = failing.reduce((sum, one) => sum + one.violations.length, 0);
  if (json) {
    const failingSeeds = failing.map(({ seed }) => seed);
    const shrunk = shortest === null ? null : { ...shortest.schedule, violations: shortest.violations };
    console.log(
      JSON.stringify({
        seeds,
        messages,
        faultsByKind,
        violations,
        failingSeeds,
        seconds: Math.round(seconds),
        ...(seeds === 1 ? { hash } : {}),
        ...(shrunk === null ? {} : { shrunk }),
      }),
    );
    return;
  }
  if (shortest !== null) tellShortest(shortest);
  const kinds = Object.entries(faultsByKind).sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [kind, times] of kinds) console.log(`${kind.padEnd(16)} ${String(times).padStart(8)}`);
  console.log(
    `${seeds} schedules of at least ${FULL_SIZE.messages} messages, ${messages} messages, ` +
      `${Math.round(seconds)} s: ${violations === 0 ? chalk.green("no violation") : chalk.red(`${violations} violations in ${failing.length} seeds`)}` +
      (seeds === 1 ? `, trace ${hash}` : ""),
  );
}

function tellFailure({ seed, violations }: SeedReport): string {
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : "";
  return `${chalk.red(`seed ${seed}`)}: ${violations[0]}${more}`;
}

function tellShortest({ schedule, violations, trace }: Shrunk): void {
  console.log(chalk.bold(`\nThe shortest part of seed ${schedule.seed} that still fails:`));
  console.log(settingLine(schedule));
  for (const action of schedule.actions) console.log(`  ${JSON.stringify(action)}`);
  console.log(chalk.bold("What happened:"));
  for (const line of trace) console.log(`  ${line}`);
  for (const violation of violations) console.log(chalk.red(`  ${violation}`));
  console.log();
}

function settingLine({ setting }: Schedule): string {
  return `  with ${JSON.stringify(setting)}`;
}

/** A line that is renewed on a terminal, and not shown anywhere else. */
function progressLine(json: boolean) {
  const show = process.stderr.isTTY && !json ? createLogUpdate(process.stderr) : null;
  return {
    show: (text: string): void => show?.(chalk.dim(text)),
    /** Text that stays. */
    keep(text: string): void {
      show?.clear();
      console.error(text);
    },
    end: (): void => show?.clear(),
  };
}
