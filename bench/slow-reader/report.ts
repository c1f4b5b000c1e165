/** The figures of the slow-reader bench, beside what they shall be. */
import chalk from "chalk";
import type { Percentiles } from "../percentiles.js";
import type { FloodOutcome } from "./flood.js";

/** Who is sent the many messages: somebody who reads, who is not there, who is there and never reads. */
export const SIDES = ["reading", "away", "stuck"] as const;
export type Side = (typeof SIDES)[number];

const NAMES: Readonly<Record<Side, string>> = {
  reading: "all read",
  away: "one is away",
  stuck: "one never reads",
};

/** At the end of a round, and the most within it. */
export interface Memory {
  readonly rssBytes: number;
  readonly rssPeakBytes: number;
  /** Of all chat servers together, the most of each. */
  readonly heapBytes: number;
  readonly externalBytes: number;
}

export interface SlowReaderOptions {
  readonly messages: number;
  readonly rounds: number;
  readonly pace: number;
  readonly pairs: number;
  readonly rate: number;
  readonly size: number;
  readonly servers: number;
  readonly refusals: boolean;
  readonly json: boolean;
}

export interface SlowReaderResult extends SlowReaderOptions {
  /** Other people's messages, from sending to being delivered, in milliseconds. */
  readonly others: Readonly<Record<Side, Percentiles>>;
  readonly memory: Readonly<Record<Side, readonly Memory[]>>;
  readonly outcomes: readonly FloodOutcome[];
  /** What came to the one who did not read, once they did. */
  readonly drained: { readonly received: number; readonly repeated: number; readonly reordered: number };
  /** With the default limit. */
  readonly withDefault: FloodOutcome | null;
  readonly load: number;
}

/** Others may be slower by so much; in a quiet run the two differ by less. */
const HARM = 1.5;
const HARM_FLOOR_MS = 10;
/** Of the bytes that were sent and not read, so much of memory may be gone from the first round to the last. */
const GROWTH = 0.25;

/** @returns whether every goal is reached */
export function report(result: SlowReaderResult): boolean {
  const { others, memory, outcomes, drained, withDefault } = result;
  const stored = outcomes.reduce((sum, { stored: more, acknowledged }) => sum + more + acknowledged, 0);
  const refused = outcomes.reduce((sum, { queueFull, other }) => sum + queueFull + other, 0);
  // Two thirds of a message are the envelope; the rest is the wrapped key and what names it.
  const unreadBytes = stored * (result.size + 350);
  const [first, last] = [memory.stuck[0]?.rssPeakBytes ?? 0, memory.stuck.at(-1)?.rssPeakBytes ?? 0];
  const bound = Math.max(others.reading.p99 * HARM, others.reading.p99 + HARM_FLOOR_MS);
  const misses = [
    others.stuck.p99 <= bound
      ? null
      : `others' p99 is ${others.stuck.p99.toFixed(1)} ms, with a reader ${others.reading.p99.toFixed(1)} ms`,
    last - first <= GROWTH * unreadBytes
      ? null
      : `memory grew by ${mib(last - first)} MiB over ${mib(unreadBytes)} MiB of messages that nobody read`,
    refused === 0 ? null : `${refused} messages were refused`,
    drained.received === stored && drained.reordered === 0
      ? null
      : `of ${stored} messages ${drained.received} came once they were read, ${drained.reordered} out of order`,
    withDefault === null || (withDefault.queueFull > 0 && withDefault.other === 0)
      ? null
      : "nothing was refused with the default limit",
  ].filter((miss) => miss !== null);
  if (result.json) {
    const { messages, rounds, pace, pairs, rate, size, servers, load } = result;
    const run = { messages, rounds, pace, pairs, rate, size, servers, node: process.version };
    console.log(JSON.stringify({ run, load, others, memory, outcomes, drained, withDefault, misses }));
    return misses.length === 0;
  }
  console.log(chalk.bold("others' messages         p50 ms    p99 ms    max ms"));
  for (const side of SIDES) console.log(row(NAMES[side], others[side]));
  console.log(chalk.bold("memory, MiB             process      peak  chat heaps  chat buffers"));
  for (const side of SIDES) {
    for (const [index, one] of memory[side].entries()) {
      console.log(memoryRow(`${NAMES[side]}, ${index + 1}`, one));
    }
  }
  console.log(
    `${stored} messages waited; ${drained.received} came once they were read, ${drained.repeated} of them again; load average ${result.load.toFixed(1)}`,
  );
  if (withDefault !== null) {
    console.log(
      `default limit: ${withDefault.stored + withDefault.acknowledged} taken, ${withDefault.queueFull} refused with queueFull`,
    );
  }
  for (const miss of misses) console.log(chalk.red(miss));
  return misses.length === 0;
}

function row(name: string, { p50, p99, max }: Percentiles): string {
  const cells = [p50, p99, max].map((ms) => ms.toFixed(1).padStart(9));
  return `${name.padEnd(21)} ${cells.join(" ")}`;
}

function memoryRow(name: string, { rssBytes, rssPeakBytes, heapBytes, externalBytes }: Memory): string {
  return `${name.padEnd(21)} ${mib(rssBytes).padStart(9)} ${mib(rssPeakBytes).padStart(9)} ${mib(heapBytes).padStart(11)} ${mib(externalBytes).padStart(13)}`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
