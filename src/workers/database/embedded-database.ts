/** The embedded database: an engine on a folder, served to many connections over a Unix socket. */
import type { Limits, Timeouts } from "../../config.js";
import type { Clock, Log } from "../../protocol/runtime.js";
import type { StatementCount } from "../../protocol/statement-count.js";
import { Connection } from "./connection.js";
import { prepareFolder } from "./database-folder.js";
import type { FileEvents } from "./durable-files.js";
import { Engine } from "./engine.js";
import { listenOnSocket, type SocketListener } from "./listener.js";
import { Maintenance } from "./maintenance.js";
import { Scheduler } from "./scheduler.js";
import type { Session } from "./session.js";

export interface EmbeddedDatabaseOptions {
  /** Of the database's files; made at the first start. */
  readonly folder: string;
  /** Of the socket; mode 0700. */
  readonly socketDirectory: string;
  readonly limits: Pick<Limits, "writeBatchBytes" | "archiveFrameBytes" | "catchUpWindow" | "maxFrameBytes">;
  readonly timeouts: Pick<Timeouts, "helloMs" | "checkpointMs" | "idleTransactionMs">;
  readonly clock: Clock;
  readonly log: Log;
  /** Counted while the engine runs, for whoever wants to know whether it still lives. */
  readonly statements?: StatementCount;
  /** Told of the engine's work on its files. */
  readonly files?: FileEvents;
  /** The engine cannot go on; all connections are closed. Only a new thread helps. */
  readonly onFailure: (error: unknown) => void;
}

export interface EmbeddedDatabase {
  /** How many clients are connected. */
  readonly clients: number;
  /** Finishes what runs, rolls back what does not end within a second, closes all connections and the engine. */
  stop(): Promise<void>;
}

/** More than all threads' pools together; the bridge's memory is bounded by it. */
const MAX_CONNECTIONS = 512;
/** How long transactions may take to end when the database stops, in milliseconds. */
const GRACE_MS = 1000;
/** How long connections may take to close after a failure, in milliseconds. */
const FAREWELL_MS = 1000;
const MIB = 1024 * 1024;

/**
 * Starts the database and its socket.
 *
 * Execution is synchronous: a statement keeps this thread's event loop for as long as it takes.
 *
 * @throws FastChatError `badConfig` (a folder cannot be used), `diskFull`, `dataNewer`, `dataDamaged`
 */
export async function startEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { limits, timeouts, clock, log, files } = options;
  await prepareFolder(options.folder);
  let maintenance: Maintenance | null = null;
  const engine = await Engine.open(options.folder, {
    ...files,
    onWrite(path, bytes) {
      files?.onWrite?.(path, bytes);
      maintenance?.wrote(path, bytes);
    },
  });
  let listener: SocketListener | null = null;
  const scheduler = new Scheduler({
    session: options.statements === undefined ? engine : counted(engine, options.statements),
    clock,
    soon: setImmediate,
    idleTransactionMs: timeouts.idleTransactionMs,
    // A page of history or of pending messages, twice over.
    maxAnswerBytes: Math.max(64 * MIB, 2 * limits.catchUpWindow * limits.maxFrameBytes),
    onBroken(error) {
      // The connections say their last words first.
      clock.after(FAREWELL_MS, () => listener?.destroy());
      void Promise.resolve(listener?.close()).then(() => options.onFailure(error));
    },
  });
  maintenance = new Maintenance({ scheduler, clock, log, checkpointMs: timeouts.checkpointMs });
  const running = maintenance;
  const maxBatchBytes = Math.max(16 * MIB, 4 * limits.writeBatchBytes, 2 * limits.archiveFrameBytes);
  let number = 0;
  try {
    listener = await listenOnSocket(options.socketDirectory, MAX_CONNECTIONS, (socket) => {
      new Connection(socket, {
        number: ++number,
        scheduler,
        clock,
        parameters: engine.parameters,
        helloMs: timeouts.helloMs,
        maxBatchBytes,
        maxUnsentBytes: MIB,
      });
    });
  } catch (error) {
    await running.stop();
    await engine.close();
    throw error;
  }
  const open = listener;
  return {
    get clients() {
      return scheduler.clients;
    },
    async stop() {
      const closed = open.close();
      await scheduler.drain(GRACE_MS);
      await running.stop();
      // Everybody has been told; left are those that have not even greeted.
      open.destroy();
      await closed;
      await engine.close();
    },
  };
}

function counted(session: Session, statements: StatementCount): Session {
  return {
    run(input, onOutput) {
      statements.begin();
      try {
        session.run(input, onOutput);
      } finally {
        statements.end();
      }
    },
  };
}
