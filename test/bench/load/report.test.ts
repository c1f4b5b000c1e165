/** The report of a run, made of what is known beforehand. */
import { readFile } from "node:fs/promises";
import { Compile } from "#typebox/compile";
import t from "tap";
import { htmlOf } from "../../../bench/load/html.js";
import type { LoadOptions } from "../../../bench/load/options.js";
import { planLoad } from "../../../bench/load/plan.js";
import { isClean, reportOf } from "../../../bench/load/report.js";
import { LoadReportSchema } from "../../../bench/load/report-schema.js";
import type { RunResult } from "../../../bench/load/run-result.js";
import { summaryOf } from "../../../bench/load/summary.js";

const OPTIONS: LoadOptions = {
  clients: 400,
  server: undefined,
  servers: 2,
  strategy: "random",
  workload: "pairs",
  zipf: 1,
  groupSizes: [10],
  rate: 10,
  seconds: 4,
  warmup: 1,
  size: { least: 48, most: 100 },
  "rsa-bits": 2048,
  offline: 0,
  slow: [["chat-2", 3]],
  act: [],
  arrive: undefined,
  database: undefined,
  "archive-database": undefined,
  seed: 7,
  threads: 2,
  out: undefined,
  json: false,
};

const FIGURES = { count: 40, p50: 2, p90: 5, p99: 9, p999: 10, max: 11 };

/** Three seconds of two servers, of which the first one has three quarters of everything. */
const SAMPLES = [1_500, 2_500, 3_500].flatMap((at) =>
  [3, 1].map((share, index) => ({
    at,
    server: `chat-${index + 1}`,
    connections: 100 * share,
    mailboxes: 200,
    messagesIn: 5 * share,
    messagesOut: 15 * share,
    bytesIn: 1_000 * share,
    bytesOut: 1_000 * share,
    loopDelayP99Ms: at / 100,
    utilization: 0.1 * share,
  })),
);

const RESULT: RunResult = {
  release: "0.1.0",
  plan: planLoad({ ...OPTIONS, clients: 400 }),
  machine: { cpu: "one", cores: 2, memoryBytes: 2 ** 33, platform: "linux x64", node: "v20", loadAverage: 0 },
  startedAt: new Date(0),
  interruptedAt: null,
  verdict: {
    counts: { sent: 40, accepted: 40, received: 40, lost: 0, duplicated: 0, reordered: 0, invented: 0 },
    violations: [],
  },
  problems: [],
  events: [],
  throughput: { planned: 40, accepted: 38, seconds: 4 },
  endToEnd: FIGURES,
  endToEndCurve: [
    { share: 0, ms: 1 },
    { share: 0.9, ms: 5 },
  ],
  accepted: FIGURES,
  acceptedCurve: [{ share: 0, ms: 1 }],
  lateness: FIGURES,
  logins: FIGURES,
  fleet: [],
  acts: [],
  samples: SAMPLES,
  placed: { "chat-1": 300, "chat-2": 100 },
  mailboxes: { "chat-1": 200, "chat-2": 200 },
  cores: { "chat-1": 0.3, "chat-2": 0.1, process: 0.6, people: 0.5 },
  cpuSamples: [
    { at: 1_000, thread: "chat-1", cores: 0.3 },
    { at: 2_000, thread: "chat-1", cores: 0.3 },
  ],
  crypto: { ms: 1_234, calls: 99 },
  memory: { before: 1_000_000, connected: 41_000_000 },
  took: { signUp: 10 },
};

const form = Compile(LoadReportSchema);

