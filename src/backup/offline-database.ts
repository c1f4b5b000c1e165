/** An embedded database that no system runs: its engine in this process, for as long as some work takes. */
import type { Config } from "../config.js";
import { systemClock } from "../node/clock.js";
import type { Log } from "../protocol/runtime.js";
import { openDatabase, type Database } from "../store/database.js";
import type { DatabasePlace } from "../supervisor/databases.js";
import { startEmbeddedDatabase } from "../workers/database/embedded-database.js";

/** Nobody else waits for the session: whoever writes a slow disk full may take their time. In milliseconds. */
const IDLE_TRANSACTION_MS = 86_400_000;
const ANSWER_MS = 600_000;

export interface OfflineOptions {
  readonly config: Pick<Config, "limits" | "timeouts">;
  readonly log: Log;
}

/**
 * @param place of an embedded database; its folder is made where it is not there
 * @throws whatever `work` throws, or the engine (`badConfig`, `diskFull`, `dataNewer`, `dataDamaged`) where that cannot go on
 */
export async function withOfflineDatabase<T>(
  { folder, address }: DatabasePlace,
  { config, log }: OfflineOptions,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  if (folder === null || address.kind !== "socket") throw new TypeError("an embedded database has a folder");
  let failure: unknown;
  const engine = await startEmbeddedDatabase({
    folder,
    socketDirectory: address.directory,
    limits: config.limits,
    timeouts: { ...config.timeouts, idleTransactionMs: IDLE_TRANSACTION_MS },
    clock: systemClock,
    log,
    onFailure: (error) => (failure = error),
  });
  const db = openDatabase(address, 1, ANSWER_MS, (error) =>
    log.debug({ error }, "an idle database connection failed"),
  );
  try {
    return await work(db);
  } catch (error) {
    throw failure ?? error;
  } finally {
    await db.close();
    await engine.stop();
  }
}
