/** What a run is told as: figures, and for people a table. */
import chalk from "chalk";
import { describeViolation, isClean, type HistoryCounts } from "../history/verdict.js";
import type { RunResult } from "./run.js";
import { countByKind } from "./schedule.js";

export interface Times {
  readonly p50: number;
  readonly max: number;
}

export interface FaultsReport {
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly check: HistoryCounts;
  /** By kind, from the injection until everything answered again, in milliseconds; `null` where nothing came back. */
  readonly recoveryMs: Readonly<Record<string, Times | null>>;
  /** One for each fault, with times in milliseconds after the run began; `until: null` if it did not come back. */
  readonly injected: RunResult["faults"];
  /** How long people of a chat server that was ended were without a session, in milliseconds. */
  readonly peopleBackMs: (Times & { readonly p99: number; readonly people: number }) | null;
  readonly wroteMs: number;
  readonly quietMs: number | null;
  readonly violations: RunResult["verdict"]["violations"];
  readonly problems: readonly string[];
  readonly kept: string | null;
}

/** Absences that begin this soon after a server's end are its doing, in milliseconds. */
const HIT_MS = 1_500;

export function reportOf(result: RunResult): FaultsReport {
  const { faults, verdict, problems, wroteMs, quietMs, kept } = result;
  const faultsByKind = countByKind(faults);
  const recoveryMs = Object.keys(faultsByKind).map((kind): [string, Times | null] => {
    const times = faults
      .filter((fault) => fault.kind === kind)
      .flatMap(({ at, until }) => (until === null ? [] : [until - at]));
    return [kind, times.length === 0 ? null : { p50: percentile(times, 0.5), max: percentile(times, 1) }];
  });
  return {
    faults: faults.length,
    faultsByKind,
    check: verdict.counts,
    recoveryMs: Object.fromEntries(recoveryMs),
    injected: faults,
    peopleBackMs: peopleBack(result),
    wroteMs: Math.round(wroteMs),
    quietMs: quietMs === null ? null : Math.round(quietMs),
    violations: verdict.violations,
    problems,
    kept,
  };
}

export function printReport(report: FaultsReport, planned: number): void {
  const { faults, faultsByKind, check, recoveryMs, peopleBackMs, violations, problems, kept } = report;
  const row = (name: string, ...cells: string[]): string =>
    `${name.padEnd(18)}${cells.map((cell) => cell.padStart(12)).join("")}`;
  console.log(chalk.bold(row("fault", "times", "back p50", "back max")));
  for (const [kind, count] of Object.entries(faultsByKind).sort()) {
    const times = recoveryMs[kind];
    console.log(row(kind, String(count), seconds(times?.p50), seconds(times?.max)));
  }
  console.log(row("all", `${faults} of ${planned}`));
  if (peopleBackMs !== null) {
    const { people, p50, p99, max } = peopleBackMs;
    console.log(
      `\nafter the end of a chat server ${people} people were back in a session after p50 ${seconds(p50)}, p99 ${seconds(p99)}, at most ${seconds(max)}`,
    );
  }
  console.log(
    `\n${check.sent} messages sent, ${check.accepted} accepted, ${check.received} received; at rest ${
      report.quietMs === null ? "never" : `${seconds(report.quietMs)} after the last`
    }`,
  );
  const { lost, duplicated, reordered, invented } = check;
  const verdict = `${lost} lost, ${duplicated} duplicated, ${reordered} reordered, ${invented} invented`;
  console.log(isClean(check) ? chalk.green(verdict) : chalk.red.bold(verdict));
  for (const violation of violations) console.log(chalk.red(describeViolation(violation)));
  for (const problem of problems) console.log(chalk.red(`problem: ${problem}`));
  if (kept !== null) console.log(`everything of this run is kept in ${kept}`);
}

/** Whether the run is as promised. */
export function isGood({ check, problems }: FaultsReport): boolean {
  return problems.length === 0 && isClean(check);
}

function peopleBack({ faults, absences }: RunResult): FaultsReport["peopleBackMs"] {
  const ends = faults.filter(({ kind }) => kind === "end chat");
  const times = absences
    .filter(({ server, from }) =>
      ends.some(({ target, at }) => target === server && from >= at && from < at + HIT_MS),
    )
    .map(({ from, to }) => to - from);
  if (times.length === 0) return null;
  return {
    people: times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    max: percentile(times, 1),
  };
}

/** @param share of the values, of which there are some, that are at most the one returned; it is rounded */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "–" : `${(ms / 1000).toFixed(2)} s`;
}
