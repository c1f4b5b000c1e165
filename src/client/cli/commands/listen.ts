/** `fastchat listen` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import { ConnectionNotes } from "../connection-notes.js";
import { Feed } from "../feed.js";
import { receivedJson, receivedLine, sentElsewhereLine } from "../format.js";
import { noticePrinter } from "../format-groups.js";
import { whenAborted } from "../interrupt.js";
import { positiveNumber, wholeNumber } from "../numbers.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

interface ListenOptions extends GlobalOptions {
  readonly count: number | undefined;
  readonly timeout: number | undefined;
}

export const listenCommand: CommandModule<GlobalOptions, ListenOptions> = {
  command: "listen",
  describe: "Print the messages that waited, then those that come, until Ctrl-C",
  builder: (yargs) =>
    yargs
      .option("count", { type: "number", requiresArg: true, describe: "End after so many messages" })
      .option("timeout", { type: "number", requiresArg: true, describe: "End after so many seconds" })
      .example("$0 listen", "until Ctrl-C")
      .example("$0 listen --count 1 --timeout 10 --json", "wait for the next message, ten seconds at most")
      .epilogue(
        "With --json: id, from, text, at (ISO 8601, UTC), conversation, and group (id, title) for what came to one. " +
          "A change of a group is an object of its own, which has change (create, add, remove, leave, promote, demote or invite) in the place of an id; members says whom it is about. " +
          "A message is acknowledged once it is printed " +
          "and in your archive; one that was printed just before a crash may be printed again, with the same id.\n" +
          "Exit code 0 after --count messages, on Ctrl-C, and at --timeout if no --count was given; 6 if fewer came.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const count = argv.count === undefined ? undefined : wholeNumber("--count", argv.count, 1);
      const timeout = argv.timeout === undefined ? undefined : positiveNumber("--timeout", argv.timeout);
      await withClient(context, (client) => {
        if (client.leavesPending) throw leavesPending();
        return listen(context, client, count, timeout);
      });
    }),
};

function leavesPending(): FastChatError {
  return new FastChatError(
    "badRequest",
    "This device was logged in with --no-pending; fastchat pending takes what waits.",
  );
}

async function listen(
  { output, interrupts }: CommandContext,
  client: Client,
  count: number | undefined,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const notes = new ConnectionNotes(output);
  const feed = new Feed((message) => {
    return output.line(output.json ? receivedJson(message) : receivedLine(message, output.paint));
  }, count);
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<"timeout" | "interrupted">((resolve) => {
    whenAborted(interrupts.signal, () => resolve("interrupted"));
    if (timeoutSeconds !== undefined) timer = setTimeout(() => resolve("timeout"), timeoutSeconds * 1000);
  });
  const listening = await client.listen({
    onMessage: (message) => feed.onMessage(message),
    onSent: output.json ? undefined : (message) => output.line(sentElsewhereLine(message, output.paint)),
    onGroup: noticePrinter(output),
    onStatus: (status) => notes.onStatus(status),
    marksRead: true,
    catchesUp: true,
    watchesArchive: true,
  });
  try {
    const how = await Promise.race([ended, feed.ended, listening.done]);
    if (how !== "timeout") return;
    if (notes.lost !== null) throw new FastChatError(notes.lost.code, notes.lost.message);
    if (count === undefined) return;
    throw new FastChatError(
      "timeout",
      `${feed.printed} of ${count} messages came within ${timeoutSeconds} s.`,
    );
  } finally {
    clearTimeout(timer);
    const stopped = listening.stop();
    feed.release();
    await stopped;
  }
}
