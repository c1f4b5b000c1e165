/** What was measured of logins, on a terminal. */
import chalk from "chalk";
import type { Names } from "./names.js";
import type { Rate } from "./rates.js";
import type { Rush } from "./rush.js";
import type { RoundOfLogins } from "./through-service.js";

/** Logins of all rounds together. */
export interface LoginFigures {
  readonly perSecond: number;
  /** CPU of the side that is measured, in microseconds a login. */
  readonly cpuMicros: number;
}

export interface LoginReport {
  readonly run: {
    readonly logins: number;
    readonly rounds: number;
    readonly connections: number;
    readonly opaqueThreads: number;
    readonly node: string;
    readonly loadAverage: number;
  };
  readonly placement: Rate;
  readonly card: Rate;
  readonly service: LoginFigures;
  readonly opaqueAlone: LoginFigures;
  /** Logins a second of the service by those of the library alone. */
  readonly ratio: number;
  /** CPU for a login of the library alone by that of the service. */
  readonly cpuRatio: number;
  /** What the clients computed between the steps, in microseconds of one core a login; not part of the rates. */
  readonly clientMicros: number;
  readonly rush: Rush;
  /** Placements while nobody logs in. */
  readonly atRest: { readonly p50Ms: number; readonly p99Ms: number };
  readonly names: Names;
}

export function figuresOf(rounds: readonly RoundOfLogins[]): LoginFigures {
  const sum = (value: (round: RoundOfLogins) => number): number =>
    rounds.reduce((total, round) => total + value(round), 0);
  const logins = sum((round) => round.logins);
  return {
    perSecond: (1000 * logins) / sum(({ startMs, finishMs }) => startMs + finishMs),
    cpuMicros: (1000 * sum(({ cpuMs }) => cpuMs)) / logins,
  };
}

export function linesOf(report: LoginReport): string {
  const { placement, card, service, opaqueAlone, rush, atRest, names } = report;
  const cells = (name: string, ...values: readonly string[]): string =>
    name.padEnd(34) + values.map((value) => value.padStart(12)).join("");
  const rate = (name: string, { perSecond, p50Ms, p99Ms }: Rate): string =>
    cells(name, perSecond.toFixed(0), p50Ms.toFixed(1), p99Ms.toFixed(1));
  const logins = (name: string, { perSecond, cpuMicros }: LoginFigures): string =>
    cells(name, perSecond.toFixed(0), cpuMicros.toFixed(0));
  return [
    chalk.bold(cells("", "requests/s", "p50 ms", "p99 ms")),
    rate("placement", placement),
    rate("card", card),
    "",
    chalk.bold(cells("", "logins/s", "CPU µs each")),
    logins("through the service", service),
    logins("the OPAQUE library alone", opaqueAlone),
    `ratio ${report.ratio.toFixed(3)} (logins/s), ${report.cpuRatio.toFixed(3)} (CPU); clients computed ${report.clientMicros.toFixed(0)} µs a login, which is in neither`,
    "",
    chalk.bold(cells("a placement", "p50 ms", "p99 ms", "max ms")),
    cells("while nobody logs in", atRest.p50Ms.toFixed(1), atRest.p99Ms.toFixed(1)),
    cells(
      `while ${rush.people} log in at once`,
      rush.latency.p50.toFixed(1),
      rush.latency.p99.toFixed(1),
      rush.latency.max.toFixed(1),
    ),
    `${rush.placements} placements in ${rush.rushes} rushes of ${(rush.ms / 1000).toFixed(2)} s until all were in`,
    "",
    chalk.bold(cells("first step of a login", "p50 ms", "p99 ms")),
    cells("known name", names.known.p50Ms.toFixed(2), names.known.p99Ms.toFixed(2)),
    cells("unknown name", names.unknown.p50Ms.toFixed(2), names.unknown.p99Ms.toFixed(2)),
    `the medians differ by ${(100 * names.difference).toFixed(1)} %`,
  ].join("\n");
}
