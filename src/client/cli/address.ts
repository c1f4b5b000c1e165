/** Which service a command talks to. */
import { DEFAULT_PORT, parseAddress, type ServiceAddress } from "../../protocol/address.js";
import { FastChatError } from "../../protocol/errors.js";
import type { DeviceHome } from "../node/home.js";
import { serviceName } from "../node/pin.js";

export const DEFAULT_ADDRESS = `fastchat://127.0.0.1:${DEFAULT_PORT}`;

/**
 * For `register` and `login`: the address given, else the one remembered, else the default.
 *
 * @param given what the person said by flag or variable
 * @throws FastChatError `badRequest`
 */
export async function addressToSignIn(home: DeviceHome, given: string | undefined): Promise<ServiceAddress> {
  if (given !== undefined) return parseAddress(given);
  return (await home.currentService()) ?? parseAddress(DEFAULT_ADDRESS);
}

/**
 * For commands of a device that is signed in. Its session token must reach no other service than the one that gave it:
 * at another address it is believed only if it shows the same key, or the one that the address given names.
 *
 * @throws FastChatError `notSignedIn` where no login was completed; `badRequest`
 */
export async function addressOfSession(home: DeviceHome, given: string | undefined): Promise<ServiceAddress> {
  const current = await home.currentService();
  // Never the default instead: nobody knows who listens there.
  if (current === null) throw new FastChatError("notSignedIn", "Nobody is signed in on this device.");
  if (given === undefined) return current;
  const address = parseAddress(given);
  if (address.pin !== null || serviceName(address) === serviceName(current)) return address;
  const key = await home.knownKey(current);
  if (key?.kind === "pin") return { ...address, pin: key.pin };
  throw new FastChatError(
    "badRequest",
    `This device is signed in at ${serviceName(current)}, not at ${serviceName(address)}; ` +
      "log in there, or give the address with its pin.",
  );
}
