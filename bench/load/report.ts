/** The report of a run as programs read it, made of what was measured. */
import type { Violation } from "../history/verdict.js";
import { actText } from "./acts.js";
import { actsOf, evennessOf, latencyBySecond } from "./course.js";
import { PEOPLE, type ServerSample } from "./gauges.js";
import { chanceCv, spreadOf, type Spread } from "../../src/lb/spread.js";
import type { LatencyFigures } from "./latencies.js";
import { DEFAULT_SERVERS, DEFAULT_STRATEGY, type LoadOptions } from "./options.js";
import { REPORT_VERSION, type LoadReportFile, type ServerFigures } from "./report-schema.js";
import type { RunResult } from "./run-result.js";

/** Of fewer, the memory that they take is less than what the process takes and gives back by itself meanwhile. */
const ENOUGH_SESSIONS = 200;

/** Below this share of the offered rate a run has not reached it. */
const REACHED = 0.95;

export function reportOf(options: LoadOptions, result: RunResult): LoadReportFile {
  const { throughput, placed, memory, verdict, plan, interruptedAt } = result;
  const evenness = evennessOf(result.fleet);
  const { [PEOPLE]: clients = 0, ...system } = result.cores;
  const servers = serverFigures(options, result);
  const offered = perSecond(throughput.planned, throughput.seconds);
  const achieved = perSecond(throughput.accepted, throughput.seconds);
  const connections = Object.values(placed).reduce((sum, count) => sum + count, 0);
  return {
    version: REPORT_VERSION,
    run: {
      release: result.release,
      startedAt: result.startedAt.toISOString(),
      command: commandOf(options),
      options: plainOptions(options),
      machine: result.machine,
      loadToldBy: options.server === undefined ? "servers" : "clients",
      laboratory: peculiarities(options),
      interruptedAt: result.interruptedAt === null ? null : result.interruptedAt / 1000,
      tookMs: result.took,
    },
    throughput: { offered, achieved, reached: achieved >= REACHED * offered },
    check: verdict.counts,
    violations: verdict.violations.map(violationOf),
    problems: [...result.problems],
    latencyMs: {
      endToEnd: withoutCount(result.endToEnd),
      accepted: withoutCount(result.accepted),
      handedOver: withoutCount(result.lateness),
      login: result.logins.count === 0 ? null : withoutCount(result.logins),
    },
    spread: spreads(servers, connections),
    servers,
    cpu: { system, clients, cryptography: result.crypto, series: [...result.cpuSamples] },
    memory:
      memory === null || connections < ENOUGH_SESSIONS || memory.connected <= memory.before
        ? null
        : {
            perConnectionBytes: Math.round((memory.connected - memory.before) / connections),
            connectedBytes: memory.connected,
          },
    acts: actsOf(result.acts, interruptedAt ?? plan.measured.to, plan, result.events, evenness),
    evenness,
    latencySeries: latencyBySecond(plan, result.events),
    series: [...result.samples],
  };
}

/** Faults are another command's: here nothing is broken on purpose. */
function violationOf(violation: Violation): LoadReportFile["violations"][number] {
  const { kind, message, other, account, device, sentAt, acceptedAt, receivedAt, detail } = violation;
  return { kind, message, other, account, device, sentAt, acceptedAt, receivedAt, detail };
}

