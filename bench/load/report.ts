/** The report of a run as programs read it: docs/LABORATORY.md says what each figure means. Its form is stable within a version. */
import { chanceCv, spreadOf, type Spread } from "./measures.js";
import type { LatencyFigures } from "./latencies.js";
import type { LoadOptions } from "./options.js";
import type { MachineFacts, RunResult } from "./run.js";
import type { ServerSample } from "./gauges.js";
import type { Violation } from "../history/verdict.js";

/** Grows with every change that a reader of the last version would trip over. */
export const REPORT_VERSION = 1;

/** Below this share of the offered rate a run has not reached it. */
const REACHED = 0.95;

type Milliseconds = Omit<LatencyFigures, "count">;

export interface ServerFigures {
  readonly server: string;
  /** When all were connected, before anybody wrote. */
  readonly connections: number;
  /** Accounts whose mailbox was in its memory then; `null` for a system that was joined. */
  readonly mailboxes: number | null;
  /** In and out, over the measured time; `null` for a system that was joined. */
  readonly messages: number | null;
  readonly bytes: number | null;
  readonly loopDelayP99Ms: number | null;
  readonly utilization: number | null;
  /** CPU of the thread, in cores. */
  readonly cores: number | null;
}

export interface LoadReportFile {
  readonly version: typeof REPORT_VERSION;
  readonly run: {
    readonly release: string;
    readonly startedAt: string;
    readonly command: string;
    readonly options: Omit<LoadOptions, "json" | "out" | "database" | "archive-database" | "slow"> & {
      readonly database: "embedded" | "PostgreSQL" | "unknown";
      readonly slow: Readonly<Record<string, number>>;
    };
    readonly machine: MachineFacts;
    /** What makes it another thing than people's own use. */
    readonly laboratory: readonly string[];
    /** Seconds into the plan at which it was ended by hand; `null` if it was not. */
    readonly interruptedAt: number | null;
    readonly tookMs: Readonly<Record<string, number>>;
  };
  /** Messages a second of the measured time. `reached`: whether almost as many were accepted as were offered. */
  readonly throughput: { readonly offered: number; readonly achieved: number; readonly reached: boolean };
  readonly check: {
    readonly sent: number;
    readonly accepted: number;
    readonly received: number;
    readonly lost: number;
    readonly duplicated: number;
    readonly reordered: number;
    readonly invented: number;
  };
  readonly violations: readonly Violation[];
  readonly problems: readonly string[];
  readonly latencyMs: {
    /** From the moment a message should have been sent until its recipient's client had decrypted it. */
    readonly endToEnd: Milliseconds;
    /** Until the service had accepted it. */
    readonly accepted: Milliseconds;
    /** Until it was handed to its sender's client: how far this machine was behind the plan. */
    readonly handedOver: Milliseconds;
  };
  readonly spread: {
    readonly connections: Spread;
    readonly messages: Spread | null;
    readonly bytes: Spread | null;
    readonly mailboxes: Spread | null;
    /** Coefficients of variation that chance alone would give. */
    readonly chanceCv: {
      readonly connections: number;
      readonly messages: number;
      readonly mailboxes: number;
    };
  };
  readonly servers: readonly ServerFigures[];
  readonly cpu: {
    /** Threads of the system, in cores, and `process` for all of it. */
    readonly system: Readonly<Record<string, number>>;
    /** The process of the simulated people, in cores. */
    readonly clients: number;
    /** Calls of cryptographic primitives by clients over the whole run, and the time that they took, waiting for a thread included. */
    readonly cryptography: { readonly ms: number; readonly calls: number };
  };
  readonly memory: { readonly perConnectionBytes: number; readonly connectedBytes: number } | null;
  /** Each server, second by second, from the beginning of the warm-up. */
  readonly series: readonly ServerSample[];
}

export function reportOf(options: LoadOptions, result: RunResult): LoadReportFile {
  const { throughput, plan, placed, memory, verdict } = result;
  const servers = serverFigures(options, result);
  const offered = perSecond(throughput.planned, throughput.seconds);
  const achieved = perSecond(throughput.accepted, throughput.seconds);
  const connections = Object.values(placed).reduce((sum, count) => sum + count, 0);
  const known = servers.every(({ messages }) => messages !== null);
  const spread = (of: "messages" | "bytes" | "mailboxes"): Spread | null =>
    known ? spreadOf(servers.map((server) => server[of] ?? 0)) : null;
  return {
    version: REPORT_VERSION,
    run: {
      release: result.release,
      startedAt: result.startedAt.toISOString(),
      command: commandOf(options),
      options: plainOptions(options),
      machine: result.machine,
      laboratory: peculiarities(options),
      interruptedAt: result.interruptedAt === null ? null : result.interruptedAt / 1000,
      tookMs: result.took,
    },
    throughput: { offered, achieved, reached: achieved >= REACHED * offered },
    check: verdict.counts,
    violations: verdict.violations,
    problems: result.problems,
    latencyMs: {
      endToEnd: withoutCount(result.endToEnd),
      accepted: withoutCount(result.accepted),
      handedOver: withoutCount(result.lateness),
    },
    spread: {
      connections: spreadOf(servers.map((server) => server.connections)),
      messages: spread("messages"),
      bytes: spread("bytes"),
      mailboxes: spread("mailboxes"),
      chanceCv: {
        connections: chanceCv(servers.length, connections),
        messages: chanceCv(servers.length, throughput.planned),
        mailboxes: chanceCv(servers.length, plan.people.length),
      },
    },
    servers,
    cpu: { system: result.systemCores, clients: result.clientCores, cryptography: result.crypto },
    memory:
      memory === null || connections === 0
        ? null
        : {
            perConnectionBytes: Math.round((memory.connected - memory.before) / connections),
            connectedBytes: memory.connected,
          },
    series: result.samples,
  };
}