t.test("every measure of a known distribution", async (t) => {
  const report = reportOf(OPTIONS, RESULT);
  t.ok(form.Check(report), JSON.stringify(form.Errors(report)));
  t.same(report.throughput, { offered: 10, achieved: 9.5, reached: true });
  // Three to one: mean 2, variance 1.
  const spread = { maxOverMean: 1.5, cv: 0.5, jain: 0.8, gini: 0.25 };
  for (const [what, maxMinusMean] of [
    ["connections", 100],
    ["messages", 60],
    ["bytes", 6_000],
    ["utilization", 0.1],
    ["cores", 0.1],
  ] as const) {
    const found = report.spread[what];
    for (const [name, expected] of Object.entries({ ...spread, maxMinusMean })) {
      const value = found?.[name as keyof typeof found] ?? NaN;
      t.ok(Math.abs(value - expected) < 1e-9, `${what}, ${name}: ${value}`);
    }
  }
  t.match(report.spread.mailboxes, { maxOverMean: 1, maxMinusMean: 0, jain: 1 });
  t.match(report.spread.loopDelayP99Ms, { maxOverMean: 1 });
  const chance = report.spread.chanceCv;
  t.same(
    [chance.connections, chance.messages, chance.bytes, chance.mailboxes],
    [Math.sqrt(1 / 400), Math.sqrt(1 / 240), Math.sqrt(1 / 240), Math.sqrt(1 / 400)],
  );
  t.match(report.servers, [
    { server: "chat-1", connections: 300, messages: 180, bytes: 18_000, loopDelayP99Ms: 35, cores: 0.3 },
    { server: "chat-2", connections: 100, messages: 60, bytes: 6_000, cores: 0.1 },
  ]);
  t.same(
    [report.cpu.clients, report.cpu.system["process"], report.cpu.system["people"]],
    [0.5, 0.6, undefined],
  );
  t.same(report.memory, { perConnectionBytes: 100_000, connectedBytes: 41_000_000 });
  t.equal(
    report.run.command,
    "npm run bench -- load --clients 400 --servers 2 --strategy random --workload pairs --rate 10 --seconds 4 --warmup 1 " +
      "--size 48-100 --rsa-bits 2048 --slow chat-2:3 --seed 7 --threads 2",
  );
});

t.test("an offered rate that was not reached is said, wherever the report is read", async (t) => {
  const report = reportOf(OPTIONS, { ...RESULT, throughput: { planned: 40, accepted: 30, seconds: 4 } });
  t.same(report.throughput, { offered: 10, achieved: 7.5, reached: false });
  t.match(summaryOf(report), /achieved 7\.5: not reached/);
  t.match(htmlOf(report, RESULT), /The offered rate was not reached: 7\.5 of 10\.0/);
});

t.test("a violation, or anything unforeseen, makes it fail and is told", async (t) => {
  t.ok(isClean(reportOf(OPTIONS, RESULT)));
  for (const kind of ["lost", "duplicated", "reordered", "invented"] as const) {
    const counts = { ...RESULT.verdict.counts, [kind]: 1 };
    const report = reportOf(OPTIONS, { ...RESULT, verdict: { counts, violations: [] } });
    t.notOk(isClean(report), kind);
    t.match(htmlOf(report, RESULT), /class="bad">/);
  }
  const report = reportOf(OPTIONS, { ...RESULT, problems: ["3 messages were <neither>"] });
  t.notOk(isClean(report));
  t.match(summaryOf(report), /3 messages were <neither>/);
  t.match(htmlOf(report, RESULT), /3 messages were &lt;neither&gt;/);
});

t.test("of a system that was joined nothing is made up", async (t) => {
  const options = {
    ...OPTIONS,
    server: "fastchat://127.0.0.1:7440",
    servers: undefined,
    strategy: undefined,
    slow: [],
  };
  const outside = { mailboxes: null, loopDelayP99Ms: null, utilization: null };
  const report = reportOf(options, {
    ...RESULT,
    samples: SAMPLES.map((sample) => ({ ...sample, ...outside })),
    mailboxes: {},
    cores: { people: 0.5 },
    cpuSamples: [],
    memory: null,
  });
  t.ok(form.Check(report), JSON.stringify(form.Errors(report)));
  t.equal(report.run.loadToldBy, "clients");
  t.same(
    [report.run.options.servers, report.run.options.strategy, report.run.options.database],
    [null, null, "unknown"],
  );
  const { mailboxes, loopDelayP99Ms, utilization, cores, chanceCv } = report.spread;
  t.same([mailboxes, loopDelayP99Ms, utilization, cores, chanceCv.mailboxes], [null, null, null, null, null]);
  t.equal(report.spread.messages.jain, 0.8);
  t.match(report.run.laboratory[0], /was joined/);
  t.notMatch(report.run.laboratory.join(), /loopback|Argon2id of 8 KiB/);
  t.match(summaryOf(report), /what the simulated people saw/);
  t.match(htmlOf(report, RESULT), /The system was joined/);
});

t.test("the schema that is published is the one that reports keep", async (t) => {
  const file = new URL("../../../../docs/load-report.schema.json", import.meta.url);
  const written = JSON.stringify(LoadReportSchema, null, 2);
  t.equal(JSON.stringify(JSON.parse(await readFile(file, "utf8")), null, 2), written);
});

t.test("the example report keeps it, too", async (t) => {
  const file = new URL("../../../../docs/example-report/report.json", import.meta.url);
  const report: unknown = JSON.parse(await readFile(file, "utf8"));
  t.ok(form.Check(report), JSON.stringify(form.Errors(report).slice(0, 3)));
});
