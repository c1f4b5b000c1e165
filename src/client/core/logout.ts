/** Signing out: the session ends at the service, and the account's keys leave the device. */
import { FastChatError } from "../../protocol/errors.js";
import type { Balancer } from "./balancer.js";
import type { DeviceFiles } from "./device-files.js";
import type { OutboxFiles } from "./outbox-files.js";

/**
 * Ends this device's session and removes everything of the account from it. The account stays with the service.
 *
 * @param discard whether to go through with it although messages wait to be sent, or the service cannot be told
 * @throws FastChatError `unavailable` where messages wait to be sent; what the balancer answers
 */
export async function logout(
  files: DeviceFiles,
  outbox: OutboxFiles,
  balancer: Pick<Balancer, "logout">,
  discard: boolean,
): Promise<void> {
  await outbox.withLock(async () => {
    if (!discard && !(await outbox.isEmpty())) {
      throw new FastChatError(
        "unavailable",
        "Messages on this device wait to be sent or archived; they would be lost.",
      );
    }
    try {
      await balancer.logout();
    } catch (error) {
      // A session that the service does not know has ended already.
      const over = error instanceof FastChatError && error.code === "notSignedIn";
      if (!over && !discard) throw error;
    }
    await files.removeAll();
  });
}
