/** What a run leaves in its folder. */
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FastChatError } from "../../src/protocol/errors.js";
import { htmlOf } from "./html.js";
import type { LoadReportFile } from "./report-schema.js";
import type { HistoryEvent } from "../history/events.js";
import { plannedSend, type LoadPlan } from "./plan.js";
import type { RunResult } from "./run-result.js";

/** Before anything is run: a folder that cannot be written would be found out at the very end. @throws FastChatError `badConfig` */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "report.json"), "");
  } catch (cause) {
    throw new FastChatError("badConfig", `--out ${folder} cannot be written: ${String(cause)}`, undefined, {
      cause,
    });
  }
}

export async function writeReport(folder: string, report: LoadReportFile, result: RunResult): Promise<void> {
  await writeFile(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, "report.html"), htmlOf(report, result));
  const lines = Readable.from(
    (function* () {
      for (const event of result.events) yield `${JSON.stringify(told(event, result.plan))}\n`;
    })(),
  );
  await pipeline(lines, createWriteStream(join(folder, "events.jsonl")));
}

/** What was sent, with when it should have been: latency counts from there. */
function told(event: HistoryEvent, plan: LoadPlan): object {
  if (event.type !== "sent") return event;
  const send = plannedSend(plan, event.message);
  return send === null ? event : { ...event, plannedAt: send.at, bytes: send.bytes };
}
