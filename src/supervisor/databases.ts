/** The two databases: where they are, and bringing them to the newest version before anybody uses them. */
import { join } from "node:path";
import type { Config } from "../config.js";
import { withoutCredentials } from "../node/credentials.js";
import { makePrivateFolder } from "../node/private-file.js";
import { folderForSockets } from "../node/short-folder.js";
import { FastChatError } from "../protocol/errors.js";
import type { Log } from "../protocol/runtime.js";
import { openDatabase, StoreError, type Database, type DatabaseAddress } from "../store/database.js";
import { migrate } from "../store/migrate.js";
import { archiveMigrations } from "../store/migrations/archive.js";
import { serviceMigrations } from "../store/migrations/service.js";

export interface DatabasePlace {
  readonly address: DatabaseAddress;
  /** Folder of the embedded engine's files; `null` for a PostgreSQL server. */
  readonly folder: string | null;
}

export interface Databases {
  readonly service: DatabasePlace;
  readonly archive: DatabasePlace;
}

/** As PostgreSQL names its own sockets, and so `pg` looks for them. */
const SOCKET_NAME = ".s.PGSQL.5432";

/** The oldest PostgreSQL whose SQL we may use. */
const OLDEST_POSTGRES = 15;

/** Where the databases are; for embedded ones the folders of their sockets are made. */
export async function placeDatabases(
  config: Pick<Config, "database" | "archiveDatabase">,
  dataFolder: string,
): Promise<Databases> {
  const place = async (url: string | null, name: string): Promise<DatabasePlace> => {
    if (url !== null) return { address: { kind: "url", url }, folder: null };
    const sockets = join(dataFolder, "sockets", name);
    await makePrivateFolder(sockets);
    const directory = await folderForSockets(sockets, SOCKET_NAME);
    return { address: { kind: "socket", directory }, folder: join(dataFolder, name) };
  };
  return {
    service: await place(config.database, "service"),
    archive: await place(config.archiveDatabase, "archive"),
  };
}

/**
 * Brings both databases to the newest version. Neither is touched unless both can serve.
 *
 * @param timeoutMs how long to wait for a connection, in milliseconds
 * @throws FastChatError `databaseUnreachable`, `dataNewer`, `diskFull`, or `badConfig` for one that cannot serve
 */
export async function migrateDatabases(databases: Databases, timeoutMs: number, log: Log): Promise<void> {
  const service = { setting: "database", address: databases.service.address };
  const archive = { setting: "archiveDatabase", address: databases.archive.address };
  const identities = [
    await using(service, timeoutMs, log, (db) => examine(db, service)),
    await using(archive, timeoutMs, log, (db) => examine(db, archive)),
  ];
  if (identities[0] !== null && identities[0] === identities[1]) {
    throw new FastChatError(
      "badConfig",
      "database and archiveDatabase lead to the same database; the archives need one of their own.",
    );
  }
  for (const [one, migrations] of [
    [service, serviceMigrations],
    [archive, archiveMigrations],
  ] as const) {
    const { from, to } = await using(one, timeoutMs, log, (db) => migrate(db, migrations));
    if (from !== to) log.info({ schema: migrations.schema, from, to }, "a database was brought up to date");
  }
}

interface OneDatabase {
  readonly setting: string;
  readonly address: DatabaseAddress;
}

async function using<T>(
  one: OneDatabase,
  timeoutMs: number,
  log: Log,
  work: (db: Database) => Promise<T>,
): Promise<T> {
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
}

/** @returns what tells this database from all others; `null` for an embedded one */
async function examine(db: Database, { setting, address }: OneDatabase): Promise<string | null> {
  if (address.kind === "socket") return null;
  const { rows } = await db.query<{ version: string; identity: string }>({
    text: `SELECT current_setting('server_version_num') AS version,
                  concat_ws(' ', pg_postmaster_start_time(), d.oid) AS identity
             FROM pg_database d WHERE d.datname = current_database()`,
  });
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (!(version >= OLDEST_POSTGRES)) {
    throw new FastChatError(
      "badConfig",
      `${setting} is a PostgreSQL of version ${version}; it must be ${OLDEST_POSTGRES} or later.`,
    );
  }
  return rows[0]?.identity ?? null;
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
