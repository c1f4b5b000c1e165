/** The two databases: where they are, and bringing them to the newest version before anybody uses them. */
import { join } from "node:path";
import type { Config } from "../config.js";
import { makePrivateFolder } from "../node/private-file.js";
import { folderForSockets } from "../node/short-folder.js";
import { FastChatError } from "../protocol/errors.js";
import type { Log } from "../protocol/runtime.js";
import type { Database, DatabaseAddress } from "../store/database.js";
import { migrate } from "../store/migrate.js";
import { archiveMigrations } from "../store/migrations/archive.js";
import { serviceMigrations } from "../store/migrations/service.js";
import { refusePower, refuseReader, type Side } from "./database-roles.js";
import { visitor, type Visit } from "./database-visit.js";

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
 * Brings both databases to the newest version. Neither is touched unless both can serve; whether one's role may read the
 * other's tables shows only once these are there.
 *
 * @param timeoutMs how long to wait for a connection, in milliseconds
 * @throws FastChatError `databaseUnreachable`, `dataNewer`, `diskFull`, or `badConfig` for one that cannot serve
 */
export async function migrateDatabases(databases: Databases, timeoutMs: number, log: Log): Promise<void> {
  const visit = visitor(timeoutMs, log);
  const service = { setting: "database", address: databases.service.address } as const;
  const archive = { setting: "archiveDatabase", address: databases.archive.address } as const;
  await examineBoth(visit, service, archive);
  for (const [one, migrations] of [
    [service, serviceMigrations],
    [archive, archiveMigrations],
  ] as const) {
    const { from, to } = await visit(one, (db) => migrate(db, migrations));
    if (from !== to) log.info({ schema: migrations.schema, from, to }, "a database was brought up to date");
  }
  await refuseReader(visit, service, archive);
  await refuseReader(visit, archive, service);
}

/** @throws as {@link migrateDatabases}, before anything is written */
export async function examineBoth(visit: Visit, service: Side, archive: Side): Promise<void> {
  const ofService = await visit(service, (db) => examine(db, service));
  const ofArchive = await visit(archive, (db) => examine(db, archive));
  if (ofService === null || ofService.server !== ofArchive?.server) return;
  if (ofService.database === ofArchive.database) {
    throw new FastChatError(
      "badConfig",
      "database and archiveDatabase lead to the same database; the archives need one of their own.",
    );
  }
  await refusePower(visit, service, archive, ofArchive.role);
  await refusePower(visit, archive, service, ofService.role);
}

interface Identity {
  /** When the server started, to the microsecond: no two servers share it, and everybody may read it. */
  readonly server: string;
  readonly database: string;
  readonly role: string;
}

/** @returns what tells this database from all others; `null` for an embedded one */
async function examine(db: Database, { setting, address }: Side): Promise<Identity | null> {
  if (address.kind === "socket") return null;
  const { rows } = await db.query<Identity & { version: string }>({
    text: `SELECT current_setting('server_version_num') AS version,
                  extract(epoch FROM pg_postmaster_start_time())::text AS server,
                  d.oid::text AS database, session_user AS role
             FROM pg_database d WHERE d.datname = current_database()`,
  });
  const version = Math.floor(Number(rows[0]?.version) / 10_000);
  if (!(version >= OLDEST_POSTGRES)) {
    throw new FastChatError(
      "badConfig",
      `${setting} is a PostgreSQL of version ${version}; it must be ${OLDEST_POSTGRES} or later.`,
    );
  }
  return rows[0] ?? null;
}
