/** `fastchat restore` */
import type { CommandModule } from "yargs";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

export const restoreCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "restore",
  describe: "End QuickChat: from now on the whole history is shown here",
  builder: (yargs) => yargs.example("$0 restore", "after a login with --quick"),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output } = context;
      const skipped = await withClient(context, async (client) => {
        const before = client.skipsHistory;
        await client.restoreHistory();
        return before;
      });
      if (output.json) await output.line(printableJson({ restored: skipped }));
      else if (skipped) await output.line("The whole history is shown on this device again.");
      else await output.line("The whole history is shown on this device already.");
    }),
};
