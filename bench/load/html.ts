/** The report of a run as people show it to others: one file that needs no network. */
import { COLORS, evennessOverTime, latencyCurves, overTime, shares, type Mark } from "./charts.js";
import type { Spread } from "./measures.js";
import type { LoadReportFile } from "./report.js";
import type { RunResult } from "./run.js";

type Curves = Pick<RunResult, "endToEndCurve" | "acceptedCurve">;

export function htmlOf(report: LoadReportFile, curves: Curves): string {
  const { run, series, servers, spread } = report;
  const { warmup } = run.options;
  const marks: Mark[] = warmup > 0 ? [{ at: warmup * 1000 }] : [];
  const known = series.length > 0;
  const sections = [
    section("What came of it", verdict(report) + figures(report)),
    known
      ? section(
          "Load of each server over time",
          legend(report.servers.map(({ server }) => server)) +
            figure("Messages in and out a second", overTime(series, inAndOut, "messages a second", marks)) +
            figure(
              "Sessions",
              overTime(series, ({ connections }) => connections, "sessions", marks),
            ) +
            figure(
              "Event loop's delay, 99th percentile of each second",
              overTime(series, ({ loopDelayP99Ms }) => loopDelayP99Ms, "ms", marks),
            ) +
            figure(
              "How even the messages were in each second (Jain: 1 is all equal)",
              evennessOverTime(series, inAndOut, servers.length),
            ),
        )
      : "",
    section(
      "How it was shared out",
      `<div class="pair">` +
        figure(
          "Sessions, all connected and nobody writing",
          shares(servers, ({ connections }) => connections, "sessions"),
        ) +
        (known
          ? figure(
              "Messages of the measured time",
              shares(servers, ({ messages }) => messages ?? 0, "messages"),
            ) +
            figure(
              "Mailboxes, which hashing spreads",
              shares(servers, ({ mailboxes }) => mailboxes ?? 0, "mailboxes"),
            )
          : "") +
        `</div>` +
        spreadTable(report) +
        (spread.messages === null
          ? `<p>The system was joined, and not started: it tells nobody its load.</p>`
          : ""),
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
    section("Where the CPU went", cpuTable(report)),
    section("What was run, and how to do it again", configuration(report)),
  ];
  return page(`FastChat: ${run.options.clients} clients on ${servers.length} servers`, sections.join("\n"));
}

function inAndOut({ messagesIn, messagesOut }: LoadReportFile["series"][number]): number {
  return messagesIn + messagesOut;
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
          .map((value) => `<td>${value.toFixed(4)}</td>`)
          .join("")}<td>${chance === null ? "" : chance.toFixed(4)}</td></tr>`;
  return `<table><tr><th></th><th>max / mean</th><th>max − mean</th><th>CV</th><th>Jain</th><th>Gini</th><th>CV by chance alone</th></tr>${
    row("sessions", spread.connections, spread.chanceCv.connections) +
    row("mailboxes", spread.mailboxes, spread.chanceCv.mailboxes) +
    row("messages", spread.messages, spread.chanceCv.messages) +
    row("bytes", spread.bytes, null)
  }</table>`;
}

function latencyTable({ latencyMs }: LoadReportFile): string {
  const row = (what: string, { p50, p90, p99, p999, max }: LoadReportFile["latencyMs"]["endToEnd"]): string =>
    `<tr><td>${what}</td>${[p50, p90, p99, p999, max].map((ms) => `<td>${ms.toFixed(1)}</td>`).join("")}</tr>`;
  return `<table><tr><th>ms</th><th>50 %</th><th>90 %</th><th>99 %</th><th>99.9 %</th><th>max</th></tr>${
    row("end to end", latencyMs.endToEnd) +
    row("accepted", latencyMs.accepted) +
    row("handed to its client", latencyMs.handedOver)
  }</table>`;
}

function cpuTable({ cpu, check }: LoadReportFile): string {
  const threads = Object.entries(cpu.system)
    .sort(([, one], [, other]) => other - one)
    .map(([thread, cores]) => `<tr><td>${escape(thread)}</td><td>${cores.toFixed(2)}</td></tr>`)
    .join("");
  const { ms, calls } = cpu.cryptography;
  return `<table><tr><th>thread</th><th>cores</th></tr>${threads}<tr><td>the simulated people's process</td><td>${cpu.clients.toFixed(2)}</td></tr></table>
<p>Clients called cryptographic primitives ${number(calls)} times, which took ${(ms / 1000).toFixed(1)} s in all${
    check.sent === 0
      ? ""
      : `, ${(ms / check.sent).toFixed(2)} ms for each message of the run, signing up included`
  }. “process” is all of the system's, with the threads that work for others: the collector, the compiler, the pool of OpenSSL.</p>`;
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
  return `<pre>${escape(run.command)}</pre><table>${facts
    .map(([what, value]) => `<tr><td>${what}</td><td class="text">${escape(value)}</td></tr>`)
    .join("")}</table><ul>${run.laboratory.map((line) => `<li>${escape(line)}</li>`).join("")}</ul>
<p>Everything that these figures come from stands in report.json and events.jsonl beside this file.</p>`;
}

function section(title: string, content: string): string {
  return `<section><h2>${escape(title)}</h2>${content}</section>`;
}

function figure(caption: string, chart: string): string {
  return `<figure><figcaption>${escape(caption)}</figcaption>${chart}</figure>`;
}

function legend(names: readonly string[]): string {
  return `<p class="legend">${names
    .map(
      (name, index) =>
        `<span><i style="background:${COLORS[index % COLORS.length]}"></i>${escape(name)}</span>`,
    )
    .join("")}</p>`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
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
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 12px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, td.text { text-align: left; }
pre { background: var(--soft); padding: 10px 12px; overflow-x: auto; border-radius: 6px; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; }
.figures div { background: var(--soft); border-radius: 8px; padding: 10px 14px; }
.figures b { display: block; font-size: 20px; }
.figures span { font-size: 13px; opacity: 0.8; }
.pair { display: flex; flex-wrap: wrap; gap: 8px 24px; }
.good { color: var(--good); } .bad { color: var(--bad); }
.legend span { margin-right: 16px; white-space: nowrap; }
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
