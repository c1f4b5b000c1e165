/** `fastchat devices` */
import type { CommandModule } from "yargs";
import { isoTime } from "../format.js";
import { deviceLines } from "../format-devices.js";
import { unlessAborted } from "../interrupt.js";
import { printableJson } from "../printable.js";
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
      const lines = output.json
        ? devices.map(({ device, label, signedInAt, lastUsedAt, isThis }) =>
            printableJson({
              device,
              label,
              signedInAt: isoTime(signedInAt),
              lastUsedAt: isoTime(lastUsedAt),
              isThis,
            }),
          )
        : deviceLines(devices, output.paint);
      for (const line of lines) await output.line(line);
    }),
};
