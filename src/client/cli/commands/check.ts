/** `fastchat check` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import { alarmText } from "../format-check.js";
import { unlessAborted } from "../interrupt.js";
import { printableJson } from "../printable.js";
import { sayIfSlow } from "../progress.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

const IF_RESTORED =
  "If whoever runs the service has restored a backup, fastchat check --accept takes your history as it is now.";

interface CheckOptions extends GlobalOptions {
  readonly accept: boolean;
}

export const checkCommand: CommandModule<GlobalOptions, CheckOptions> = {
  command: "check",
  describe:
    "Check that your history is whole: nothing cut off, exchanged or set back since your devices saw it",
  builder: (yargs) =>
    yargs
      .option("accept", {
        type: "boolean",
        default: false,
        describe: "Take the history as it is now for whole, as after a backup was restored",
      })
      .epilogue(
        "With --json: entries (how many are as they were seen) and alarm (null, or kind and what it is about).\n" +
          "Exit code 0 if all is well, 7 if not.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      // What is wrong is told below, once.
      const clientOptions = { ...context.clientOptions, onStatus: () => undefined };
      const { counter, alarm } = await withClient({ ...context, clientOptions }, (client) =>
        unlessAborted(
          sayIfSlow(
            output,
            "reading what your history is known by…",
            client.checkArchive({ accept: argv.accept, whole: true }),
          ),
          interrupts.signal,
        ),
      );
      if (output.json) await output.line(printableJson({ entries: counter, alarm }));
      else if (alarm === null)
        await output.line(`All ${counter} entries of your history are as they were seen.`);
      if (alarm !== null) throw new FastChatError("undecryptable", `${alarmText(alarm)} ${IF_RESTORED}`);
    }),
};
