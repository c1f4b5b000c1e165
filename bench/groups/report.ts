/** The figures of the groups bench, beside what they shall be. */
import chalk from "chalk";
import { Times, type Percentiles } from "../percentiles.js";
import type { Written } from "./author.js";
import type { Cost } from "./costs.js";

export interface GroupsOptions {
  readonly sizes: string;
  readonly rounds: number;
  readonly deliveries: number;
  readonly offline: number;
  readonly bytes: number;
  readonly servers: number;
  readonly growth: number;
  readonly json: boolean;
}

/** What one size of group took, over all rounds. */
export interface SizeSummary {
  readonly members: number;
  readonly messages: number;
  /** Bytes of a message as its author sends it. */
  readonly frameBytes: number;
  /** From the beginning of each message, in milliseconds. */
  readonly handedOverMs: Percentiles;
  readonly acceptedMs: Percentiles;
  readonly lastHasItMs: Percentiles;
  /** For each recipient of each message, beyond what the idle system spends, in microseconds of CPU. */
  readonly processCpuMicros: number;
  readonly chatCpuMicros: number;
  /** For each message, likewise. */
  readonly linkBytes: number;
}

export class SizeFigures {
  readonly #handedOver = new Times();
  readonly #accepted = new Times();
  readonly #lastHasIt = new Times();
  #frameBytes = 0;
  #messages = 0;
  #processCpuMicros = 0;
  #chatCpuMicros = 0;
  #linkBytes = 0;

  /** @param size members, the author included */
  constructor(readonly size: number) {}

  wrote({ handedOverMs, acceptedMs, frameBytes }: Written, lastHasItMs: number): void {
    this.#handedOver.recordMs(handedOverMs);
    this.#accepted.recordMs(acceptedMs);
    this.#lastHasIt.recordMs(lastHasItMs);
    this.#frameBytes = frameBytes;
    this.#messages += 1;
  }

  /** @param idle what the system spends when nobody writes */
  spend(cost: Cost, idle: Cost): void {
    const share = cost.ms / idle.ms;
    this.#processCpuMicros += cost.processCpuMicros - idle.processCpuMicros * share;
    this.#chatCpuMicros += cost.chatCpuMicros - idle.chatCpuMicros * share;
    this.#linkBytes += cost.linkBytes - idle.linkBytes * share;
  }

  sum(): SizeSummary {
    const deliveries = this.#messages * (this.size - 1);
    return {
      members: this.size,
      messages: this.#messages,
      frameBytes: this.#frameBytes,
      handedOverMs: this.#handedOver.percentiles(),
      acceptedMs: this.#accepted.percentiles(),
      lastHasItMs: this.#lastHasIt.percentiles(),
      processCpuMicros: this.#processCpuMicros / deliveries,
      chatCpuMicros: this.#chatCpuMicros / deliveries,
      linkBytes: this.#linkBytes / this.#messages,
    };
  }
}

/** By how much the servers' cost for a recipient grows between these. */
const FROM = 10;
const TO = 1000;

/** @returns whether every goal is reached */
export function report({
  options,
  figures,
  repeated,
  load,
}: {
  readonly options: GroupsOptions;
  readonly figures: readonly SizeSummary[];
  readonly repeated: number;
  readonly load: number;
}): boolean {
  const [small, large] = [FROM, TO].map((size) => figures.find(({ members }) => members === size));
  const growth =
    small === undefined || large === undefined
      ? null
      : {
          process: large.processCpuMicros / small.processCpuMicros - 1,
          chat: large.chatCpuMicros / small.chatCpuMicros - 1,
        };
  const reached = growth === null || Math.max(growth.process, growth.chat) <= options.growth;
  if (options.json) {
    const { sizes, rounds, deliveries, offline, bytes, servers } = options;
    const run = { sizes, rounds, deliveries, offline, bytes, servers, node: process.version, load };
    console.log(JSON.stringify({ run, figures, growth, repeated, reached }));
    return reached;
  }
  console.log(
    chalk.bold(
      "members  messages  frame B  handed over p50/p99 ms  accepted p50/p99 ms  last has it p50/p99 ms  CPU µs/recipient (chat)  link B/message",
    ),
  );
  for (const one of figures) console.log(row(one));
  if (growth === null) {
    console.log(`how the cost of a recipient grows is told where --sizes has both ${FROM} and ${TO}`);
  } else {
    const of = (value: number): string => `${value > 0 ? "+" : ""}${(value * 100).toFixed(0)} %`;
    console.log(
      `from ${FROM} to ${TO} members a recipient costs the servers ${of(growth.process)} (chat servers alone ${of(growth.chat)}); ` +
        `at most ${of(options.growth)} is wanted: ${reached ? chalk.green("reached") : chalk.red("not reached")}`,
    );
  }
  console.log(`${repeated} deliveries repeated; load average ${load.toFixed(1)}`);
  return reached;
}

function row(one: SizeSummary): string {
  const pair = ({ p50, p99 }: Percentiles, width: number): string =>
    `${p50.toFixed(1)} / ${p99.toFixed(1)}`.padStart(width);
  return [
    String(one.members).padStart(7),
    String(one.messages).padStart(8),
    String(one.frameBytes).padStart(7),
    pair(one.handedOverMs, 22),
    pair(one.acceptedMs, 19),
    pair(one.lastHasItMs, 22),
    `${one.processCpuMicros.toFixed(1)} (${one.chatCpuMicros.toFixed(1)})`.padStart(23),
    one.linkBytes.toFixed(0).padStart(14),
  ].join("  ");
}