function spreads(servers: readonly ServerFigures[], connections: number): LoadReportFile["spread"] {
  const of = (what: "connections" | "messages" | "bytes"): Spread =>
    spreadOf(servers.map((server) => server[what]));
  const ifTold = (what: "mailboxes" | "loopDelayP99Ms" | "utilization" | "cores"): Spread | null => {
    const shares = servers.map((server) => server[what]).filter((share) => share !== null);
    return servers.length > 0 && shares.length === servers.length ? spreadOf(shares) : null;
  };
  const total = (what: "messages" | "mailboxes"): number =>
    servers.reduce((sum, server) => sum + (server[what] ?? 0), 0);
  const mailboxes = ifTold("mailboxes");
  // Bytes are as many things as the messages that they belong to.
  const messages = chanceCv(servers.length, total("messages"));
  return {
    connections: of("connections"),
    messages: of("messages"),
    bytes: of("bytes"),
    mailboxes,
    loopDelayP99Ms: ifTold("loopDelayP99Ms"),
    utilization: ifTold("utilization"),
    cores: ifTold("cores"),
    chanceCv: {
      connections: chanceCv(servers.length, connections),
      messages,
      bytes: messages,
      mailboxes: mailboxes === null ? null : chanceCv(servers.length, total("mailboxes")),
    },
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
      ? Array.from({ length: options.servers ?? DEFAULT_SERVERS }, (_, index) => `chat-${index + 1}`)
      : Object.keys(result.placed);
  return names.map((server): ServerFigures => {
    const own = measured.filter((sample) => sample.server === server);
    const sum = (value: (sample: ServerSample) => number): number =>
      Math.round(own.reduce((total, sample) => total + value(sample), 0));
    const told = (value: (sample: ServerSample) => number | null): number[] =>
      own.map(value).filter((figure) => figure !== null);
    const delays = told(({ loopDelayP99Ms }) => loopDelayP99Ms);
    const busy = told(({ utilization }) => utilization);
    return {
      server,
      connections: result.placed[server] ?? 0,
      mailboxes: result.mailboxes[server] ?? null,
      // Samples are a second's worth each.
      messages: sum(({ messagesIn, messagesOut }) => messagesIn + messagesOut),
      bytes: sum(({ bytesIn, bytesOut }) => bytesIn + bytesOut),
      loopDelayP99Ms: delays.length === 0 ? null : Math.max(...delays),
      utilization: busy.length === 0 ? null : busy.reduce((total, one) => total + one, 0) / busy.length,
      cores: result.cores[server] ?? null,
    };
  });
}

function perSecond(count: number, seconds: number): number {
  return seconds === 0 ? 0 : count / seconds;
}

function withoutCount({ p50, p90, p99, p999, max }: LatencyFigures): Omit<LatencyFigures, "count"> {
  return { p50, p90, p99, p999, max };
}

/** How to do the same again. An address of a database may hold a password, and is left out. */
function commandOf(options: LoadOptions): string {
  const { server, database, workload, zipf, groupSizes, slow, act, arrive } = options;
  const { size, servers, strategy } = plainOptions(options);
  const flags: [string, string | number | null][] = [
    ["clients", options.clients],
    ["server", server ?? null],
    ["servers", servers],
    ["strategy", strategy],
    ["workload", workload],
    ["zipf", workload === "zipf" ? zipf : null],
    ["group-sizes", workload === "groups" ? groupSizes.join(",") : null],
    ["rate", options.rate],
    ["seconds", options.seconds],
    ["warmup", options.warmup],
    ["size", size.least === size.most ? size.least : `${size.least}-${size.most}`],
    ["rsa-bits", options["rsa-bits"]],
    ["offline", options.offline === 0 ? null : options.offline],
    ["arrive", arrive ?? null],
    ...slow.map(([name, factor]): [string, string] => ["slow", `${name}:${factor}`]),
    ...act.map((one): [string, string] => ["act", `'${one.seconds}:${actText(one)}'`]),
    ["database", database === undefined ? null : "…"],
    ["seed", options.seed],
    ["threads", options.threads],
  ];
  const told = flags.filter(([, value]) => value !== null).map(([name, value]) => `--${name} ${value}`);
  return `npm run bench -- load ${told.join(" ")}`;
}

function plainOptions(options: LoadOptions): LoadReportFile["run"]["options"] {
  const { server, database, slow } = options;
  const joined = server !== undefined;
  return {
    clients: options.clients,
    server: server ?? null,
    servers: joined ? null : (options.servers ?? DEFAULT_SERVERS),
    strategy: joined ? null : (options.strategy ?? DEFAULT_STRATEGY),
    workload: options.workload,
    zipf: options.zipf,
    groupSizes: [...options.groupSizes],
    rate: options.rate,
    seconds: options.seconds,
    warmup: options.warmup,
    size: options.size,
    "rsa-bits": options["rsa-bits"],
    offline: options.offline,
    slow: Object.fromEntries(slow),
    act: options.act.map((act) => `${act.seconds}:${actText(act)}`),
    arrive: options.arrive ?? null,
    database: joined ? "unknown" : database === undefined ? "embedded" : "PostgreSQL",
    seed: options.seed,
    threads: options.threads,
  };
}

function peculiarities({ server, "rsa-bits": bits, slow }: LoadOptions): string[] {
  const people = [
    `People's RSA keys (${bits} bits) come from a pool that was made before.`,
    "People's devices are in memory: nothing of theirs is written to a disk.",
  ];
  if (server !== undefined) {
    return [
      `The system was running already at ${server}, and was joined: its strategy, limits, databases and machine are its own.`,
      "What is told of its servers is what the simulated people saw: sessions, messages and bytes of their own, on those servers that they were sent to.",
      ...people,
    ];
  }
  return [
    "Everything runs on one machine, over its loopback: system and people share its cores.",
    ...people,
    "Passwords are hashed with Argon2id of 8 KiB and one pass; a service asks for 64 MiB and three.",
    "Limits for each network address are lifted: everybody comes from one.",
    ...slow.map(([name, factor]) => `${name} took ${factor} times as long for everything.`),
  ];
}
