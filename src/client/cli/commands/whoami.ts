/** `fastchat whoami` */
import type { CommandModule } from "yargs";
import { formatAddress, type ServiceAddress } from "../../../protocol/address.js";
import { withoutCredentials } from "../../../node/credentials.js";
import type { DeviceHome } from "../../node/home.js";
import { addressOfSession } from "../address.js";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

export const whoamiCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "whoami",
  describe: "Show the account this device is signed in to; asks nobody",
  builder: (yargs) => yargs,
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output } = context;
      const home = await context.home();
      const server = formatAddress(await withPin(home, await addressOfSession(home, context.server)));
      const { me, ownArchive } = await withClient(context, ({ me, ownArchive }) =>
        Promise.resolve({ me, ownArchive }),
      );
      const archive = ownArchive === null ? "with the service" : withoutCredentials(ownArchive);
      if (output.json) {
        const { name, account, device } = me;
        const own = ownArchive === null ? null : archive;
        await output.line(printableJson({ name, account, device, server, archive: own }));
        return;
      }
      await output.line(`name     ${me.name}`);
      await output.line(`account  ${me.account}`);
      await output.line(`device   ${me.device}`);
      await output.line(`server   ${server}`);
      await output.line(`history  ${archive}`);
      await output.line(`folder   ${home.folder}`);
    }),
};

/** The address with the pin that is remembered for it, as it can be given to a friend. */
async function withPin(home: DeviceHome, address: ServiceAddress): Promise<ServiceAddress> {
  const known = await home.knownKey(address);
  return address.pin === null && known?.kind === "pin" ? { ...address, pin: known.pin } : address;
}
