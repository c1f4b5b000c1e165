/** `fastchat receipts [NAME]` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import { receiptsJson, receiptsLines } from "../format-receipts.js";
import { unlessAborted } from "../interrupt.js";
import { requireMessageId } from "../message-id.js";
import { requirePeer } from "../name.js";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface ReceiptsOptions extends GlobalOptions {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly "tell-read": boolean | undefined;
}

export const receiptsCommand: CommandModule<GlobalOptions, ReceiptsOptions> = {
  command: "receipts [name]",
  describe: "Show who has got, and read, what you wrote last",
  builder: (yargs) =>
    yargs
      .positional("name", { type: "string", describe: "To whom you wrote: a name, or '#TITLE' for a group" })
      .option("id", {
        type: "string",
        requiresArg: true,
        describe: "That message of yours, by the id that history --ids shows",
      })
      .option("tell-read", {
        type: "boolean",
        describe: "Whether others are told from this device that you have read what they wrote",
      })
      .example("$0 receipts '#Climbing'", "who has your newest message there")
      .example("$0 receipts --no-tell-read", "say that messages arrived, not that you read them")
      .epilogue(
        "People are told that their messages have arrived once they are in your archive, and that you have read them once a " +
          "command has shown them to you: some seconds later, in large groups up to a minute. Receipts are what others say, " +
          "no proof; whoever does not say it may have read all the same.\n" +
          "With --json: id, to, text, at, recipients, delivered, read, and members (account, name, state: sent, delivered or " +
          "read); without NAME: tellRead.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const { name, "tell-read": tellRead } = argv;
      if (name === undefined && argv.id !== undefined) {
        throw new FastChatError("badRequest", "--id goes with the NAME of whom it was sent to.");
      }
      if (name === undefined && tellRead === undefined) {
        throw new FastChatError("badRequest", "Whose receipts? As in: fastchat receipts bob");
      }
      const peer = name === undefined ? null : requirePeer(name);
      const id = argv.id === undefined ? null : requireMessageId(argv.id);
      await withClient(context, async (client) => {
        if (tellRead !== undefined) await client.hideReading(!tellRead);
        if (peer === null) {
          if (output.json) await output.line(printableJson({ tellRead: !client.hidesReading }));
          return;
        }
        const receipts = await unlessAborted(client.receipts(peer, id), interrupts.signal);
        if (output.json) await output.line(receiptsJson(receipts));
        else for (const line of receiptsLines(receipts, output.paint)) await output.line(line);
      });
    }),
};
