/** `fastchat logout` */
import type { CommandModule } from "yargs";
import { unlessAborted } from "../interrupt.js";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface LogoutOptions extends GlobalOptions {
  readonly discard: boolean;
}

export const logoutCommand: CommandModule<GlobalOptions, LogoutOptions> = {
  command: "logout",
  describe: "End this device's session and remove the account's keys from it",
  builder: (yargs) =>
    yargs
      .option("discard", {
        type: "boolean",
        default: false,
        describe: "Even if messages that are not sent yet are lost, or the service cannot be told",
      })
      .epilogue("The account and its history stay with the service: log in again, here or anywhere."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const { name } = await withClient(context, async (client) => {
        await unlessAborted(client.logout({ discard: argv.discard }), interrupts.signal);
        return client.me;
      });
      if (output.json) await output.line(printableJson({ name, signedIn: false }));
      else await output.line(`${name} is signed out on this device.`);
    }),
};
