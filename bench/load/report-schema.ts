/**
 * The form of `report.json`, as a type and as a JSON Schema: docs/load-report.schema.json is this one, written out, and
 * docs/LABORATORY.md says how each figure is taken. Within a version fields may come; none goes or changes its meaning.
 */
import Type, { type Static, type TSchema } from "#typebox";
import { WORKLOADS } from "./plan.js";

/** Grows with every change that a reader of the last version would trip over. */
export const REPORT_VERSION = 1;

const Figure = (description: string) => Type.Number({ description });
const Count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) });
const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const ByName = (description: string) => Type.Record(Type.String(), Type.Number(), { description });

const Milliseconds = Type.Object({
  p50: Type.Number(),
  p90: Type.Number(),
  p99: Type.Number(),
  p999: Type.Number(),
  max: Type.Number(),
});

const SpreadSchema = Type.Object({
  maxOverMean: Type.Number(),
  maxMinusMean: Type.Number(),
  cv: Type.Number(),
  jain: Type.Number(),
  gini: Type.Number(),
});

const Options = Type.Object({
  clients: Count(),
  server: OrNull(
    Type.String({ description: "Address of the system that was joined; null: one was started" }),
  ),
  servers: OrNull(Count("Null where the system was joined; likewise strategy")),
  strategy: OrNull(Type.String()),
  workload: Type.Enum([...WORKLOADS]),
  zipf: Type.Number(),
  groupSizes: Type.Array(Count()),
  rate: Type.Number(),
  seconds: Type.Number(),
  warmup: Type.Number(),
  size: Type.Object({ least: Count(), most: Count() }),
  "rsa-bits": Count(),
  offline: Type.Number(),
  slow: ByName("Servers and how many times as long they took"),
  act: Type.Array(Type.String(), {
    description: "What was to be done to the system: seconds into the measured time, and what",
  }),
  arrive: OrNull(
    Figure("Seconds over which people logged in one after the other; null: all connected at once"),
  ),
  database: Type.Enum(["embedded", "PostgreSQL", "unknown"]),
  seed: Count(),
  threads: Count(),
});

const Run = Type.Object({
  release: Type.String(),
  startedAt: Type.String({ description: "ISO 8601" }),
  command: Type.String({ description: "Does the same again" }),
  options: Options,
  machine: Type.Object({
    cpu: Type.String(),
    cores: Count(),
    memoryBytes: Count(),
    platform: Type.String(),
    node: Type.String(),
    loadAverage: Figure("Of one minute, before anything was started"),
  }),
  loadToldBy: Type.Enum(["servers", "clients"], {
    description: "clients: the system was joined, and its load is what the simulated people saw of it",
  }),
  laboratory: Type.Array(Type.String(), { description: "What makes it another thing than people's own use" }),
  interruptedAt: OrNull(Figure("Seconds into the plan at which it was ended by hand")),
  tookMs: ByName("Parts of the run"),
});

/** `null`: only the server itself could tell, and it was joined. */
const Server = Type.Object({
  server: Type.String(),
  connections: Count("When all were connected, before anybody wrote"),
  mailboxes: OrNull(Count("Accounts whose mailbox was in its memory then")),
  messages: Count("In and out, over the measured time"),
  bytes: Count("Likewise"),
  loopDelayP99Ms: OrNull(Figure("The worst second's")),
  utilization: OrNull(Figure("Share of the time that its event loop was busy")),
  cores: OrNull(Figure("CPU of its thread")),
});

const Sample = Type.Object({
  at: Figure("Milliseconds from the beginning of the warm-up"),
  server: Type.String(),
  connections: Count(),
  mailboxes: OrNull(Count()),
  messagesIn: Figure("A second; likewise the next three"),
  messagesOut: Type.Number(),
  bytesIn: Type.Number(),
  bytesOut: Type.Number(),
  loopDelayP99Ms: OrNull(Type.Number()),
  utilization: OrNull(Type.Number()),
});

