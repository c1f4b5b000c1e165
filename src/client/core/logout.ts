/** Leaving a device: its session ends, and what it held of the account is removed from it. */
import { FastChatError } from "../../protocol/errors.js";
import type { Balancer } from "./balancer.js";
import type { DeviceFiles } from "./device-files.js";
import type { Outbox } from "./outbox.js";
import type { OutboxFiles } from "./outbox-files.js";

export interface LogoutContext {
  readonly files: DeviceFiles;
  readonly outboxFiles: Pick<OutboxFiles, "isEmpty">;
  readonly outbox: Pick<Outbox, "recover">;
  readonly balancer: Pick<Balancer, "logout">;
}

/**
 * @param discard whether to leave although messages would be lost, or the session cannot be ended
 * @throws FastChatError `unavailable` while messages of this device wait to be sent or archived; what the balancer throws
 */
export async function logout(context: LogoutContext, discard: boolean): Promise<void> {
  const { files, outbox, outboxFiles, balancer } = context;
  if (!discard) {
    await outbox.recover();
    if (!(await outboxFiles.isEmpty())) {
      throw new FastChatError(
        "unavailable",
        "Messages written on this device wait to be sent; logging out would lose them.",
      );
    }
  }
  try {
    await balancer.logout();
  } catch (error) {
    const over = error instanceof FastChatError && error.code === "notSignedIn";
    if (!over && !discard) throw error;
  }
  await files.removeAll();
}
