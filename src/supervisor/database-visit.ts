/** A look into a database while nobody uses it yet; what goes wrong is told in a person's words. */
import { withoutCredentials } from "../node/credentials.js";
import { FastChatError } from "../protocol/errors.js";
import type { Log } from "../protocol/runtime.js";
import { openDatabase, StoreError, type Database, type DatabaseAddress } from "../store/database.js";

export interface OneDatabase {
  /** What a person knows it by. */
  readonly setting: string;
  readonly address: DatabaseAddress;
}

/**
 * Opens a database for as long as `work` takes.
 *
 * @throws whatever `work` throws, of the database's failures `databaseUnreachable`, `diskFull`, or `badConfig` for a role
 *   that may make no tables
 */
export type Visit = <T>(one: OneDatabase, work: (db: Database) => Promise<T>) => Promise<T>;

/** @param timeoutMs how long to wait for a connection, and then for the answer to a statement, in milliseconds */
export function visitor(timeoutMs: number, log: Log): Visit {
  return async (one, work) => {
    const db = openDatabase(one.address, 1, timeoutMs, (error) =>
      log.debug({ error }, "an idle database connection failed"),
    );
    try {
      return await work(db);
    } catch (error) {
      throw explainFailure(error, one);
    } finally {
      await db.close();
    }
  };
}

function explainFailure(error: unknown, { setting, address }: OneDatabase): unknown {
  if (!(error instanceof StoreError) || address.kind === "socket" || error.code === "diskFull") return error;
  const where = withoutCredentials(address.url);
  const why = withoutCredentials(reasonOf(error));
  if (error.reason === "42501") {
    return new FastChatError(
      "badConfig",
      `${setting} (${where}): its role may not make tables: ${why}.`,
      undefined,
      {
        cause: error,
      },
    );
  }
  if (error.kind !== "retry") return error;
  return new FastChatError(
    "databaseUnreachable",
    `${setting} (${where}) cannot be used: ${why}.`,
    undefined,
    {
      cause: error,
    },
  );
}

/** The text of a failure. One that tried several addresses has no text of its own. */
function reasonOf(error: StoreError): string {
  const { cause } = error;
  const inner: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return inner instanceof Error && inner.message !== "" ? inner.message : error.reason;
}
