/** `fastchat export --to FILE` */
import { basename, resolve } from "node:path";
import { Chalk } from "chalk";
import type { CommandModule } from "yargs";
import type { FileSealer } from "../../../crypto/sealed-file.js";
import type { Client, ClientOptions } from "../../core/client.js";
import { ConnectionNotes } from "../connection-notes.js";
import { ExportFile } from "../export-file.js";
import { exportedJson, historyLine } from "../format.js";
import { HISTORY_FORMAT, HISTORY_VERSION } from "../history-format.js";
import { unlessAborted } from "../interrupt.js";
import { requirePeer } from "../name.js";
import type { Output } from "../output.js";
import { chooseExportPassword } from "../password.js";
import { Progress, sayIfSlow } from "../progress.js";
import { printableJson } from "../printable.js";
import { noteQuickChat } from "../quick-chat.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";
import { WholeFile } from "../../../node/whole-file.js";

const FORMATS = ["json", "text", "sealed"] as const;
/** As for keys that do not fit: what is exported is what the archive shows, and that is not all that was there. */
const ALTERED_EXIT = 7;
type Format = (typeof FORMATS)[number];

interface ExportOptions extends GlobalOptions {
  readonly to: string;
  readonly chat: string | undefined;
  readonly format: Format | undefined;
  readonly force: boolean;
}

export const exportCommand: CommandModule<GlobalOptions, ExportOptions> = {
  command: "export",
  describe: "Write your history into a file that a person or a program can read",
  builder: (yargs) =>
    yargs
      .option("to", { type: "string", demandOption: true, requiresArg: true, describe: "The file" })
      .option("chat", {
        type: "string",
        requiresArg: true,
        describe: "Only the conversation with this person, or with '#TITLE'",
      })
      .option("format", {
        choices: FORMATS,
        requiresArg: true,
        describe: "text for *.txt, sealed for *.sealed, else json, unless this says so",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace a file that is there" })
      .example("$0 export --to history.json", "everything, for programs")
      .example("$0 export --to history.sealed", "everything, sealed under a password")
      .example("$0 export --chat bob --to bob.txt", "one conversation, to read")
      .epilogue(
        "The file is for your eyes only (mode 0600). Only a sealed one is encrypted: under a password of its own, which is " +
          "asked for, or taken from FASTCHAT_EXPORT_PASSWORD. JSON: one object with name, account and messages, each as " +
          "history --json prints it, with fromAccount and toAccounts. fastchat import takes JSON and sealed files. A file is " +
          "written whole or not at all. Exit code 7: it is written, and the archive is not what your devices have seen.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const path = resolve(argv.to);
      const name = argv.chat === undefined ? undefined : requirePeer(argv.chat);
      const format = argv.format ?? formatOf(path);
      // Before anything is read, and not after it.
      if (!argv.force) await WholeFile.refuseIfThere(path);
      const { output } = context;
      const notes = new ConnectionNotes(output);
      const clientOptions: ClientOptions = {
        ...context.clientOptions,
        onStatus: (status) => {
          if (status.kind !== "archiveAltered") return;
          notes.onStatus(status);
          process.exitCode = ALTERED_EXIT;
        },
      };
      const source = { ...process, env: context.env };
      const password = format === "sealed" ? await chooseExportPassword(basename(path), source) : null;
      const count = await withClient({ ...context, clientOptions }, async (client) => {
        const sealer = password === null ? null : await sealerUnder(output, password);
        const file = await ExportFile.create(path, argv.force, sealer);
        return writeExport(context, client, file, name, format === "text");
      });
      if (output.json) await output.line(printableJson({ file: path, messages: count }));
      else await output.line(`${count} messages are in ${path}.`);
    }),
};

function formatOf(path: string): Format {
  const lower = path.toLowerCase();
  if (lower.endsWith(".txt")) return "text";
  return lower.endsWith(".sealed") ? "sealed" : "json";
}

async function sealerUnder(output: Output, password: string): Promise<FileSealer> {
  // With the client's own cryptography: it is slow to load.
  const { FileSealer, SEALED_EXPORT } = await import("../../../crypto/sealed-file.js");
  return sayIfSlow(output, "making a key of the password…", FileSealer.create(SEALED_EXPORT, password));
}

/** @param asText for people; else as JSON */
async function writeExport(
  { output, interrupts }: CommandContext,
  client: Client,
  file: ExportFile,
  name: string | undefined,
  asText: boolean,
): Promise<number> {
  if (client.skipsHistory) noteQuickChat(output);
  const plain = new Chalk({ level: 0 });
  const progress = new Progress(output, "messages written");
  let count = 0;
  try {
    const { name: me, account } = client.me;
    if (!asText) {
      const head = JSON.stringify({ format: HISTORY_FORMAT, version: HISTORY_VERSION, name: me, account });
      await file.write(`${head.slice(0, -1)},"messages":[`);
    }
    const pages = client.wholeHistory(name);
    for (;;) {
      const { done, value: page } = await unlessAborted(pages.next(), interrupts.signal);
      if (done === true) break;
      for (const entry of page) {
        const text = asText
          ? `${historyLine(entry, name === undefined, plain)}\n`
          : `${count === 0 ? "" : ","}\n${exportedJson(entry)}`;
        await file.write(text);
        count += 1;
      }
      progress.at(count);
    }
    if (!asText) await file.write("\n]}\n");
    await file.finish();
    return count;
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
