/** The report of a run on a terminal. */
import chalk, { type ChalkInstance } from "chalk";
import type { Spread } from "../../src/lb/spread.js";
import { isClean } from "./report.js";
import type { LoadReportFile } from "./report-schema.js";

export function summaryOf(report: LoadReportFile, paint: ChalkInstance = chalk): string {
  const { check, throughput, latencyMs, spread, servers, cpu, memory, problems, run } = report;
  const lines: string[] = [];
  const good = isClean(report);
  lines.push(
    paint[good ? "green" : "red"](
      `${check.sent} messages sent, ${check.accepted} accepted, ${check.received} received; ` +
        `${check.lost} lost, ${check.duplicated} doubled, ${check.reordered} reordered, ${check.invented} invented`,
    ),
  );
  if (run.interruptedAt !== null)
    lines.push(paint.yellow(`ended by hand after ${run.interruptedAt.toFixed(1)} s`));
  const rates = `offered ${throughput.offered.toFixed(1)} messages/s, achieved ${throughput.achieved.toFixed(1)}`;
  lines.push(
    throughput.reached
      ? rates
      : paint.red(`${rates}: not reached. Latencies are those of a system with more to do than it can.`),
  );
  lines.push(
    "",
    `${"ms".padEnd(22)}${["p50", "p90", "p99", "p99.9", "max"].map((name) => name.padStart(10)).join("")}`,
  );
  for (const [what, { p50, p90, p99, p999, max }] of [
    ["end to end", latencyMs.endToEnd],
    ["accepted", latencyMs.accepted],
    ["handed to its client", latencyMs.handedOver],
    ...(latencyMs.login === null ? [] : [["logged in", latencyMs.login] as const]),
  ] as const) {
    lines.push(what.padEnd(22) + [p50, p90, p99, p999, max].map((ms) => ms.toFixed(1).padStart(10)).join(""));
  }
  lines.push("", row("server", ["sessions", "mailboxes", "messages", "MiB", "loop p99", "busy", "cores"]));
  for (const {
    server,
    connections,
    mailboxes,
    messages,
    bytes,
    loopDelayP99Ms,
    utilization,
    cores,
  } of servers) {
    lines.push(
      row(server, [
        String(connections),
        told(mailboxes, String),
        String(messages),
        (bytes / 2 ** 20).toFixed(1),
        told(loopDelayP99Ms, (value) => `${value.toFixed(1)} ms`),
        told(utilization, (value) => `${Math.round(value * 100)} %`),
        told(cores, (value) => value.toFixed(2)),
      ]),
    );
  }
  if (run.loadToldBy === "clients") {
    lines.push("The system was joined: this is what the simulated people saw of it.");
  }
  if (report.acts.length > 0) {
    lines.push("", actRow("meanwhile", ["at, s", "least Jain", "even after", "latest, ms"]));
    for (const { what, at, refused, lowestJain, evenAfterMs, latestMs } of report.acts) {
      const line = actRow(what, [
        (at / 1000).toFixed(1),
        lowestJain.toFixed(4),
        evenAfterMs === null ? "never" : `${(evenAfterMs / 1000).toFixed(1)} s`,
        latestMs.toFixed(0),
      ]);
      lines.push(refused === null ? line : paint.red(`${line}  refused: ${refused}`));
    }
  }
  lines.push("", row("spread", ["max/mean", "max−mean", "CV", "Jain", "Gini", "CV, chance"]));
  const spreads: [string, Spread | null, number | null][] = [
    ["sessions", spread.connections, spread.chanceCv.connections],
    ["mailboxes", spread.mailboxes, spread.chanceCv.mailboxes],
    ["messages", spread.messages, spread.chanceCv.messages],
    ["bytes", spread.bytes, spread.chanceCv.bytes],
    ["loop p99", spread.loopDelayP99Ms, null],
    ["busy", spread.utilization, null],
    ["cores", spread.cores, null],
  ];
  for (const [what, of, chance] of spreads) {
    if (of === null) continue;
    const { maxOverMean, maxMinusMean, cv, jain, gini } = of;
    lines.push(
      row(what, [
        maxOverMean.toFixed(4),
        maxMinusMean.toFixed(2),
        cv.toFixed(4),
        jain.toFixed(5),
        gini.toFixed(4),
        chance === null ? "" : chance.toFixed(4),
      ]),
    );
  }
  const system = cpu.system["process"];
  const cores = system === undefined ? "" : `system ${system.toFixed(2)} cores, `;
  lines.push(
    "",
    `${cores}people ${cpu.clients.toFixed(2)} cores; ` +
      `their cryptography ${(cpu.cryptography.ms / 1000).toFixed(1)} s in ${cpu.cryptography.calls} calls over the whole run` +
      (memory === null
        ? ""
        : `; ${(memory.perConnectionBytes / 1024).toFixed(0)} KiB of the system's memory a session`),
  );
  for (const problem of problems) lines.push(paint.red(problem));
  return lines.join("\n");
}

function actRow(what: string, cells: readonly string[]): string {
  return what.padEnd(22) + cells.map((cell) => cell.padStart(12)).join("");
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(12) + cells.map((cell) => cell.padStart(12)).join("");
}

function told(value: number | null, tell: (value: number) => string): string {
  return value === null ? "–" : tell(value);
}
