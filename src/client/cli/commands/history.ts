/** `fastchat history [NAME]` */
import type { CommandModule } from "yargs";
import { historyJson, historyLine } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { requirePeer } from "../name.js";
import { FastChatError } from "../../../protocol/errors.js";
import type { HistoryEntry } from "../../core/messages.js";
import type { Client } from "../../core/client.js";
import { counterAt, newest } from "../newest.js";
import { wholeNumber } from "../numbers.js";
import { noteQuickChat } from "../quick-chat.js";
import { requireTime } from "../time.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface HistoryOptions extends GlobalOptions {
  readonly name: string | undefined;
  readonly limit: number;
  readonly before: string | undefined;
  readonly ids: boolean;
}

export const historyCommand: CommandModule<GlobalOptions, HistoryOptions> = {
  command: "history [name]",
  describe: "Print what was sent and received, oldest first",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        describe: "Only the conversation with this person, or with '#TITLE'",
      })
      .option("limit", {
        type: "number",
        default: 50,
        requiresArg: true,
        describe: "Only the newest so many; 0 for all",
      })
      .option("before", {
        type: "string",
        requiresArg: true,
        describe: 'Only what was written before a day or time, as 2026-01-31 or "2026-01-31 17:05"',
      })
      .option("ids", { type: "boolean", default: false, describe: "Show the id of each message" })
      .example("$0 history bob --limit 10", "the ten newest with Bob")
      .example("$0 history bob --before 2026-01-01", "the last of the year before")
      .example("$0 history --limit 0 --json > all.jsonl", "everything, one object a line")
      .epilogue(
        "With --json: id, from, to, text, at (ISO 8601, UTC; null if unknown), " +
          "direction (sent, received, changed, invalid, waiting, missing), counter; of what you sent also recipients, " +
          "delivered and read: how many there are, have it, and have read it, as they say.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = argv.name === undefined ? undefined : requirePeer(argv.name);
      const limit = wholeNumber("--limit", argv.limit, 0) || Infinity;
      const before = argv.before === undefined ? undefined : requireTime("--before", argv.before);
      await withClient(context, async (client) => {
        if (client.skipsHistory) noteQuickChat(output);
        const entries = await unlessAborted(read(client, name, limit, before), interrupts.signal);
        for (const entry of entries) {
          if (output.json) await output.line(historyJson(entry));
          else {
            const id = argv.ids && entry.id !== null ? `${output.paint.dim(entry.id)} ` : "";
            await output.line(id + historyLine(entry, name === undefined, output.paint));
          }
        }
        if (name !== undefined && before === undefined) await markRead(client, name, entries);
      });
    }),
};

/** @param before milliseconds since 1970 */
async function read(
  client: Client,
  name: string | undefined,
  limit: number,
  before: number | undefined,
): Promise<HistoryEntry[]> {
  if (before === undefined) return newest(client, name, limit);
  const entries = await newest(client, name, limit, await counterAt(client, name, before));
  return entries.filter(({ at }) => at < before);
}

/** Who has read a conversation to its end has read it on all devices. That it cannot be noted now is no failure. */
async function markRead(client: Client, name: string, entries: readonly HistoryEntry[]): Promise<void> {
  const newestRead = entries.at(-1);
  if (newestRead === undefined) return;
  try {
    await client.changeChat(name, { read: newestRead.counter });
  } catch (error) {
    if (!(error instanceof FastChatError)) throw error;
  }
}
