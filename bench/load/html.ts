/** The report of a run as people show it to others: one file that needs no network. */
import { evennessOverTime, latencyCurves, overTime, shares, type Mark, type Point } from "./charts.js";
import { PEOPLE, PROCESS } from "./gauges.js";
import { courseOf } from "./html-course.js";
import { escape, figure, legend, number, section } from "./html-parts.js";
import type { Spread } from "../../src/lb/spread.js";
import type { LoadReportFile } from "./report-schema.js";
import type { RunResult } from "./run-result.js";

type Sample = LoadReportFile["series"][number];
type Curves = Pick<RunResult, "endToEndCurve" | "acceptedCurve">;

export function htmlOf(report: LoadReportFile, curves: Curves): string {
  const { run, series, servers } = report;
  const { warmup } = run.options;
  const marks: Mark[] = [
    ...(warmup > 0 ? [{ at: warmup * 1000 }] : []),
    ...report.acts.map(({ at, what }) => ({ at, what })),
  ];
  // Servers may have come while it ran.
  const names = [...new Set([...servers, ...series].map(({ server }) => server))].sort((one, other) =>
    one.localeCompare(other, "en", { numeric: true }),
  );
  const told = run.loadToldBy === "servers";
  const points = (value: (sample: Sample) => number | null): Point[] =>
    series.flatMap((sample) => {
      const known = value(sample);
      return known === null ? [] : [{ at: sample.at, name: sample.server, value: known }];
    });
  const chart = (value: (sample: Sample) => number | null, label: string): string =>
    overTime(points(value), names, label, marks);
  const sections = [
    section("What came of it", verdict(report) + figures(report)),
    section(
      "Load of each server over time",
      (warmup > 0 ? `<p>Measured is what is right of the broken line: the warm-up ends there.</p>` : "") +
        legend(names) +
        figure("Messages in and out a second", chart(inAndOut, "messages a second")) +
        figure("Bytes in and out a second", chart(bytesInAndOut, "KiB a second")) +
        figure(
          "Sessions; where servers have equally many, their lines lie on one another",
          chart(({ connections }) => connections, "sessions"),
        ) +
        (told
          ? figure(
              "Event loop's delay, 99th percentile of each second",
              chart(({ loopDelayP99Ms }) => loopDelayP99Ms, "ms"),
            ) +
            figure(
              "How busy the event loop was",
              chart(({ utilization }) => (utilization === null ? null : 100 * utilization), "%"),
            )
          : "") +
        figure(
          "How even the messages were in each second (Jain: 1 is all equal)",
          evennessOverTime(points(inAndOut), servers.length, marks),
        ),
    ),
    report.acts.length > 0
      ? section("What was done meanwhile, and what came of it", courseOf(report, marks))
      : "",
    section(
      "How it was shared out",
      `<div class="pair">` +
        figure(
          "Sessions, all connected and nobody writing",
          shares(servers, ({ connections }) => connections, "sessions"),
        ) +
        figure(
          "Messages of the measured time, in and out",
          shares(servers, ({ messages }) => messages, "messages"),
        ) +
        (told
          ? figure(
              "Mailboxes, which hashing spreads and no strategy",
              shares(servers, ({ mailboxes }) => mailboxes ?? 0, "mailboxes"),
            )
          : "") +
        `</div>` +
        spreadTable(report) +
        (told
          ? ""
          : `<p>The system was joined, and not started: this is what the simulated people saw of it. What it has besides, nobody told.</p>`),
    ),
    section(
      "Latency",
      legend(["from when it should have been sent until decrypted", "until accepted"]) +
        figure(
          "Each point: so much of the messages was no slower",
          latencyCurves([
            { name: "end to end", points: curves.endToEndCurve },
            { name: "accepted", points: curves.acceptedCurve },
          ]),
        ) +
        latencyTable(report),
    ),
    section("Where the CPU went", cpuOverTime(report, marks) + cpuTable(report)),
    section("What was run, and how to do it again", configuration(report)),
  ];
  return page(`FastChat: ${run.options.clients} clients on ${servers.length} servers`, sections.join("\n"));
}

function inAndOut({ messagesIn, messagesOut }: Sample): number {
  return messagesIn + messagesOut;
}

