/** What `register` and `login` have in common. */
import { hostname } from "node:os";
import { formatAddress } from "../../protocol/address.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ServiceInfo } from "../../protocol/http.js";
import type { UserName } from "../../protocol/ids.js";
import type { Client } from "../core/client.js";
import type { ClientPorts } from "../core/ports.js";
import { addressToSignIn } from "./address.js";
import { unlessAborted } from "./interrupt.js";
import { printableJson } from "./printable.js";
import { sayIfSlow } from "./progress.js";
import { withPorts, type CommandContext } from "./session.js";

/** The most of a device's label that the service takes, in characters. */
const LABEL_LENGTH = 64;

export interface SignIn {
  readonly name: UserName;
  /** Whether a device that is signed in to this very account may do it again. */
  readonly again: boolean;
  /** Looks at what the service says of itself, before the password is asked for. */
  readonly prepare?: (service: ServiceInfo) => Promise<void>;
  /** Asks for the password, once the service is known to answer. */
  readonly password: () => Promise<string>;
  /** What is done with it. */
  readonly begin: (client: typeof Client, ports: ClientPorts, password: string) => Promise<Client>;
  /** Shown while that takes long. */
  readonly meanwhile: string;
  /** Told at the end, before the address. */
  readonly done: string;
  /** What else is shown to a person then. */
  readonly afterwards?: (client: Client) => Promise<void>;
}

/** The label that other devices of the account will show for this one. */
export function defaultDeviceLabel(): string {
  return `fastchat on ${hostname()}`.slice(0, LABEL_LENGTH);
}

export async function signIn(context: CommandContext, { password, prepare, ...what }: SignIn): Promise<void> {
  const { output, interrupts } = context;
  const [{ Client }, { Doorway }] = await Promise.all([
    import("../core/client.js"),
    import("../core/balancer.js"),
  ]);
  const home = await context.home();
  const address = await addressToSignIn(home, context.server);
  await withPorts(context, address, async (ports) => {
    // Before the password is asked for: nobody shall type one for a service that is away or another than expected.
    const service = await unlessAborted(new Doorway(ports.http).service(), interrupts.signal);
    await refuseSecondAccount(Client, ports, home.folder, what);
    await prepare?.(service);
    const secret = await password();
    const client = await unlessAborted(
      sayIfSlow(output, what.meanwhile, what.begin(Client, ports, secret)),
      interrupts.signal,
    );
    await home.setCurrentService(address);
    try {
      const { account, name, device } = client.me;
      const server = formatAddress({ ...address, pin: null });
      if (output.json) await output.line(printableJson({ name, account, device, server }));
      else {
        await output.line(`${what.done} ${server}. This device is signed in as ${name}.`);
        await what.afterwards?.(client);
      }
    } finally {
      await client.close();
    }
  });
}

/** A folder holds one account: two would share keys, outbox and running numbers. */
async function refuseSecondAccount(
  client: typeof Client,
  ports: ClientPorts,
  folder: string,
  { name, again }: Pick<SignIn, "name" | "again">,
): Promise<void> {
  let here: Client;
  try {
    here = await client.resume(ports);
  } catch (error) {
    // Not signed in, or files that a new login replaces.
    if (error instanceof FastChatError && ["notSignedIn", "undecryptable"].includes(error.code)) return;
    throw error;
  }
  await here.close();
  if (again && here.me.name === name) return;
  throw new FastChatError(
    "badRequest",
    `The folder ${folder} is signed in as ${here.me.name}; log out first, or set FASTCHAT_HOME to a folder of its own.`,
  );
}
