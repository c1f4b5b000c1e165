/** The figures of the recovery bench, beside what they shall be. */
import chalk from "chalk";
import type { Percentiles } from "../percentiles.js";
import type { ServerDeath } from "./server-death.js";
import type { Storm } from "./storm.js";

export interface Storms {
  /** Everybody of one server. */
  readonly server: Storm;
  /** Everybody, once the process was ready again. */
  readonly process: Storm;
  /** From its start until it was, in milliseconds. */
  readonly readyMs: number;
}

export interface RecoveryOptions {
  readonly clients: number;
  readonly rounds: number;
  readonly storm: number;
  readonly servers: number;
  readonly rate: number;
  readonly json: boolean;
}

export interface RecoveryResult extends RecoveryOptions {
  readonly deaths: readonly ServerDeath[];
  /** Of all people of all rounds, in milliseconds. */
  readonly back: Percentiles;
  readonly messages: { readonly accepted: number; readonly refused: number; readonly lost: number };
  readonly storms: Storms | null;
  readonly load: number;
}

/** What is wanted, in milliseconds. */
const BACK_MS = 3000;
const PART_MS = 5000;

/** @returns whether every goal is reached */
export function report(result: RecoveryResult): boolean {
  const { clients, rounds, servers, rate, deaths, back, messages, storms, load } = result;
  const part = deaths.map(({ partMs }) => partMs);
  const again = deaths.reduce((sum, death) => sum + death.again, 0);
  const collapsed = storms === null ? 0 : storms.server.again + storms.process.again;
  const misses = [
    back.p99 < BACK_MS
      ? null
      : `people are back after ${seconds(back.p99)} (p99); the goal is ${seconds(BACK_MS)}`,
    Math.max(...part) < PART_MS
      ? null
      : `a server takes part after ${seconds(Math.max(...part))}; the goal is ${seconds(PART_MS)}`,
    again + collapsed === 0 ? null : `${again + collapsed} sessions were lost a second time`,
    messages.lost === 0 ? null : `${messages.lost} accepted messages did not arrive`,
  ].filter((miss) => miss !== null);
  if (result.json) {
    console.log(
      JSON.stringify({
        run: { clients, rounds, storm: result.storm, servers, rate, node: process.version },
        load,
        backMs: back,
        partMs: { max: Math.max(...part), each: part },
        again,
        deaths,
        storms,
        messages,
        misses,
      }),
    );
    return misses.length === 0;
  }
  console.log(chalk.bold("                           p50 s    p99 s    max s"));
  console.log(row("people are back", back.p50, back.p99, back.max));
  for (const [name, of] of [
    ["the server is ready", "readyMs"],
    ["  stands in the view", "inViewMs"],
    ["  takes part", "partMs"],
  ] as const) {
    const times = deaths.map((death) => death[of]).sort((a, b) => a - b);
    console.log(row(name, times[(times.length - 1) >> 1] ?? 0, undefined, times.at(-1) ?? 0));
  }
  if (storms !== null) {
    console.log(chalk.bold("storm                    devices  all back s  most a second  lost again"));
    console.log(stormRow("a server died", storms.server));
    console.log(stormRow(`process ready (${seconds(storms.readyMs)})`, storms.process));
    for (const [name, storm] of [
      ["server", storms.server],
      ["process", storms.process],
    ] as const) {
      console.log(
        chalk.dim(
          `  ${name}: not let in at once ${told(storm.failures)}; longest loop delay ms ${told(storm.loopDelayMaxMs)}`,
        ),
      );
    }
  }
  console.log(
    `messages: ${messages.accepted} accepted, ${messages.lost} lost; load average ${load.toFixed(1)}`,
  );
  for (const miss of misses) console.log(chalk.red(miss));
  return misses.length === 0;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function row(name: string, p50: number, p99: number | undefined, max: number): string {
  const cell = (ms: number | undefined): string =>
    (ms === undefined ? "" : (ms / 1000).toFixed(2)).padStart(8);
  return `${name.padEnd(24)} ${cell(p50)} ${cell(p99)} ${cell(max)}`;
}

function stormRow(name: string, { hit, allBackMs, mostInASecond, again }: Storm): string {
  return `${name.padEnd(24)} ${String(hit).padStart(7)} ${(allBackMs / 1000).toFixed(2).padStart(11)} ${String(mostInASecond).padStart(14)} ${String(again).padStart(11)}`;
}

function told(counts: Readonly<Record<string, number | undefined>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