/** It counts until the next, or until the end. */
const DoneAct = Type.Object({
  at: Figure("Milliseconds from the beginning of the warm-up"),
  what: Type.String(),
  refused: OrNull(Type.String({ description: "Why it was refused" })),
  evenAfterMs: OrNull(
    Figure("Until Jain's index of connections was 0.999 or more, and stayed so; null: never"),
  ),
  lowestJain: Figure("The lowest index of connections in that time"),
  latestMs: Figure("The latest that a message came which should have been sent in that time"),
});

const Evenness = Type.Object({
  at: Figure("Milliseconds from the beginning of the warm-up"),
  servers: Count("Servers that are to have people, also those that are down just then"),
  connections: Type.Object({ maxMinusMean: Type.Number(), jain: Type.Number() }),
  messages: Type.Object({ jain: Type.Number() }),
});

const LatencySecond = Type.Object({
  at: Figure("The second's beginning, in milliseconds from the beginning of the warm-up"),
  received: Count("Deliveries"),
  p50: Type.Number(),
  p99: Type.Number(),
  max: Type.Number(),
});

const ViolationSchema = Type.Object({
  kind: Type.Enum(["lost", "duplicated", "reordered", "invented"]),
  message: Type.String(),
  other: OrNull(Type.String()),
  account: Type.String(),
  device: OrNull(Type.String()),
  sentAt: OrNull(Type.Number()),
  acceptedAt: OrNull(Type.Number()),
  receivedAt: OrNull(Type.Number()),
  detail: OrNull(Type.String()),
});

export const LoadReportSchema = Type.Object(
  {
    version: Type.Literal(REPORT_VERSION),
    run: Run,
    throughput: Type.Object({
      offered: Figure("Messages that should have been sent, a second of the measured time"),
      achieved: Figure("Messages that were accepted in it, a second"),
      reached: Type.Boolean({ description: "Almost as many were accepted as were offered" }),
    }),
    check: Type.Object({
      sent: Count("Messages of the whole run"),
      accepted: Count(),
      received: Count("Found in recipients' archives, one for each recipient"),
      lost: Count(),
      duplicated: Count(),
      reordered: Count(),
      invented: Count(),
    }),
    violations: Type.Array(ViolationSchema, { description: "The first ones of each kind" }),
    problems: Type.Array(Type.String(), { description: "What else must not happen, in words" }),
    latencyMs: Type.Object({
      endToEnd: Milliseconds,
      accepted: Milliseconds,
      handedOver: Milliseconds,
      login: OrNull(Milliseconds),
    }),
    spread: Type.Object({
      connections: SpreadSchema,
      messages: SpreadSchema,
      bytes: SpreadSchema,
      mailboxes: OrNull(SpreadSchema),
      loopDelayP99Ms: OrNull(SpreadSchema),
      utilization: OrNull(SpreadSchema),
      cores: OrNull(SpreadSchema),
      chanceCv: Type.Object({
        connections: Type.Number(),
        messages: Type.Number(),
        bytes: Type.Number(),
        mailboxes: OrNull(Type.Number()),
      }),
    }),
    servers: Type.Array(Server),
    cpu: Type.Object({
      system: ByName(
        "Cores of each of its threads, and `process` for all of it; nothing where it was joined",
      ),
      clients: Figure("Cores of the simulated people's process"),
      cryptography: Type.Object({ ms: Type.Number(), calls: Count() }),
      series: Type.Array(Type.Object({ at: Type.Number(), thread: Type.String(), cores: Type.Number() })),
    }),
    memory: OrNull(
      Type.Object({
        perConnectionBytes: Figure("By which the system's process grew for each session"),
        connectedBytes: Count("What it had when all were connected"),
      }),
    ),
    acts: Type.Array(DoneAct, {
      description: "What was done to the system while it was measured, and what came of it",
    }),
    evenness: Type.Array(Evenness, {
      description: "How even the load was over time; nothing where the system was joined",
    }),
    latencySeries: Type.Array(LatencySecond, {
      description: "End to end, by the second in which messages should have been sent",
    }),
    series: Type.Array(Sample),
  },
  { $id: "load-report", description: "A run of `npm run bench -- load` (docs/LABORATORY.md)" },
);
export type LoadReportFile = Static<typeof LoadReportSchema>;
export type ServerFigures = Static<typeof Server>;