function bytesInAndOut({ bytesIn, bytesOut }: Sample): number {
  return (bytesIn + bytesOut) / 1024;
}

function verdict({ check, throughput, problems, run }: LoadReportFile): string {
  const bad = check.lost + check.duplicated + check.reordered + check.invented;
  const whole =
    bad === 0
      ? `<p class="good">All ${number(check.sent)} messages were checked: none was lost, doubled, reordered or invented.</p>`
      : `<p class="bad">${number(check.lost)} lost, ${number(check.duplicated)} doubled, ${number(check.reordered)} reordered, ${number(check.invented)} invented, of ${number(check.sent)} messages.</p>`;
  const short = throughput.reached
    ? ""
    : `<p class="bad">The offered rate was not reached: ${throughput.achieved.toFixed(1)} of ${throughput.offered.toFixed(1)} messages a second were accepted. Latencies are those of a system with more to do than it can.</p>`;
  const ended =
    run.interruptedAt === null
      ? ""
      : `<p class="bad">It was ended by hand after ${run.interruptedAt.toFixed(1)} s.</p>`;
  const others = problems.map((problem) => `<p class="bad">${escape(problem)}</p>`).join("");
  return whole + short + ended + others;
}

function figures({ check, throughput, latencyMs, spread, memory }: LoadReportFile): string {
  const cells: [string, string][] = [
    ["messages", number(check.sent)],
    ["offered", `${throughput.offered.toFixed(1)} / s`],
    ["achieved", `${throughput.achieved.toFixed(1)} / s`],
    ["end to end, median", `${latencyMs.endToEnd.p50.toFixed(1)} ms`],
    ["end to end, 99 %", `${latencyMs.endToEnd.p99.toFixed(1)} ms`],
    ["sessions, max − mean", spread.connections.maxMinusMean.toFixed(2)],
    ...(memory === null
      ? []
      : [["memory a session", `${(memory.perConnectionBytes / 1024).toFixed(0)} KiB`] as [string, string]]),
  ];
  return `<div class="figures">${cells
    .map(([what, value]) => `<div><b>${escape(value)}</b><span>${escape(what)}</span></div>`)
    .join("")}</div>`;
}

function spreadTable({ spread }: LoadReportFile): string {
  const row = (what: string, of: Spread | null, chance: number | null): string =>
    of === null
      ? ""
      : `<tr><td>${what}</td>${[of.maxOverMean, of.maxMinusMean, of.cv, of.jain, of.gini]
          .map((value) => `<td>${value.toFixed(value < 100 ? 4 : 0)}</td>`)
          .join("")}<td>${chance === null ? "" : chance.toFixed(4)}</td></tr>`;
  return table(
    `<tr><th></th><th>max / mean</th><th>max − mean</th><th>CV</th><th>Jain</th><th>Gini</th><th>CV by chance alone</th></tr>${
      row("sessions", spread.connections, spread.chanceCv.connections) +
      row("mailboxes", spread.mailboxes, spread.chanceCv.mailboxes) +
      row("messages", spread.messages, spread.chanceCv.messages) +
      row("bytes", spread.bytes, spread.chanceCv.bytes) +
      row("event loop's delay", spread.loopDelayP99Ms, null) +
      row("event loop busy", spread.utilization, null) +
      row("CPU of the thread", spread.cores, null)
    }`,
  );
}

function latencyTable({ latencyMs }: LoadReportFile): string {
  const row = (what: string, { p50, p90, p99, p999, max }: LoadReportFile["latencyMs"]["endToEnd"]): string =>
    `<tr><td>${what}</td>${[p50, p90, p99, p999, max].map((ms) => `<td>${ms.toFixed(1)}</td>`).join("")}</tr>`;
  return table(
    `<tr><th>ms</th><th>50 %</th><th>90 %</th><th>99 %</th><th>99.9 %</th><th>max</th></tr>${
      row("end to end", latencyMs.endToEnd) +
      row("accepted", latencyMs.accepted) +
      row("handed to its client", latencyMs.handedOver) +
      (latencyMs.login === null ? "" : row("logged in", latencyMs.login))
    }`,
  );
}

