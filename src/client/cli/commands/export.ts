/** `fastchat export --to FILE` */
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { Chalk } from "chalk";
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import { ExportFile } from "../export-file.js";
import { historyJson, historyLine } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { requireName } from "../name.js";
import { Progress } from "../progress.js";
import { printableJson } from "../printable.js";
import { noteQuickChat } from "../quick-chat.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

const FORMATS = ["json", "text"] as const;
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
        describe: "Only the conversation with this person",
      })
      .option("format", {
        choices: FORMATS,
        requiresArg: true,
        describe: "text for *.txt, else json, unless this says so",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace a file that is there" })
      .example("$0 export --to history.json", "everything, for programs")
      .example("$0 export --chat bob --to bob.txt", "one conversation, to read")
      .epilogue(
        "The file is for your eyes only (mode 0600), and not encrypted. JSON: one object with name, account and messages, " +
          "each as history --json prints it. A file is written whole or not at all.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const path = resolve(argv.to);
      const name = argv.chat === undefined ? undefined : requireName(argv.chat);
      const format = argv.format ?? (path.toLowerCase().endsWith(".txt") ? "text" : "json");
      // Before anything is read, and not after it.
      if (!argv.force && (await isThere(path))) {
        throw new FastChatError("badRequest", `${path} is there already; give another name, or --force.`);
      }
      const count = await withClient(context, (client) =>
        writeExport(context, client, path, name, format, argv.force),
      );
      const { output } = context;
      if (output.json) await output.line(printableJson({ file: path, messages: count }));
      else await output.line(`${count} messages are in ${path}.`);
    }),
};

async function writeExport(
  { output, interrupts }: CommandContext,
  client: Client,
  path: string,
  name: string | undefined,
  format: Format,
  force: boolean,
): Promise<number> {
  if (client.skipsHistory) noteQuickChat(output);
  const plain = new Chalk({ level: 0 });
  const progress = new Progress(output, "messages written");
  const file = await ExportFile.create(path, force);
  let count = 0;
  try {
    const { name: me, account } = client.me;
    if (format === "json") {
      const head = JSON.stringify({ format: "fastchat history", version: 1, name: me, account });
      await file.write(`${head.slice(0, -1)},"messages":[`);
    }
    const pages = client.wholeHistory(name);
    for (;;) {
      const { done, value: page } = await unlessAborted(pages.next(), interrupts.signal);
      if (done === true) break;
      for (const entry of page) {
        const text =
          format === "json"
            ? `${count === 0 ? "" : ","}\n${historyJson(entry)}`
            : `${historyLine(entry, name === undefined, plain)}\n`;
        await file.write(text);
        count += 1;
      }
      progress.at(count);
    }
    if (format === "json") await file.write("\n]}\n");
    await file.finish();
    return count;
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
