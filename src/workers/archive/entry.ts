/** Entry of the archive's thread. */
import { verifySignature } from "../../crypto/signature.js";
import { systemClock } from "../../node/clock.js";
import { listenFrames } from "../../node/frame-server.js";
import { rawEd25519PublicKey } from "../../node/grant-keys.js";
import { createLog } from "../../node/log.js";
import { atTickEnd } from "../../node/tick.js";
import { openDatabase } from "../../store/database.js";
import { migrate } from "../../store/migrate.js";
import { archiveMigrations } from "../../store/migrations/archive.js";
import { sqlArchive } from "../../store/sql-archive.js";
import type { ArchiveThreadData } from "../entries.js";
import { runThread } from "../thread.js";
import { createArchiveServer } from "./archive-server.js";

/** For reading; appends have a connection of their own, and so never wait behind readers. */
const READING_CONNECTIONS = 4;

await runThread<ArchiveThreadData>(async (data) => {
  const { limits, timeouts } = data;
  const log = createLog(data.log, { thread: "archive" });
  const database = (connections: number) =>
    openDatabase(data.database, connections, timeouts.databaseMs, (error) =>
      log.warn({ error }, "an idle database connection failed"),
    );
  const reading = database(READING_CONNECTIONS);
  const writing = database(1);
  await migrate(writing, archiveMigrations);

  const grantKey = rawEd25519PublicKey(data.grantPublicKey);
  const appending = sqlArchive(writing);
  const server = createArchiveServer({
    store: { ...sqlArchive(reading), append: (appends, most) => appending.append(appends, most) },
    limits,
    timeouts,
    clock: systemClock,
    log,
    verifySignature: (label, claims, signature) => verifySignature(grantKey, label, claims, signature),
    soon: atTickEnd,
  });
  const listener = await listenFrames({
    host: data.host,
    port: data.port,
    tls: data.tls,
    maxFrameBytes: limits.archiveFrameBytes,
    bufferBytes: limits.socketBufferBytes,
    maxConnections: limits.connectionsPerServer,
    handshakeMs: timeouts.helloMs,
    accept: (channel) => server.accept(channel),
    onError: (error) => log.debug({ error }, "a connection failed"),
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
      await Promise.all([reading.close(), writing.close()]);
    },
  };
});
