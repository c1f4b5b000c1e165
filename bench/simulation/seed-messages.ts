/** What the command and its worker processes say to each other. */
import type { HistoryCounts } from "../history/verdict.js";
import type { FaultKind, Schedule } from "./schedule.js";

export type ToWorker =
  /** Runs the schedule of a seed. */
  | { readonly type: "run"; readonly seed: number }
  /** Makes the schedule of a seed that fails as short as it can. */
  | { readonly type: "shrink"; readonly seed: number };

export interface SeedReport {
  readonly type: "ran";
  readonly seed: number;
  readonly counts: HistoryCounts;
  readonly faults: Partial<Record<FaultKind, number>>;
  readonly violations: readonly string[];
  /** Of everything that happened: a replay has the same. */
  readonly hash: string;
}

export type FromWorker =
  | SeedReport
  | { readonly type: "shrinking"; readonly tries: number; readonly actions: number }
  | {
      readonly type: "shrunk";
      readonly schedule: Schedule;
      readonly violations: readonly string[];
      /** What happened in the shortest run, line by line. */
      readonly trace: readonly string[];
    };
