/** Operators' commands: their list, and what `--help` says of them. They work on a system that runs. */
import yargs, { type Argv } from "yargs";
import { reportFailure, usageError } from "../client/cli/failure.js";
import { Output } from "../client/cli/output.js";
import { FastChatError } from "../protocol/errors.js";
import { PROGRAM, type OperatorArguments } from "./command.js";
import { backupCommand } from "./commands/backup.js";
import { drainCommand } from "./commands/drain.js";
import { inviteCommand } from "./commands/invite.js";
import { rebalanceCommand } from "./commands/rebalance.js";
import { restoreCommand } from "./commands/restore.js";
import { resumeCommand } from "./commands/resume.js";
import { scaleCommand } from "./commands/scale.js";
import { statusCommand } from "./commands/status.js";
import { suspendCommand } from "./commands/suspend.js";
import { usersCommand } from "./commands/users.js";

const EPILOGUE = `Commands find the running system by its data folder: DIR/address says where it is, DIR/operator-token
lets in. backup and restore go to folder and databases themselves. Exit codes: 0 done, 2 a wrong command,
folder or file, 3 another system's token, 4 refused, 6 it cannot be reached or did not answer in time, 7 a
backup's password is another, 8 the disk is full, a database is away, or data or a backup are damaged or
newer, 130 Ctrl-C.`;

/** Parses the arguments and runs the command they name. The exit code is in `process.exitCode`. */
export async function runOperatorProgram(args: readonly string[]): Promise<void> {
  const parser: Argv<OperatorArguments> = yargs([...args])
    .scriptName(PROGRAM)
    .usage("$0 COMMAND\n\nLooks after a running FastChat service.")
    .locale("en")
    .parserConfiguration({ "parse-positional-numbers": false, "dot-notation": false })
    .option("data", {
      type: "string",
      requiresArg: true,
      describe: "the system's data folder (default: FASTCHAT_DATA, or ./data)",
    })
    .option("server", {
      type: "string",
      requiresArg: true,
      describe: "its address, where the one in the data folder cannot be reached from here",
    })
    .option("json", { type: "boolean", default: false, describe: "print JSON, one object a line" })
    .command(statusCommand)
    .command(scaleCommand)
    .command(drainCommand)
    .command(resumeCommand)
    .command(backupCommand)
    .command(restoreCommand)
    .command(usersCommand)
    .command(suspendCommand)
    .command(inviteCommand)
    .command(rebalanceCommand)
    .demandCommand(1, 1, "Which command? --help lists them.", "One command at a time.")
    .strict()
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns || 100))
    .version(false)
    .alias("help", "h")
    .epilogue(EPILOGUE)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? usageError(message);
    });
  try {
    await parser.parseAsync();
  } catch (error) {
    const output = new Output(process, args.includes("--json"), process.env, PROGRAM);
    const text = error instanceof Error ? error.message : String(error);
    const shown = error instanceof FastChatError ? error : new FastChatError("badRequest", text);
    process.exitCode = reportFailure(shown, output, Boolean(process.env["FASTCHAT_DEBUG"]));
  }
}
