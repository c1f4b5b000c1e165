/** The Unix socket on which the embedded database is reached, in a folder that nobody else can enter. */
import { chmod, rm, stat } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { makePrivateFolder } from "../../node/private-file.js";
import { FastChatError } from "../../protocol/errors.js";
import { errorResponse, fatal } from "./backend.js";

/** What `pg` looks for in a folder that it is given as host. */
export const SOCKET_NAME = ".s.PGSQL.5432";

/** How long a connection may take that is refused, in milliseconds. */
const FAREWELL_MS = 1000;

/** macOS ends a socket's path at 104 bytes with its terminator, Linux at 108. */
const MAX_PATH_BYTES = 103;

export interface SocketListener {
  /** Takes no more connections; fulfilled once those that are there have closed. */
  close(): Promise<void>;
  /** Closes at once whatever is still connected. */
  destroy(): void;
}

/**
 * Listens on `.s.PGSQL.5432` in a folder; a socket that a crash left there is replaced.
 *
 * @param directory is made if it is not there
 * @param maxConnections more are told so and closed
 * @throws FastChatError `badConfig` where the folder belongs to somebody else or the path is too long for a socket
 */
export async function listenOnSocket(
  directory: string,
  maxConnections: number,
  accept: (socket: Socket) => void,
): Promise<SocketListener> {
  const path = join(directory, SOCKET_NAME);
  // Node would cut it off and listen somewhere else.
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new FastChatError(
      "badConfig",
      `${path} is too long for a socket; choose a data folder with a shorter path.`,
    );
  }
  await closeFolder(directory);
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (sockets.size <= maxConnections) return accept(socket);
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.resume();
    socket.end(errorResponse(fatal("53300", "too many connections")));
    setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new FastChatError("badConfig", `${path} cannot be listened on.`, undefined, { cause })),
    );
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    close: () => new Promise((resolve) => server.close(() => resolve())),
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whoever can reach the socket is the database's superuser, so the folder must be ours and closed to others. */
async function closeFolder(directory: string): Promise<void> {
  try {
    await makePrivateFolder(directory);
    const found = await stat(directory);
    // -1 where the system has no such numbers.
    const ours = userInfo().uid === found.uid || userInfo().uid === -1;
    if (found.isDirectory() && ours) return;
  } catch (cause) {
    if (cause instanceof FastChatError) throw cause;
    throw new FastChatError("badConfig", `The folder ${directory} cannot be used for a socket.`, undefined, {
      cause,
    });
  }
  throw new FastChatError(
    "badConfig",
    `${directory}, where a socket is to stand, is no folder of this user.`,
  );
}
