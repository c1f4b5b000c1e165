/**
 * `npm run bench -- load`: hundreds to thousands of simulated people with the real client, each message checked: how evenly the
 * load fell on the servers, and how fast messages came.
 */
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { FastChatError } from "../src/protocol/errors.js";
import { prepareFolder, writeReport } from "./load/files.js";
import { loadOptions, type LoadOptions } from "./load/options.js";
import { EndedEarly } from "./load/phases.js";
import { runProgress } from "./load/progress.js";
import { isClean, reportOf } from "./load/report.js";
import { runLoad } from "./load/run.js";
import { summaryOf } from "./load/summary.js";

export const loadCommand: CommandModule<object, LoadOptions> = {
  command: "load",
  describe:
    "simulated people with the real client: how even the load is, how fast messages come, and that all do",
  builder: loadOptions,
  handler: (options) => measureLoad(options),
};

/**
 * Exit codes: 0 all well; 1 messages were lost, doubled, reordered, invented or never answered; 2 it could not run; 130 it was
 * ended before anything was measured.
 */
async function measureLoad(options: LoadOptions): Promise<void> {
  const { out, json } = options;
  const stopping = new AbortController();
  const progress = runProgress(process.stderr);
  const interrupt = (): void => {
    // A second time means it.
    if (stopping.signal.aborted) process.exit(130);
    progress.say("ending: what was sent so far is still checked; Ctrl-C again to give up");
    stopping.abort();
  };
  process.on("SIGINT", interrupt);
  try {
    if (out !== undefined) await prepareFolder(out);
    const result = await runLoad(options, (phase) => progress.at(phase), stopping.signal);
    progress.end();
    const report = reportOf(options, result);
    if (out !== undefined) await writeReport(out, report, result);
    console.log(json ? JSON.stringify(report) : summaryOf(report));
    if (out !== undefined && !json) console.log(`\n${join(out, "report.html")}`);
    if (!isClean(report)) process.exitCode = 1;
  } catch (error) {
    progress.end();
    if (error instanceof EndedEarly) {
      console.error("ended before anything was measured");
      process.exitCode = 130;
      return;
    }
    if (!(error instanceof FastChatError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  } finally {
    process.off("SIGINT", interrupt);
  }
}
