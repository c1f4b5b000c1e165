/** The live table of the threads: a pure picture of what the supervisor knows. */
import type { ChalkInstance } from "chalk";
import type { ErrorCode } from "../protocol/errors.js";
import type { LoadReport } from "../protocol/threads.js";
import { dutyOf } from "./fleet.js";
import { restartsOf, type State, type Thread } from "./state.js";

export interface Row {
  readonly id: string;
  readonly state: { readonly text: string; readonly color: "green" | "yellow" | "red" };
  readonly restarts: number;
  readonly report: LoadReport | null;
}

/** @param now of the clock that stamped the state */
export function rowsOf(state: Readonly<State>, reports: ReadonlyMap<string, LoadReport>, now: number): Row[] {
  return state.threads.map((thread) => ({
    id: thread.plan.id,
    state: describeLife(thread, now),
    restarts: restartsOf(thread),
    // A dead thread's last report says nothing of it.
    report: thread.life.at === "running" ? (reports.get(thread.plan.id) ?? null) : null,
  }));
}

/** What a thread goes on without, or died of, in two words. */
const TROUBLES: Partial<Record<ErrorCode, string>> = {
  diskFull: "disk full",
  databaseUnreachable: "no database",
};

function describeLife(thread: Thread, now: number): Row["state"] {
  const { life, trouble, failure } = thread;
  switch (life.at) {
    case "running": {
      if (trouble !== null) return { text: TROUBLES[trouble] ?? trouble, color: "red" };
      const duty = dutyOf(thread);
      return duty === "serving" ? { text: "running", color: "green" } : { text: duty, color: "yellow" };
    }
    case "waiting":
    case "starting":
    case "stopping":
      return { text: life.at, color: "yellow" };
    case "resting":
      return {
        text: `${failure?.code === "diskFull" ? "disk full, " : ""}again in ${Math.max(0, (life.until - now) / 1000).toFixed(1)} s`,
        color: "red",
      };
    case "ended":
      return { text: "ended", color: "yellow" };
    case "dying":
      return { text: "dying", color: "red" };
  }
}

interface Column {
  readonly title: string;
  readonly align: "left" | "right";
  readonly cell: (row: Row) => string;
}

const NOTHING = "–";

const COLUMNS: readonly Column[] = [
  { title: "thread", align: "left", cell: ({ id }) => id },
  { title: "state", align: "left", cell: ({ state }) => state.text },
  measured("connections", ({ connections }) => whole(connections)),
  measured("msgs in/s", ({ messagesIn, overMs }) => whole((messagesIn * 1000) / overMs)),
  measured("msgs out/s", ({ messagesOut, overMs }) => whole((messagesOut * 1000) / overMs)),
  measured("bytes/s", ({ bytesIn, bytesOut, overMs }) => bytes(((bytesIn + bytesOut) * 1000) / overMs)),
  measured("loop p99", ({ loopDelayP99Ms }) => `${loopDelayP99Ms.toFixed(1)} ms`),
  { title: "restarts", align: "right", cell: ({ restarts }) => whole(restarts) },
];

function measured(title: string, cell: (report: LoadReport) => string): Column {
  return { title, align: "right", cell: ({ report }) => (report === null ? NOTHING : cell(report)) };
}

/**
 * Draws the table.
 *
 * @param width columns of the terminal; what does not fit is cut off, since a wrapped table cannot be read
 */
export function drawTable(rows: readonly Row[], width: number, chalk: ChalkInstance): string {
  const widths = COLUMNS.map(({ title, cell }) =>
    Math.max(title.length, ...rows.map((row) => cell(row).length)),
  );
  const line = (texts: readonly string[]) =>
    ` ${COLUMNS.map(({ align }, index) => {
      const text = texts[index] ?? "";
      return align === "left" ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0);
    }).join("  ")}`.slice(0, width);
  const head = chalk.dim(line(COLUMNS.map(({ title }) => title)));
  const body = rows.map((row) => {
    const text = line(COLUMNS.map(({ cell }) => cell(row)));
    // Coloured after it was cut: a colour's code has no width.
    return text.replace(row.state.text, chalk[row.state.color](row.state.text));
  });
  return [head, ...body].join("\n");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  let scaled = value;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled >= 100 || unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit] ?? ""}`;
}
