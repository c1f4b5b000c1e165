/** `fastchat listen` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import type { ReceivedMessage } from "../../core/messages.js";
import { ConnectionNotes } from "../connection-notes.js";
import { messageLine, receivedJson } from "../format.js";
import { whenAborted } from "../interrupt.js";
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
        "With --json: id, from, text, at (ISO 8601, UTC), conversation. A message is acknowledged once it is printed " +
          "and in your archive; one that was printed just before a crash may be printed again, with the same id.\n" +
          "Exit code 0 after --count messages, on Ctrl-C, and at --timeout if no --count was given; 6 if fewer came.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const count = positive("--count", argv.count);
      const timeout = positive("--timeout", argv.timeout);
      if (count !== undefined && !Number.isInteger(count)) {
        throw new FastChatError("badRequest", "--count takes a whole number.");
      }
      await withClient(context, (client) => listen(context, client, count, timeout));
    }),
};

function positive(option: string, value: number | undefined): number | undefined {
  if (value === undefined || (value > 0 && value <= 2_000_000)) return value;
  throw new FastChatError("badRequest", `${option} takes a number above 0.`);
}

/** Why listening ended without an error. */
type End = "enough" | "timeout" | "interrupted";

async function listen(
  { output, interrupts }: CommandContext,
  client: Client,
  count: number | undefined,
  timeoutSeconds: number | undefined,
): Promise<void> {
  const notes = new ConnectionNotes(output);
  const { promise: ended, resolve: end } = promiseOf<End>();
  let printed = 0;
  const onMessage = async (message: ReceivedMessage): Promise<void> => {
    // One more than was asked for stays with the service, unacknowledged.
    if (printed === count) return new Promise(() => undefined);
    const { at, from, text } = message;
    await output.line(output.json ? receivedJson(message) : messageLine(at, from, text, output.paint));
    printed += 1;
    if (printed === count) end("enough");
  };
  whenAborted(interrupts.signal, () => end("interrupted"));
  const timer = timeoutSeconds === undefined ? null : setTimeout(() => end("timeout"), timeoutSeconds * 1000);
  const listening = await client.listen({ onMessage, onStatus: (status) => notes.onStatus(status) });
  try {
    const how = await Promise.race([ended, listening.done]);
    if (how !== "timeout") return;
    if (notes.lost !== null) throw new FastChatError(notes.lost.code, notes.lost.message);
    if (count === undefined) return;
    throw new FastChatError("timeout", `${printed} of ${count} messages came within ${timeoutSeconds} s.`);
  } finally {
    if (timer !== null) clearTimeout(timer);
    await listening.stop();
  }
}

function promiseOf<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
