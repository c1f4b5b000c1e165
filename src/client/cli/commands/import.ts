/** `fastchat import FILE` */
import { basename, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { FastChatError, type ErrorRecord } from "../../../protocol/errors.js";
import type { Client, ClientOptions } from "../../core/client.js";
import type { Import, ImportedMessage, ImportResult } from "../../core/imports.js";
import type { HistoryFile, HistoryHead } from "../history-file.js";
import { unlessAborted } from "../interrupt.js";
import { askExportPassword } from "../password.js";
import { Progress } from "../progress.js";
import { printableJson, printableLine } from "../printable.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

interface ImportOptions extends GlobalOptions {
  readonly file: string;
  readonly "other-account": boolean;
}

/** What came of a file. */
interface Summary extends ImportResult {
  /** Entries without a text to take over. */
  readonly leftOut: number;
}

export const importCommand: CommandModule<GlobalOptions, ImportOptions> = {
  command: "import <file>",
  describe: "Take messages over from a file that fastchat export wrote",
  builder: (yargs) =>
    yargs
      .positional("file", {
        type: "string",
        demandOption: true,
        describe: "JSON, or sealed under a password",
      })
      .option("other-account", {
        type: "boolean",
        default: false,
        describe: "Take a file of another account's history, too",
      })
      .example("$0 import history.sealed", "asks for the file's password")
      .example(
        "$0 import old.json --other-account",
        "what you wrote under another name or at another service",
      )
      .epilogue(
        "Imported messages are marked as such wherever they are shown: a file is not signed by those who wrote them. They " +
          "stand behind what is there, in the file's order. What stands there already is not added again, so an import " +
          "that was broken off is completed by doing it once more. Prints how many were imported, stood there already " +
          "(alreadyThere) and have no text to take over (leftOut).",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const path = resolve(argv.file);
      const { output } = context;
      const [{ HistoryFile }, { MOST_IMPORTED_AT_ONCE }] = await Promise.all([
        import("../history-file.js"),
        import("../../core/imports.js"),
      ]);
      const source = { ...process, env: context.env };
      const file = await HistoryFile.open(path, () => askExportPassword(basename(path), source));
      try {
        const refused = new Refusal();
        const clientOptions: ClientOptions = {
          ...context.clientOptions,
          onStatus: (status) => {
            if (status.kind === "archive" && status.online && status.error !== null)
              refused.tell(status.error);
          },
        };
        const summary = await withClient({ ...context, clientOptions }, (client) =>
          Promise.race([
            importFile(context, client, file, argv["other-account"], MOST_IMPORTED_AT_ONCE),
            refused.happened,
          ]),
        );
        const { imported, alreadyThere, leftOut } = summary;
        if (output.json) await output.line(printableJson({ file: path, imported, alreadyThere, leftOut }));
        else await output.line(inWords(summary));
      } finally {
        await file.close();
      }
    }),
};

async function importFile(
  { output, interrupts }: CommandContext,
  client: Client,
  file: HistoryFile,
  otherAccount: boolean,
  atOnce: number,
): Promise<Summary> {
  const progress = new Progress(output, "messages taken over");
  const sum = { imported: 0, alreadyThere: 0, leftOut: 0 };
  let taking: Import | null = null;
  let waiting: ImportedMessage[] = [];
  const take = async (): Promise<void> => {
    if (taking === null) return;
    const { imported, alreadyThere } = await taking.add(waiting);
    waiting = [];
    sum.imported += imported;
    sum.alreadyThere += alreadyThere;
    progress.at(sum.imported + sum.alreadyThere);
  };
  const reading = file.read();
  for (;;) {
    const { done, value } = await unlessAborted(reading.next(), interrupts.signal);
    if (done === true) break;
    if ("account" in value) {
      refuseOther(value, client, otherAccount);
      taking = client.import(value.account);
      continue;
    }
    for (const { message } of value) {
      if (message === null) sum.leftOut += 1;
      else waiting.push(message);
      if (waiting.length >= atOnce) await unlessAborted(take(), interrupts.signal);
    }
  }
  await unlessAborted(take(), interrupts.signal);
  return sum;
}

function refuseOther({ name, account }: HistoryHead, client: Client, otherAccount: boolean): void {
  if (account === client.me.account || otherAccount) return;
  throw new FastChatError(
    "badRequest",
    `This is the history of another account, which was called ${printableLine(name)}. To take it over all the same, ` +
      "as messages that you wrote there, add --other-account.",
  );
}

function inWords({ imported, alreadyThere, leftOut }: Summary): string {
  const there = alreadyThere > 0 ? `; ${alreadyThere} stood there already` : "";
  const left = leftOut > 0 ? `; ${leftOut} have no text to take over` : "";
  return `${imported} messages are imported${there}${left}.`;
}

/** The archive takes nothing although it is there, as one that is full: nobody waits for that to pass. */
class Refusal {
  readonly happened: Promise<never>;
  #reject: (error: FastChatError) => void = () => undefined;

  constructor() {
    this.happened = new Promise<never>((_resolve, reject) => {
      this.#reject = reject;
    });
    this.happened.catch(() => undefined);
  }

  tell({ code, message }: ErrorRecord): void {
    this.#reject(new FastChatError(code, message));
  }
}
