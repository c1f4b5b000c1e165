/** `fastchat history [NAME]` */
import type { CommandModule } from "yargs";
import { historyJson, historyLine } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { requireName } from "../name.js";
import { newest } from "../newest.js";
import { wholeNumber } from "../numbers.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface HistoryOptions extends GlobalOptions {
  readonly name: string | undefined;
  readonly limit: number;
}

export const historyCommand: CommandModule<GlobalOptions, HistoryOptions> = {
  command: "history [name]",
  describe: "Print what was sent and received, oldest first",
  builder: (yargs) =>
    yargs
      .positional("name", { type: "string", describe: "Only the conversation with this person" })
      .option("limit", {
        type: "number",
        default: 50,
        requiresArg: true,
        describe: "Only the newest so many; 0 for all",
      })
      .example("$0 history bob --limit 10", "the ten newest with Bob")
      .example("$0 history --limit 0 --json > all.jsonl", "everything, one object a line")
      .epilogue(
        "With --json: id, from, to, text, at (ISO 8601, UTC; null if unknown), " +
          "direction (sent, received, invalid, waiting), counter.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = argv.name === undefined ? undefined : requireName(argv.name);
      const limit = wholeNumber("--limit", argv.limit, 0) || Infinity;
      const entries = await withClient(context, (client) =>
        unlessAborted(newest(client, name, limit), interrupts.signal),
      );
      for (const entry of entries) {
        await output.line(
          output.json ? historyJson(entry) : historyLine(entry, name === undefined, output.paint),
        );
      }
    }),
};
