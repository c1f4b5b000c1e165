/** `fastchat pending` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import { ConnectionNotes } from "../connection-notes.js";
import { Feed } from "../feed.js";
import { receivedJson, receivedLine } from "../format.js";
import { noticePrinter } from "../format-groups.js";
import { whenAborted } from "../interrupt.js";
import { positiveNumber } from "../numbers.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

interface PendingOptions extends GlobalOptions {
  readonly timeout: number;
}

/** How long to wait for the service unless told otherwise, in seconds. */
const TIMEOUT = 60;

export const pendingCommand: CommandModule<GlobalOptions, PendingOptions> = {
  command: "pending",
  describe: "Take and print the messages that wait, in order, and end",
  builder: (yargs) =>
    yargs
      .option("timeout", {
        type: "number",
        default: TIMEOUT,
        requiresArg: true,
        describe: "Give up when nothing comes for so many seconds",
      })
      .example("$0 pending", "after a login with --no-pending, or instead of listen")
      .epilogue(
        "With --json as listen prints it. A message leaves the service once it is printed and in your archive.\n" +
          "Exit code 0 once nothing waits any more, and on Ctrl-C; 6 if the service did not answer in time.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const timeout = positiveNumber("--timeout", argv.timeout);
      await withClient(context, (client) => takePending(context, client, timeout));
    }),
};

async function takePending(
  { output, interrupts }: CommandContext,
  client: Client,
  timeoutSeconds: number,
): Promise<void> {
  const notes = new ConnectionNotes(output);
  let timer: NodeJS.Timeout | undefined;
  let end: (how: "live" | "timeout" | "interrupted") => void = () => undefined;
  const ended = new Promise<"live" | "timeout" | "interrupted">((resolve) => {
    end = resolve;
  });
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => end("timeout"), timeoutSeconds * 1000);
  };
  const feed = new Feed((message) => {
    wait();
    return output.line(output.json ? receivedJson(message) : receivedLine(message, output.paint));
  });
  wait();
  whenAborted(interrupts.signal, () => end("interrupted"));
  const listening = await client.listen(
    {
      onMessage: (message) => feed.onMessage(message),
      onLive: () => end("live"),
      onGroup: noticePrinter(output),
      onStatus: (status) => notes.onStatus(status),
      marksRead: true,
      watchesArchive: true,
    },
    { pending: true },
  );
  try {
    const how = await Promise.race([ended, feed.ended, listening.done]);
    if (how === "timeout") {
      if (notes.lost !== null) throw new FastChatError(notes.lost.code, notes.lost.message);
      throw new FastChatError("timeout", `Nothing came for ${timeoutSeconds} s, and more may wait.`);
    }
    if (how === "live" && feed.printed === 0) output.note("nothing waits.");
  } finally {
    clearTimeout(timer);
    const stopped = listening.stop();
    feed.release();
    await stopped;
  }
}
