/**
 * Archives in a database of their owner's, served by the owner's own process: the archive's server behind channels in
 * memory. Other devices work on the same database, and so it is looked at now and then for what they added.
 */
import { memoryChannel } from "../../node/memory-channel.js";
import { monotonicClock, systemClock } from "../../node/clock.js";
import { atTickEnd } from "../../node/tick.js";
import type { FrameChannel, FrameHandlers, Log } from "../../protocol/runtime.js";
import { openDatabase, type Database } from "../../store/database.js";
import { migrate } from "../../store/migrate.js";
import { archiveMigrations } from "../../store/migrations/archive.js";
import { sqlArchive } from "../../store/sql-archive.js";
import { createArchiveServer, type ArchiveServer, type ArchiveServerOptions } from "./archive-server.js";

/** As config/globals.json has them for the service: what one person's devices need is far below. */
const LIMITS: ArchiveServerOptions["limits"] = {
  archiveEntriesPerArchive: 10_000_000,
  archiveFrameBytes: 4 * 1024 * 1024,
  fileStoreMiB: 0,
  maxControlBytes: 4_096,
  sendWindow: 256,
  sendWindowBytes: 4 * 1024 * 1024,
  socketBufferBytes: 1024 * 1024,
  writeBatchBytes: 2 * 1024 * 1024,
  writeBatchRows: 512,
};
const TIMEOUTS: ArchiveServerOptions["timeouts"] = {
  databaseMs: 10_000,
  helloMs: 10_000,
  idleMs: 10_000,
  restartMaxMs: 10_000,
  restartMinMs: 100,
  stopMs: 4_000,
  sweepMs: 3_600_000,
  voucherMs: 600_000,
};
/** How often the database is asked for what other devices added, in milliseconds. */
const POLL_MS = 2_000;
/** One for reading, one for appends. */
const CONNECTIONS = 2;

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export class OwnArchive {
  readonly #database: Database;
  readonly #server: ArchiveServer;

  private constructor(database: Database) {
    this.#database = database;
    this.#server = createArchiveServer({
      store: sqlArchive(database),
      limits: LIMITS,
      timeouts: TIMEOUTS,
      clock: monotonicClock,
      timeOfDay: () => systemClock.now(),
      log: SILENT,
      // Whoever may write to the database needs nobody's voucher.
      verifySignature: () => Promise.resolve(true),
      soon: atTickEnd,
      pollMs: POLL_MS,
    });
  }

  /**
   * Reaches the database and brings its tables to this release's version.
   *
   * @param url postgres://user:password@host:port/name
   * @throws FastChatError `dataNewer`; StoreError
   */
  static async open(url: string): Promise<OwnArchive> {
    const database = openDatabase({ kind: "url", url }, CONNECTIONS, TIMEOUTS.databaseMs, () => undefined);
    try {
      await migrate(database, archiveMigrations);
    } catch (error) {
      await database.close();
      throw error;
    }
    return new OwnArchive(database);
  }

  /** A client's connection. */
  connect(handlers: FrameHandlers): FrameChannel {
    const [here, there] = memoryChannel();
    there.handle(this.#server.accept(there));
    here.handle(handlers);
    return here;
  }

  async close(): Promise<void> {
    await this.#server.stop();
    await this.#database.close();
  }
}
