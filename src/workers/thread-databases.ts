/** The way of one thread to its database: pools that are watched, and trouble that the supervisor hears of. */
import { monotonicClock } from "../node/clock.js";
import type { Log } from "../protocol/runtime.js";
import { openDatabase, type Database, type DatabaseAddress } from "../store/database.js";
import { DatabaseHealth, watchedDatabase } from "../store/watched-database.js";
import type { Say } from "./thread.js";

/**
 * @param timeoutMs how long to wait for a connection, and then for the answer to a statement, in milliseconds
 * @returns opens a pool of so many connections
 */
export function threadDatabases(
  address: DatabaseAddress,
  timeoutMs: number,
  log: Log,
  say: Say,
): (connections: number) => Database {
  const health = new DatabaseHealth({
    clock: monotonicClock,
    log,
    onChange: (trouble) => say({ type: "trouble", trouble }),
  });
  return (connections) =>
    watchedDatabase(
      openDatabase(address, connections, timeoutMs, (error) =>
        log.debug({ error }, "an idle database connection failed"),
      ),
      health,
    );
}
