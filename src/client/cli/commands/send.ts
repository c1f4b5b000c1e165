/** `fastchat send NAME [TEXT…]` */
import type { CommandModule } from "yargs";
import type { Client, ClientOptions } from "../../core/client.js";
import type { SentMessage } from "../../core/messages.js";
import { ConnectionNotes } from "../connection-notes.js";
import { sentJson } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { requirePeer } from "../name.js";
import { positiveNumber } from "../numbers.js";
import { OutgoingFile } from "../outgoing-file.js";
import type { Output } from "../output.js";
import { Progress, sayIfSlow } from "../progress.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";
import { readText } from "../standard-input.js";

const MIB = 1024 * 1024;

interface SendOptions extends GlobalOptions {
  readonly name: string;
  readonly text: readonly string[] | undefined;
  /** What stood behind `--`. */
  readonly "--"?: readonly string[];
  readonly timeout: number;
  readonly file: string | undefined;
}

export const sendCommand: CommandModule<GlobalOptions, SendOptions> = {
  command: "send <name> [text..]",
  describe: "Send a message; returns once the service has accepted it",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "Whom to write to: a name, or '#TITLE' for a group",
      })
      .positional("text", {
        type: "string",
        array: true,
        describe: "The message; from standard input if left out",
      })
      .option("timeout", {
        type: "number",
        default: 30,
        requiresArg: true,
        describe: "How many seconds to wait until it is accepted",
      })
      .option("file", {
        type: "string",
        requiresArg: true,
        describe: "Send this file; the text goes with it, and may be left out",
      })
      .example("$0 send bob hello", "words are joined by spaces")
      .example("$0 send bob -- --help is a fine option", "behind -- nothing is an option")
      .example("$0 send bob --file report.pdf as promised", "a file, and a word with it")
      .example("uptime | $0 send bob", "a message from standard input")
      .epilogue(
        "Prints nothing on success; with --json: id, to, at, outcome (stored: kept for the recipient; acknowledged: a " +
          "device of theirs has it). A message that is not accepted in time (exit code 6) is kept on this device if the " +
          "error says so, and leaves with the next one.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = requirePeer(argv.name);
      const patience = positiveNumber("--timeout", argv.timeout);
      const words = [...(argv.text ?? []), ...(argv["--"] ?? [])];
      const notes = new ConnectionNotes(output);
      const clientOptions: ClientOptions = {
        ...context.clientOptions,
        sendPatienceMs: patience * 1000,
        // Who sends is not kept waiting for the archive; but a full one means that no history is kept.
        onStatus: (status) => {
          if (status.kind === "archive" && status.online) notes.onStatus(status);
        },
      };
      await withClient({ ...context, clientOptions }, async (client) => {
        const sending =
          argv.file === undefined
            ? sayIfSlow(
                output,
                "waiting for the service to accept the message…",
                client.send(name, await textOf(words, output, interrupts.signal)),
              )
            : sendFile(client, name, argv.file, words.join(" "), output);
        const sent = await unlessAborted(sending, interrupts.signal);
        if (output.json) await output.line(sentJson(sent));
      });
    }),
};

async function sendFile(
  client: Client,
  name: string,
  path: string,
  text: string,
  output: Output,
): Promise<SentMessage> {
  const file = await OutgoingFile.open(path);
  const progress = new Progress(output, `of ${Math.ceil(file.bytes / MIB)} MiB`);
  try {
    return await client.sendFile(name, file, {
      text,
      onProgress: (bytes) => progress.at(Math.floor(bytes / MIB)),
    });
  } finally {
    await file.close();
  }
}

async function textOf(words: readonly string[], output: Output, signal: AbortSignal): Promise<string> {
  if (words.length > 0) return words.join(" ");
  if (process.stdin.isTTY) output.note("type the message; Ctrl-D ends it.");
  return readStandardInput(signal);
}

async function readStandardInput(signal: AbortSignal): Promise<string> {
  const { stdin } = process;
  try {
    return await unlessAborted(readText(stdin), signal);
  } finally {
    // A reading that was called off would keep the process alive.
    stdin.destroy();
  }
}
