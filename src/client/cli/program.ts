/** The command line: its commands, and what `--help` says. */
import { readFileSync } from "node:fs";
import yargs, { type Argv } from "yargs";
import { FastChatError } from "../../protocol/errors.js";
import { chatCommand } from "./commands/chat.js";
import { chatsCommand } from "./commands/chats.js";
import { checkCommand } from "./commands/check.js";
import { deleteCommand } from "./commands/delete.js";
import { devicesCommand } from "./commands/devices.js";
import { exportCommand } from "./commands/export.js";
import { groupCommand } from "./commands/group.js";
import { historyCommand } from "./commands/history.js";
import { importCommand } from "./commands/import.js";
import { listenCommand } from "./commands/listen.js";
import { loginCommand } from "./commands/login.js";
import { logoutCommand } from "./commands/logout.js";
import { pendingCommand } from "./commands/pending.js";
import { receiptsCommand } from "./commands/receipts.js";
import { registerCommand } from "./commands/register.js";
import { restoreCommand } from "./commands/restore.js";
import { saveCommand } from "./commands/save.js";
import { searchCommand } from "./commands/search.js";
import { sendCommand } from "./commands/send.js";
import { verifyCommand } from "./commands/verify.js";
import { whoamiCommand } from "./commands/whoami.js";
import { DEFAULT_ADDRESS } from "./address.js";
import { reportFailure, usageError } from "./failure.js";
import { Output } from "./output.js";
import type { GlobalOptions } from "./session.js";

const EPILOGUE = `Variables:
  FASTCHAT_SERVER      the service's address, as --server
  FASTCHAT_HOME        the folder of one account's state (default: this platform's data folder)
  FASTCHAT_PASSWORD    the password, where nobody can be asked
  FASTCHAT_EXPORT_PASSWORD
                       that of a sealed export, likewise
  FASTCHAT_ARCHIVE     register: a PostgreSQL database of your own for the history, as --archive
  FASTCHAT_INVITE      register: the code of an invite, as --invite
  FASTCHAT_DEBUG=1     show where an error came from
  FASTCHAT_LABORATORY  accept-weak-stretching: hash passwords as cheaply as the service asks;
                       for tests and load laboratories only
  NO_COLOR             no colours

Exit codes:
  0    done
  1    a defect of FastChat
  2    the command, a name, a text or a file of settings is not right
  3    not signed in, or wrong name or password
  4    refused: no such account, the name is taken, a full queue, …
  5    what answers there does not speak this protocol, or not this version of it
  6    the service cannot be reached, or did not answer in time; try again
  7    keys do not fit: the service's, a contact's, or those of the data
  130  Ctrl-C (listen and chat end with 0)

Errors go to standard error; with --json as {"error":{"code","message","advice"}}, one a line.
Times in JSON are ISO 8601 in UTC. Control characters in texts are shown as symbols, not obeyed.`;

/** Parses the arguments and runs the command they name. The exit code is in `process.exitCode`. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const parser: Argv<GlobalOptions> = yargs([...args])
    .scriptName("fastchat")
    .usage("$0 COMMAND\n\nEnd-to-end encrypted chat, from the command line.")
    .locale("en")
    .parserConfiguration({
      "parse-positional-numbers": false,
      "dot-notation": false,
      // What stands behind -- is text, whatever it looks like.
      "populate--": true,
    })
    .option("server", {
      type: "string",
      requiresArg: true,
      describe: `The service: fastchat://host:port, or with #pin (default: the one remembered, else ${DEFAULT_ADDRESS})`,
    })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON object a line" })
    .command(registerCommand)
    .command(loginCommand)
    .command(whoamiCommand)
    .command(logoutCommand)
    .command(sendCommand)
    .command(listenCommand)
    .command(pendingCommand)
    .command(chatsCommand)
    .command(groupCommand)
    .command(historyCommand)
    .command(receiptsCommand)
    .command(searchCommand)
    .command(saveCommand)
    .command(exportCommand)
    .command(importCommand)
    .command(deleteCommand)
    .command(restoreCommand)
    .command(checkCommand)
    .command(chatCommand)
    .command(verifyCommand)
    .command(devicesCommand)
    .demandCommand(1, 1, "Which command? fastchat --help lists them.", "One command at a time.")
    .strict()
    .check((argv) => argv["--"] === undefined || argv._[0] === "send" || "Only send takes a text behind --.")
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns || 100))
    .version(ownVersion())
    .alias("help", "h")
    .epilogue(EPILOGUE)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? usageError(message);
    });
  try {
    await parser.parseAsync();
  } catch (error) {
    const output = new Output(process, args.includes("--json"), process.env);
    const shown = error instanceof FastChatError ? error : new FastChatError("badRequest", textOf(error));
    process.exitCode = reportFailure(shown, output, Boolean(process.env["FASTCHAT_DEBUG"]));
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function ownVersion(): string {
  const file = new URL("../../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
