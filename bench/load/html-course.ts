/** The part of a report that tells what was done to the system, and how the load and the messages fared. */
import { stepsOverTime, type Mark, type Point } from "./charts.js";
import { EVEN } from "./course.js";
import { escape, figure, legend } from "./html-parts.js";
import type { LoadReportFile } from "./report-schema.js";

export function courseOf({ acts, evenness, latencySeries }: LoadReportFile, marks: readonly Mark[]): string {
  const jain: Point[] = evenness.flatMap(({ at, connections, messages }) => [
    { at, name: "sessions", value: connections.jain },
    { at, name: "messages", value: messages.jain },
  ]);
  const latest: Point[] = latencySeries.flatMap(({ at, p99, max }) => [
    { at, name: "99 %", value: p99 },
    { at, name: "the latest", value: max },
  ]);
  return (
    `<table><tr><th></th><th>at, s</th><th>lowest Jain of sessions</th><th>even again after, s</th><th>latest message, ms</th></tr>${acts.map(rowOf).join("")}</table>` +
    `<p>Each line counts until the next. Even: Jain's index of sessions of at least ${EVEN}, among the servers that are to have people, those that are down included.</p>` +
    legend(["sessions", "messages"]) +
    figure(
      "How even the load was (Jain: 1 is all equal)",
      stepsOverTime(jain, "Jain's index", marks, [Math.min(0.9, ...jain.map(({ value }) => value)), 1]),
    ) +
    legend(["99 %", "the latest"]) +
    figure(
      "End to end, by the second in which messages should have been sent",
      stepsOverTime(latest, "ms", marks),
    )
  );
}

function rowOf({
  at,
  what,
  refused,
  evenAfterMs,
  lowestJain,
  latestMs,
}: LoadReportFile["acts"][number]): string {
  const told = escape(refused === null ? what : `${what} (refused: ${refused})`);
  const even = evenAfterMs === null ? "never" : (evenAfterMs / 1000).toFixed(1);
  return `<tr><td>${told}</td><td>${(at / 1000).toFixed(1)}</td><td>${lowestJain.toFixed(4)}</td><td>${even}</td><td>${latestMs.toFixed(0)}</td></tr>`;
}
