/** `fastchat devices` */
import type { CommandModule } from "yargs";
import { isoTime, localTime } from "../format.js";
import { unlessAborted } from "../interrupt.js";
import { printableJson, printableLine } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

export const devicesCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "devices",
  describe: "List the devices that are signed in to your account, with when they were last here",
  builder: (yargs) =>
    yargs.epilogue("With --json: device, label, signedInAt and lastUsedAt (ISO 8601, UTC), isThis."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const devices = await withClient(context, (client) =>
        unlessAborted(client.devices(), interrupts.signal),
      );
      for (const { device, label, signedInAt, lastUsedAt, isThis } of devices) {
        if (output.json) {
          await output.line(
            printableJson({
              device,
              label,
              signedInAt: isoTime(signedInAt),
              lastUsedAt: isoTime(lastUsedAt),
              isThis,
            }),
          );
        } else {
          const here = isThis ? output.paint.green(" (this one)") : "";
          const since = output.paint.dim(
            `since ${localTime(signedInAt)}, last here ${localTime(lastUsedAt)}`,
          );
          await output.line(`${printableLine(label || device)}${here}  ${since}`);
        }
      }
    }),
};
