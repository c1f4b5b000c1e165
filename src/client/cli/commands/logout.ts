/** `fastchat logout` */
import type { CommandModule } from "yargs";
import { unlessAborted } from "../interrupt.js";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

export const logoutCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "logout",
  describe: "End this device's session and remove the account's keys from it",
  builder: (yargs) => yargs.epilogue("The account and its history stay with the service."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const { name } = await withClient(context, async (client) => {
        await unlessAborted(client.logout(), interrupts.signal);
        return client.me;
      });
      if (output.json) await output.line(printableJson({ name, signedIn: false }));
      else await output.line(`${name} is signed out on this device.`);
    }),
};
