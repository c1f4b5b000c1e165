/** The whole of a load run, small; and one on a system that loses messages. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { writeReport } from "../../../bench/load/files.js";
import type { LoadOptions } from "../../../bench/load/options.js";
import { isClean, reportOf, type LoadReportFile } from "../../../bench/load/report.js";
import { runLoad, type Phase, type RunResult } from "../../../bench/load/run.js";
import { summaryOf } from "../../../bench/load/summary.js";

const folder = t.testdir({ cache: {} });
// Where keys are kept: not with those of the person who runs the tests.
process.env["XDG_CACHE_HOME"] = join(folder, "cache");

const OPTIONS: LoadOptions = {
  clients: 8,
  servers: 2,
  server: undefined,
  strategy: "least-connections",
  workload: "pairs",
  zipf: 1,
  groupSizes: [10],
  rate: 20,
  seconds: 3,
  warmup: 1,
  size: 100,
  "rsa-bits": 2048,
  offline: 0,
  slow: [],
  database: undefined,
  "archive-database": undefined,
  seed: 1,
  threads: 2,
  out: undefined,
  json: false,
};

async function load(
  over: Partial<LoadOptions> = {},
  onPhase: (phase: Phase, stop: AbortController) => void = () => undefined,
  preload: readonly URL[] = [],
): Promise<{ result: RunResult; report: LoadReportFile }> {
  const options = { ...OPTIONS, ...over };
  const stop = new AbortController();
  const result = await runLoad(options, (phase) => onPhase(phase, stop), stop.signal, preload);
  return { result, report: reportOf(options, result) };
}

t.test("a run with groups: every member who is due has every message", async (t) => {
  const { result, report } = await load({ workload: "groups", groupSizes: [3, 5], offline: 0.25 });
  t.ok(isClean(report), JSON.stringify(report.problems));
  const { sent, accepted, received } = report.check;
  const due = result.plan.sends.reduce((sum, { to }) => {
    return sum + (result.plan.groups[to]?.members.length ?? 0) - 1;
  }, 0);
  t.same([sent, accepted, received], [result.plan.sends.length, sent, due]);
});

t.test("a run on a good system: everything is checked, measured and written down", async (t) => {
  const phases = new Set<string>();
  const { result, report } = await load(
    { workload: "zipf", offline: 0.25 },
    ({ name }) => void phases.add(name),
  );
  t.ok(isClean(report), JSON.stringify(report.problems));
  const { sent, accepted, received } = report.check;
  t.equal(sent, result.plan.sends.length, "all that was planned was sent");
  t.same([accepted, received], [sent, sent]);
  t.equal(report.spread.connections.maxMinusMean, 0, "6 of 8 on two servers");
  t.same(
    report.servers.map(({ server, connections }) => [server, connections]),
    [
      ["chat-1", 3],
      ["chat-2", 3],
    ],
  );
  const { endToEnd, accepted: acceptedMs } = report.latencyMs;
  for (const { p50, p99, max } of [endToEnd, acceptedMs]) t.ok(p50 > 0 && p99 >= p50 && max >= p99);
  t.ok(report.series.length >= 4, `${report.series.length} samples`);
  t.ok(phases.has("measuring") && phases.has("reading every archive"));
  t.match(summaryOf(report), new RegExp(`${sent} messages sent, ${sent} accepted`));

  const out = join(folder, "report");
  await mkdir(out);
  await writeReport(out, report, result);
  t.same(JSON.parse(await readFile(join(out, "report.json"), "utf8")), JSON.parse(JSON.stringify(report)));
  const events = (await readFile(join(out, "events.jsonl"), "utf8")).trimEnd().split("\n");
  t.equal(events.length, 3 * sent, "each was sent, accepted and received");
  const html = await readFile(join(out, "report.html"), "utf8");
  t.ok((html.match(/<svg/g) ?? []).length >= 6, "with charts");
  t.notMatch(html, /(?:src|href)="?http|<script|@import/, "that needs no network");
});

t.test(
  "a system that drops what it has accepted makes the run fail, and each message is named",
  async (t) => {
    const { report } = await load({}, undefined, [new URL("./saboteur.js", import.meta.url)]);
    t.notOk(isClean(report));
    const { sent, accepted, received, lost } = report.check;
    t.ok(lost > 0, `${lost} of ${sent}`);
    t.equal(accepted, sent);
    t.equal(received, sent - lost);
    t.ok(report.violations.length > 0 && report.violations.every(({ kind }) => kind === "lost"));
    t.match(summaryOf(report), new RegExp(`${lost} lost`));
  },
);

t.test("a run that is ended early tells what it measured until then", async (t) => {
  const { report } = await load({ seconds: 600 }, ({ name, done }, stop) => {
    if (name === "measuring" && done >= 2) stop.abort();
  });
  t.ok(isClean(report));
  const seconds = report.run.interruptedAt ?? 0;
  t.ok(seconds > 1 && seconds < 60, `after ${seconds} s`);
  t.ok(report.check.sent > 0);
  t.equal(report.check.received, report.check.sent);
  t.match(summaryOf(report), /ended by hand/);
});

t.test("a strategy or an address that is none is told before anything is started", async (t) => {
  const phases: string[] = [];
  const note = ({ name }: Phase): void => void phases.push(name);
  await t.rejects(load({ strategy: "best" }, note), { code: "badConfig" });
  await t.rejects(load({ strategy: "./none.js" }, note), { code: "badConfig" });
  t.same(phases, []);
});
