/** The archive as a thread runs it: the server, with real sockets and real time. */
import { verifySignature } from "../../crypto/signature.js";
import { monotonicClock, systemClock } from "../../node/clock.js";
import { listenFrames } from "../../node/frame-server.js";
import { rawEd25519PublicKey } from "../../node/grant-keys.js";
import { atTickEnd } from "../../node/tick.js";
import type { Log } from "../../protocol/runtime.js";
import type { ArchiveStore } from "../../store/archive.js";
import type { FileStore } from "../../store/files.js";
import type { ArchiveThreadData } from "../entries.js";
import type { ThreadBody } from "../thread.js";
import { createArchiveServer } from "./archive-server.js";

/**
 * Starts the archive and listens.
 *
 * @param stores are the caller's to close, once the body has stopped
 * @throws FastChatError `portInUse`, `badConfig`
 */
export async function startArchiveThread(
  data: Omit<ArchiveThreadData, "database" | "log">,
  stores: { readonly archives: ArchiveStore; readonly files?: FileStore },
  log: Log,
): Promise<ThreadBody> {
  const { limits, timeouts } = data;
  const grantKey = rawEd25519PublicKey(data.grantPublicKey);
  const server = createArchiveServer({
    store: stores.archives,
    ...(stores.files === undefined ? {} : { files: stores.files }),
    limits,
    timeouts,
    clock: monotonicClock,
    timeOfDay: () => systemClock.now(),
    log,
    verifySignature: (label, claims, signature) => verifySignature(grantKey, label, claims, signature),
    soon: atTickEnd,
  });
  const listener = await listenFrames({
    host: data.host,
    port: data.port,
    tls: data.tls,
    maxFrameBytes: limits.archiveFrameBytes,
    strangersFrameBytes: limits.maxControlBytes,
    bufferBytes: limits.socketBufferBytes,
    maxConnections: limits.connectionsPerServer,
    handshakeMs: timeouts.helloMs,
    accept: (channel) => server.accept(channel),
    onError: (error) => log.debug({ error }, "a connection failed"),
  }).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  return {
    listening: listener.listening,
    onMessage() {
      // Chat servers, views and balancer are nothing to the archive.
    },
    async stop() {
      const closed = listener.close();
      await server.stop();
      await closed;
    },
  };
}
