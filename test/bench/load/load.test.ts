/** The whole of a load run, small; and one on a system that loses messages. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { writeReport } from "../../../bench/load/files.js";
import { isClean } from "../../../bench/load/report.js";
import type { Phase } from "../../../bench/load/phases.js";
import { summaryOf } from "../../../bench/load/summary.js";
import { folder, load } from "./small-run.js";

/** A line of events.jsonl about a message that was sent. */
interface SentLine {
  readonly type: string;
  readonly message: string;
  readonly account: string;
  readonly recipients: readonly string[];
  readonly plannedAt: number;
  readonly bytes: number;
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
  const { people, sends } = result.plan;
  const nameOf = (number: number): string => people[number]?.name ?? "";
  t.same(
    events
      .map((line) => JSON.parse(line) as SentLine)
      .filter(({ type }) => type === "sent")
      .map(({ message, account, recipients, plannedAt, bytes }) => ({
        message,
        account,
        recipients,
        plannedAt,
        bytes,
      }))
      .sort((one, other) => Number(one.message.slice(1)) - Number(other.message.slice(1))),
    sends.map(({ at, from, to, bytes }, index) => ({
      message: `m${index}`,
      account: nameOf(from),
      recipients: [nameOf(to)],
      plannedAt: at,
      bytes,
    })),
    "what was sent is what the plan, and so the seed, says",
  );
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

t.test("a strategy or an address that is none is told before anything is started", async (t) => {
  const phases: string[] = [];
  const note = ({ name }: Phase): void => void phases.push(name);
  await t.rejects(load({ strategy: "best" }, note), { code: "badConfig" });
  await t.rejects(load({ strategy: "./none.js" }, note), { code: "badConfig" });
  t.same(phases, []);
});
