/** `fastchat search WORDS` */
import type { CommandModule } from "yargs";
import { historyJson, historyLine } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { wholeNumber } from "../numbers.js";
import { Progress } from "../progress.js";
import { noteQuickChat } from "../quick-chat.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface SearchOptions extends GlobalOptions {
  readonly words: readonly string[];
  readonly limit: number;
}

export const searchCommand: CommandModule<GlobalOptions, SearchOptions> = {
  command: "search <words..>",
  describe: "Find messages that have all of these words, or words that begin so; the newest, oldest first",
  builder: (yargs) =>
    yargs
      .positional("words", { type: "string", array: true, demandOption: true, describe: "What to look for" })
      .option("limit", { type: "number", default: 50, requiresArg: true, describe: "At most so many" })
      .example("$0 search train friday", "what was said of a train on some Friday")
      .epilogue(
        "Capitals and accents make no difference. The index lies sealed on this device; the first search reads your whole " +
          "history to make it. With --json as history prints it.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const limit = wholeNumber("--limit", argv.limit, 1);
      const progress = new Progress(output, "entries indexed");
      const found = await withClient(context, (client) => {
        if (client.skipsHistory) noteQuickChat(output);
        return unlessAborted(
          client.search(argv.words.join(" "), { limit, onProgress: (counter) => progress.at(counter) }),
          interrupts.signal,
        );
      });
      for (const entry of found) {
        await output.line(output.json ? historyJson(entry) : historyLine(entry, true, output.paint));
      }
      if (found.length === 0 && !output.json) output.note("nothing was found.");
    }),
};
