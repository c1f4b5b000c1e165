/** Runs one schedule to its healed end, and judges what came of it. */
import { createHash } from "node:crypto";
import type { HistoryEvent } from "../history/events.js";
import type { HistoryCounts } from "../history/verdict.js";
import { end } from "./ending.js";
import { Faults } from "./faults.js";
import { GroupChanges } from "./group-changes.js";
import { isFault, secondDeviceOf, type FaultKind, type Schedule } from "./schedule.js";
import type { Sabotage } from "./system.js";
import { World } from "./world.js";

export interface RunReport {
  readonly seed: number;
  readonly counts: HistoryCounts;
  readonly faults: Partial<Record<FaultKind, number>>;
  /** What is wrong, in sentences; nothing if all is well. */
  readonly violations: readonly string[];
  /** Of everything that happened: two runs of one schedule have the same. */
  readonly hash: string;
  readonly history: readonly HistoryEvent[];
}

export async function runSchedule(schedule: Schedule, sabotage?: Sabotage): Promise<RunReport> {
  const { seed, setting } = schedule;
  const world = new World({ seed, ...setting, ...(sabotage === undefined ? {} : { sabotage }) });
  const rejections = (error: unknown): void => {
    world.faults.push(
      `a rejection that nobody took: ${error instanceof Error ? error.stack : String(error)}`,
    );
  };
  process.on("unhandledRejection", rejections);
  try {
    return await run(schedule, world);
  } finally {
    process.removeListener("unhandledRejection", rejections);
  }
}

async function run(schedule: Schedule, world: World): Promise<RunReport> {
  world.start();
  await world.until(() => world.system.complete);
  for (const name of schedule.people) await world.join(name);
  for (const user of schedule.onTwoDevices) await world.join(secondDeviceOf(user), user);
  const groups = new GroupChanges(world);
  for (const group of schedule.groups) await groups.create(group);
  await perform(schedule, world, groups);
  const { counts, violations, archives } = await end(world);
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const action of schedule.actions) {
    if (isFault(action)) faults[action.do] = (faults[action.do] ?? 0) + 1;
  }
  const hash = createHash("sha256")
    .update(JSON.stringify([world.events, [...archives], world.clock.now(), world.happened]))
    .digest("hex")
    .slice(0, 16);
  return { seed: schedule.seed, counts, faults, violations, hash, history: world.events };
}

async function perform(schedule: Schedule, world: World, groups: GroupChanges): Promise<void> {
  const faults = new Faults(world, groups);
  const begin = world.clock.now();
  for (const action of schedule.actions) {
    await world.pass(Math.max(0, begin + action.at - world.clock.now()));
    faults.perform(action);
  }
  faults.heal();
}
