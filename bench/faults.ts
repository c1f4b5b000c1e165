/**
 * `npm run bench -- faults`: a real system under faults that a seed decides, with real clients, and a checker that looks
 * at every message.
 */
import type { CommandModule } from "yargs";
import { isGood, printReport, reportOf } from "./faults/report.js";
import { runFaults, type RunOptions } from "./faults/run.js";

interface FaultsOptions extends Omit<RunOptions, "archiveDatabase" | "database" | "keep"> {
  readonly database: string | undefined;
  readonly "archive-database": string | undefined;
  readonly keep: string | undefined;
  readonly json: boolean;
}

export const faultsCommand: CommandModule<object, FaultsOptions> = {
  command: "faults",
  describe:
    "breaks a running system in every way, and checks that no accepted message is lost, doubled or reordered",
  builder: (args) =>
    args
      .option("seed", {
        type: "number",
        default: 1,
        describe: "decides who writes to whom, and what breaks when",
      })
      .option("minutes", { type: "number", default: 5, describe: "how long things break" })
      .option("clients", {
        type: "number",
        default: 200,
        describe: "people, each with a client that encrypts; one in four has a second device",
      })
      .option("hosts", { type: "number", default: 4, describe: "processes that the clients run in" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .option("rate", {
        type: "number",
        default: 150,
        describe: "messages of all people a second, on average",
      })
      .option("database", {
        type: "string",
        describe:
          "PostgreSQL in place of embedded databases: the service's database; without --archive-database somebody's who may make databases, and two are made for the run",
      })
      .option("archive-database", { type: "string", describe: "PostgreSQL database of the archives" })
      .option("keep", { type: "string", describe: "folder to keep everything in of a run that fails" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ seed, minutes, clients, hosts, servers, rate, database, "archive-database": archive }) => {
        for (const [name, value, least] of [
          ["seed", seed, 0],
          ["clients", clients, 2],
          ["hosts", hosts, 1],
          ["servers", servers, 1],
        ] as const) {
          if (!Number.isInteger(value) || value < least) {
            throw new Error(`--${name} must be a whole number from ${least}.`);
          }
        }
        if (!(minutes > 0) || !(rate > 0)) throw new Error("--minutes and --rate must be more than 0.");
        if (archive !== undefined && database === undefined) {
          throw new Error("--archive-database goes together with --database.");
        }
        return true;
      }),
  handler: async (options) => {
    const stop = new AbortController();
    process.once("SIGINT", () => {
      console.error("stopping; what was done until now is judged. Again to end at once.");
      stop.abort();
    });
    const result = await runFaults(
      { ...options, archiveDatabase: options["archive-database"] },
      (line) => console.error(line),
      stop.signal,
    );
    const report = reportOf(result);
    if (options.json) console.log(JSON.stringify(report));
    else printReport(report, result.planned);
    process.exitCode = isGood(report) ? 0 : 1;
  },
};