/** Whether the run shows what a run must: nothing lost, doubled, reordered or invented, and nothing unforeseen. */
export function isClean({ check, problems }: LoadReportFile): boolean {
  const { lost, duplicated, reordered, invented } = check;
  return lost + duplicated + reordered + invented + problems.length === 0;
}

function serverFigures(options: LoadOptions, result: RunResult): ServerFigures[] {
  const { from, to } = result.plan.measured;
  const measured = result.samples.filter(({ at }) => at > from && at <= to);
  const names =
    options.server === undefined
      ? Array.from({ length: options.servers }, (_, index) => `chat-${index + 1}`)
      : Object.keys(result.placed);
  return names.map((server): ServerFigures => {
    const own = measured.filter((sample) => sample.server === server);
    const joined = options.server !== undefined;
    const sum = (value: (sample: ServerSample) => number): number | null =>
      joined ? null : Math.round(own.reduce((total, sample) => total + value(sample), 0));
    return {
      server,
      connections: result.placed[server] ?? 0,
      mailboxes: joined ? null : (result.mailboxes[server] ?? 0),
      messages: sum(({ messagesIn, messagesOut }) => messagesIn + messagesOut),
      bytes: sum(({ bytesIn, bytesOut }) => bytesIn + bytesOut),
      loopDelayP99Ms: joined ? null : Math.max(0, ...own.map(({ loopDelayP99Ms }) => loopDelayP99Ms)),
      utilization:
        joined || own.length === 0
          ? null
          : own.reduce((total, { utilization }) => total + utilization, 0) / own.length,
      cores: result.systemCores[server] ?? null,
    };
  });
}

function perSecond(count: number, seconds: number): number {
  return seconds === 0 ? 0 : count / seconds;
}

function withoutCount({ p50, p90, p99, p999, max }: LatencyFigures): Milliseconds {
  return { p50, p90, p99, p999, max };
}

/** How to do the same again. An address of a database may hold a password, and is left out. */
function commandOf(options: LoadOptions): string {
  const flags = OPTION_NAMES.filter((name) => options[name] !== undefined).map(
    (name) => `--${name} ${String(options[name])}`,
  );
  if (options.workload === "groups") flags.push(`--group-sizes ${options.groupSizes.join(",")}`);
  for (const [server, factor] of options.slow) flags.push(`--slow ${server}:${factor}`);
  if (options.database !== undefined) flags.push("--database …");
  return `npm run bench -- load ${flags.join(" ")}`;
}

const OPTION_NAMES = [
  "clients",
  "servers",
  "server",
  "strategy",
  "workload",
  "zipf",
  "rate",
  "seconds",
  "warmup",
  "size",
  "rsa-bits",
  "offline",
  "seed",
  "threads",
] as const satisfies readonly (keyof LoadOptions)[];

function plainOptions(options: LoadOptions): LoadReportFile["run"]["options"] {
  const { server, database, slow } = options;
  const plain = Object.fromEntries(OPTION_NAMES.map((name) => [name, options[name]])) as Pick<
    LoadOptions,
    (typeof OPTION_NAMES)[number]
  >;
  return {
    ...plain,
    groupSizes: options.groupSizes,
    database: server !== undefined ? "unknown" : database === undefined ? "embedded" : "PostgreSQL",
    slow: Object.fromEntries(slow),
  };
}

function peculiarities({ server, "rsa-bits": bits }: LoadOptions): string[] {
  const always = [
    "Everything runs on one machine, over its loopback: system and people share its cores.",
    `People's RSA keys (${bits} bits) come from a pool that was made before.`,
    "People's devices are in memory: nothing of theirs is written to a disk.",
  ];
  return server !== undefined
    ? always
    : [
        ...always,
        "Passwords are hashed with Argon2id of 8 KiB and one pass; a service asks for 64 MiB and three.",
        "Limits for each network address are lifted: everybody comes from one.",
      ];
}
