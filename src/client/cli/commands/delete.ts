/** `fastchat delete NAME` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Selection } from "../../core/deleting.js";
import { unlessAborted } from "../interrupt.js";
import { requireMessageId } from "../message-id.js";
import { requirePeer } from "../name.js";
import { printableJson } from "../printable.js";
import { sayIfSlow } from "../progress.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";
import { requireTime } from "../time.js";

interface DeleteOptions extends GlobalOptions {
  readonly name: string;
  readonly id: readonly string[];
  readonly before: string | undefined;
  readonly all: boolean;
  readonly yes: boolean;
}

export const deleteCommand: CommandModule<GlobalOptions, DeleteOptions> = {
  command: "delete <name> [id..]",
  describe: "Delete messages from your history, on all your devices; others keep theirs",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "Whose conversation with you; '#TITLE' for a group's",
      })
      .positional("id", {
        type: "string",
        array: true,
        default: [],
        describe: "These messages: their ids, as history --ids shows them",
      })
      .option("before", {
        type: "string",
        requiresArg: true,
        describe: 'What was written before a day or time, as 2026-01-31 or "2026-01-31 17:05"',
      })
      .option("all", { type: "boolean", default: false, describe: "The whole conversation" })
      .option("yes", {
        type: "boolean",
        default: false,
        describe: "Delete; without it --before and --all only say how much it would be",
      })
      .example("$0 delete bob 019ac1f2a0f07c3d9e55d6cf3a1b2c4d", "one message")
      .example("$0 delete bob --before 2026-01-01 --yes", "what is older than this year")
      .epilogue("It cannot be undone. With --json: name, count, deleted (whether it was done)."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = requirePeer(argv.name);
      const selection = selectionOf(argv);
      const now = argv.yes || selection.type === "messages";
      const count = await withClient(context, (client) => {
        const work = now ? client.deleteHistory(name, selection) : client.countHistory(name, selection);
        return unlessAborted(sayIfSlow(output, "Reading the history…", work), interrupts.signal);
      });
      if (output.json) return output.line(printableJson({ name, count, deleted: now }));
      const messages = count === 1 ? "1 message" : `${count} messages`;
      if (now) return output.line(`Deleted ${messages} from your history with ${name}.`);
      await output.line(
        `This would delete ${messages} from your history with ${name}, on all your devices, for ever. Add --yes to do it.`,
      );
    }),
};

/** @throws FastChatError `badRequest` unless exactly one is named */
function selectionOf({ id, before, all }: DeleteOptions): Selection {
  const ways = [id.length > 0, before !== undefined, all].filter(Boolean).length;
  if (ways !== 1) {
    throw new FastChatError("badRequest", "Say what to delete: ids of messages, --before TIME, or --all.");
  }
  if (before !== undefined) return { type: "before", time: requireTime("--before", before) };
  if (all) return { type: "all" };
  return { type: "messages", ids: id.map(requireMessageId) };
}