function cpuOverTime({ cpu, servers }: LoadReportFile, marks: readonly Mark[]): string {
  const own = servers.map(({ server }) => server).filter((server) => server in cpu.system);
  const others = Object.keys(cpu.system).filter((thread) => thread !== PROCESS && !own.includes(thread));
  // Servers have the colours here that they have everywhere.
  const names = [...own, ...others.sort(), PEOPLE];
  const points = cpu.series
    .filter(({ thread }) => names.includes(thread))
    .map(({ at, thread, cores }) => ({ at, name: thread, value: cores }));
  return legend(names) + figure("Cores used in each second", overTime(points, names, "cores", marks));
}

function cpuTable({ cpu, check, run }: LoadReportFile): string {
  const told = run.loadToldBy === "servers";
  const threads = Object.entries(cpu.system)
    .sort(([, one], [, other]) => other - one)
    .map(
      ([thread, cores]) =>
        `<tr><td>${thread === PROCESS ? "all of the system's process" : escape(thread)}</td><td>${cores.toFixed(2)}</td></tr>`,
    )
    .join("");
  const { ms, calls } = cpu.cryptography;
  return `${table(`<tr><th>thread</th><th>cores</th></tr>${threads}<tr><td>the simulated people's process</td><td>${cpu.clients.toFixed(2)}</td></tr>`)}
<p>Clients called cryptographic primitives ${number(calls)} times, which took ${(ms / 1000).toFixed(1)} s in all${
    check.sent === 0
      ? ""
      : `, ${(ms / check.sent).toFixed(2)} ms for each message of the run, signing up included`
  }.${told ? " The system's process has threads besides that work for all: the collector, the compiler, the pools of OpenSSL and OPAQUE." : ""}</p>`;
}

function configuration({ run }: LoadReportFile): string {
  const { machine } = run;
  const facts: [string, string][] = [
    ["release", `FastChat ${run.release}`],
    ["when", run.startedAt],
    [
      "machine",
      `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.platform}, Node ${machine.node}`,
    ],
    ["load average before", machine.loadAverage.toFixed(2)],
    ["databases", run.options.database],
    [
      "took",
      Object.entries(run.tookMs)
        .map(([part, ms]) => `${part} ${(ms / 1000).toFixed(1)} s`)
        .join(", "),
    ],
  ];
  const rows = facts
    .map(([what, value]) => `<tr><td>${what}</td><td class="text">${escape(value)}</td></tr>`)
    .join("");
  return `<pre>${escape(run.command)}</pre>${table(rows)}<ul>${run.laboratory.map((line) => `<li>${escape(line)}</li>`).join("")}</ul>
<p>Everything that these figures come from stands in report.json and events.jsonl beside this file.</p>`;
}

/** What is too wide for a phone is scrolled by itself, and not the page. */
function table(rows: string): string {
  return `<div class="table"><table>${rows}</table></div>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --line: #d8dbe0; --soft: #f4f5f7; --good: #1a7f37; --bad: #b42318; --one: #4e79a7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #16181c; --line: #3a3e45; --soft: #22252a; --good: #5bc67a; --bad: #ff8a7a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 860px; padding: 24px 16px 64px; color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 8px; }
h2 { font-size: 19px; margin: 40px 0 12px; border-bottom: 1px solid var(--line); padding-bottom: 4px; }
figure { margin: 16px 0; }
figcaption { margin-bottom: 4px; }
svg { display: block; }
.chart.wide svg { min-width: 560px; }
.chart, .table { overflow-x: auto; }
table { border-collapse: collapse; margin: 12px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid var(--line); }
th { vertical-align: bottom; }
td { white-space: nowrap; }
th:first-child, td:first-child, td.text { text-align: left; }
td.text { white-space: normal; }
pre { background: var(--soft); padding: 10px 12px; overflow-x: auto; border-radius: 6px; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; }
.figures div { background: var(--soft); border-radius: 8px; padding: 10px 14px; }
.figures b { display: block; font-size: 20px; }
.figures span { font-size: 13px; opacity: 0.8; }
.pair { display: flex; flex-wrap: wrap; gap: 8px 24px; }
.pair figure { max-width: 100%; }
.good { color: var(--good); } .bad { color: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 5px; }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
${body}
</body>
</html>
`;
}
