/**
 * What every command needs: where state lies, whom to talk to, where to print, and how to be interrupted.
 *
 * The client itself is imported once a command needs it. Its schemas are compiled on import, which takes longer than
 * everything that `--help` or a mistyped command do.
 */
import { formatAddress, type ServiceAddress } from "../../protocol/address.js";
import { toBase64Url } from "../../protocol/bytes.js";
import type { Client, ClientOptions } from "../core/client.js";
import type { DeviceHome } from "../node/home.js";
import { serviceName } from "../node/pin.js";
import type { ClientPorts } from "../core/ports.js";
import type { ConnectionStatus } from "../core/messages.js";
import { addressOfSession } from "./address.js";
import { ConnectionNotes } from "./connection-notes.js";
import { reportFailure } from "./failure.js";
import { catchInterrupts, type Interrupts } from "./interrupt.js";
import { Output } from "./output.js";
import { groupChooser } from "./which-group.js";

export interface GlobalOptions {
  readonly server?: string | undefined;
  readonly json: boolean;
}

export interface CommandContext {
  /** The folder of the account's state. */
  home(): Promise<DeviceHome>;
  /** The address that was given by flag or variable. */
  readonly server: string | undefined;
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly clientOptions: ClientOptions;
  readonly env: Record<string, string | undefined>;
}

/** What says that somebody has tampered with something. */
const TAMPERED: ReadonlySet<ConnectionStatus["kind"]> = new Set([
  "archiveAltered",
  "keyChanged",
  "groupAltered",
]);

/** Runs a command to its end and sets the process's exit code. */
export async function runCommand(
  options: GlobalOptions,
  command: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { env } = process;
  const output = new Output(process, options.json, env);
  const interrupts = catchInterrupts();
  try {
    await command({
      async home() {
        const { DeviceHome, homeFolder } = await import("../node/home.js");
        return new DeviceHome(homeFolder(env));
      },
      server: options.server ?? (env["FASTCHAT_SERVER"] || undefined),
      output,
      interrupts,
      clientOptions: {
        acceptWeakStretching: env["FASTCHAT_LABORATORY"] === "accept-weak-stretching",
        sendsReceipts: true,
        chooseGroup: options.json ? undefined : groupChooser(process, interrupts.signal),
      },
      env,
    });
  } catch (error) {
    process.exitCode = reportFailure(error, output, Boolean(env["FASTCHAT_DEBUG"]));
  } finally {
    interrupts.release();
  }
}

/** Runs `work` with what the client's core needs, and releases that afterwards. An interruption ends the wait for it. */
export async function withPorts<T>(
  context: CommandContext,
  address: ServiceAddress,
  work: (ports: ClientPorts) => Promise<T>,
): Promise<T> {
  const { output } = context;
  const { openDevice } = await import("../node/device.js");
  const device = await openDevice({
    home: await context.home(),
    address,
    onFirstUse: (service, pin) => {
      output.note(
        `${serviceName(service)} is new here; its key's pin is ${toBase64Url(pin)}. ` +
          "It is remembered, and another key will be refused. " +
          `Whoever runs the service can tell whether the pin is right: ${formatAddress({ ...service, pin })}`,
      );
    },
    onAuthorityInstead: (service, pin) => {
      output.note(
        `${serviceName(service)} shows another key than the one remembered here, and a certificate authority vouches ` +
          `for it; it is believed, and from now on only what an authority vouches for. Its pin is ${toBase64Url(pin)}. ` +
          "If you did not expect this, ask whoever runs the service before you go on.",
      );
    },
  });
  try {
    return await work(device.ports);
  } finally {
    await device.close();
  }
}

/**
 * Runs `work` with the client of the account that this device is signed in to.
 *
 * @throws FastChatError `notSignedIn`
 */
export async function withClient<T>(
  context: CommandContext,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { Client } = await import("../core/client.js");
  const address = await addressOfSession(await context.home(), context.server);
  const notes = new ConnectionNotes(context.output);
  const onStatus = (status: ConnectionStatus): void => {
    // Whatever the command is: what somebody has tampered with is told. Being away is told by what fails.
    if (TAMPERED.has(status.kind)) notes.onStatus(status);
  };
  return withPorts(context, address, async (ports) => {
    const client = await Client.resume(ports, { onStatus, ...context.clientOptions });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  });
}
