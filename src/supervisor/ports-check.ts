/** Whether the ports can be had, asked before anything is started: the threads that need them start late. */
import { createServer } from "node:net";
import { portsOf } from "../config-rules.js";
import type { Config } from "../config.js";
import { systemCode } from "../node/private-file.js";
import { FastChatError } from "../protocol/errors.js";

type Listeners = Pick<Config, "host" | "port" | "archivePort" | "serverPorts" | "servers">;

/** @throws FastChatError `portInUse` naming port and listener, `badConfig` for a host or port that cannot be listened on */
export async function checkPorts(config: Listeners): Promise<void> {
  const { balancer, archive, servers } = portsOf(config);
  await checkPort(config.host, balancer, "the balancer");
  await checkPort(config.host, archive, "the archive");
  for (const [index, port] of servers.entries()) await checkPort(config.host, port, `chat-${index + 1}`);
}

async function checkPort(host: string, port: number, listener: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw explainFailure(cause, host, port, listener);
  }
  await new Promise((resolve) => server.close(resolve));
}

function explainFailure(cause: unknown, host: string, port: number, listener: string): FastChatError {
  const where = `Port ${port} on ${host}, which ${listener} is to have,`;
  switch (systemCode(cause)) {
    case "EADDRINUSE":
      return new FastChatError("portInUse", `${where} is in use.`, undefined, { cause });
    case "EACCES":
      return new FastChatError(
        "badConfig",
        `${where} is for privileged users only; choose one from 1024 on.`,
        undefined,
        { cause },
      );
    default: {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return new FastChatError(
        "badConfig",
        `host is "${host}"; it must be an interface of this machine, as 127.0.0.1 or 0.0.0.0 (${reason}).`,
        undefined,
        { cause },
      );
    }
  }
}
