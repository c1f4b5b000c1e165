/**
 * Both databases as they were at one moment, while the system goes on.
 *
 * The service's is taken first, the archives' then. A message is deleted from the service's database only after the archive
 * has committed it, so whatever is missing in the first snapshot stands in the second; what was acknowledged in between
 * stands in both, is delivered once more after a restore, and the archive's entry tag makes nothing of it. The other way
 * round it would be in neither. By the same order the checkpoint that lies with the service is never newer than the archive.
 *
 * - PostgreSQL: a transaction each that sees one state (repeatable read), the second begun right after the first. Nobody waits.
 * - Embedded and running: the engine has one session, and whoever holds it keeps all others from writing. So it is held only
 *   while what changed of its files is copied ({@link FolderCopy}); read is the copy, by an engine of its own. Between
 *   two statements the engine does nothing, so the copy is what a killed process would leave, which PostgreSQL recovers.
 *   Both sessions are held together: that is one moment, and not two.
 * - Embedded and stopped: the folder's lock is taken and the databases are read where they are.
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.js";
import { isThere, makePrivateFolder, TEMPORARY_PREFIX } from "../node/private-file.js";
import { FastChatError } from "../protocol/errors.js";
import type { Log } from "../protocol/runtime.js";
import { isPassing, openDatabase, type Database, type Queryable } from "../store/database.js";
import { newestVersion, refuseNewer } from "../store/migrate.js";
import { archiveMigrations } from "../store/migrations/archive.js";
import { serviceMigrations } from "../store/migrations/service.js";
import { openDataFolder, type DataFolder } from "../supervisor/data-folder.js";
import { visitor } from "../supervisor/database-visit.js";
import { placeDatabases, type DatabasePlace, type Databases } from "../supervisor/databases.js";
import { takeSnapshot } from "./dump.js";
import { FolderCopy } from "./folder-copy.js";
import { withOfflineDatabase } from "./offline-database.js";
import type { SchemaName } from "./records.js";

export interface SnapshotOptions {
  readonly config: Config;
  readonly log: Log;
  /** Told what is being done. */
  readonly onStep: (text: string) => void;
  /** What it throws ends the work. */
  readonly check: () => void;
}

export interface Snapshot {
  /** Versions of the two schemas. */
  readonly versions: Readonly<Record<SchemaName, number>>;
  /** How long those who write to the databases had to wait, in milliseconds; `null` where nobody runs or waits. */
  readonly heldMs: number | null;
  /** Hands a transaction on one of the databases to `work`; both show the same moment, whichever is read first. */
  readonly read: <T>(schema: SchemaName, work: (tx: Queryable) => Promise<T>) => Promise<T>;
}

/** How often a session that is held is used, so that it is not taken away, in milliseconds. */
const KEEP_MS = 500;

/**
 * @param folder the real path of a complete data folder
 * @throws FastChatError `badConfig` where there are no databases, `databaseUnreachable`, `unavailable`, `diskFull`,
 *   `dataDamaged`; whatever `work` throws
 */
export async function withSnapshot<T>(
  folder: string,
  options: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const { config } = options;
  if (config.database !== null) return ofPostgres(folder, options, work);
  await refuseWithoutDatabases(folder);
  let stopped: DataFolder;
  try {
    stopped = await openDataFolder(folder);
  } catch (error) {
    if (error instanceof FastChatError && error.code === "dataInUse") return ofRunning(folder, options, work);
    throw error;
  }
  try {
    const read = offline(await placeDatabases(config, folder), options);
    const versions = {
      service: await read("service", (tx) => versionOf(tx, "service")),
      archive: await read("archive", (tx) => versionOf(tx, "archive")),
    };
    return await work({ versions, heldMs: null, read });
  } finally {
    await stopped.release();
  }
}

/** The engine would make them. */
async function refuseWithoutDatabases(folder: string): Promise<void> {
  for (const schema of ["service", "archive"] as const) {
    if (await isThere(join(folder, schema, "PG_VERSION"))) continue;
    throw new FastChatError(
      "badConfig",
      `${folder} holds no embedded databases; name those of PostgreSQL with --database and --archive-database, as at the start.`,
    );
  }
}

async function ofPostgres<T>(
  folder: string,
  { config, log }: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const visit = visitor(config.timeouts.databaseMs, log);
  const databases = await placeDatabases(config, folder);
  const service = { setting: "database", address: databases.service.address };
  const archive = { setting: "archiveDatabase", address: databases.archive.address };
  return visit(service, (serviceDb) =>
    serviceDb.transaction(async (serviceTx) => {
      await takeSnapshot(serviceTx);
      return visit(archive, (archiveDb) =>
        archiveDb.transaction(async (archiveTx) => {
          await takeSnapshot(archiveTx);
          const transactions = { service: serviceTx, archive: archiveTx };
          const versions = {
            service: await versionOf(serviceTx, "service"),
            archive: await versionOf(archiveTx, "archive"),
          };
          return work({ versions, heldMs: null, read: (schema, read) => read(transactions[schema]) });
        }),
      );
    }),
  );
}

async function ofRunning<T>(
  folder: string,
  options: SnapshotOptions,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  // Beside the databases: there the file system may copy by reference. The next start removes what a crash leaves.
  const copy = join(folder, TEMPORARY_PREFIX + randomBytes(8).toString("hex"));
  await makePrivateFolder(copy);
  try {
    const taken = await copyRunning(await placeDatabases(options.config, folder), copy, options);
    return await work({ ...taken, read: offline(await placeDatabases(options.config, copy), options) });
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyRunning(
  databases: Databases,
  copy: string,
  options: SnapshotOptions,
): Promise<Pick<Snapshot, "versions" | "heldMs">> {
  const { onStep, check } = options;
  const copies = (["service", "archive"] as const).map(
    (name) => new FolderCopy(databases[name].folder ?? "", join(copy, name), check),
  );
  const service = open(databases.service, options);
  const archive = open(databases.archive, options);
  try {
    // Little is left to change, and to recover, of what has just been put in its place.
    for (const db of [service, archive]) await db.query({ text: "CHECKPOINT" });
    onStep("copying the databases…");
    for (const one of copies) await one.ahead();
    const before = performance.now();
    const versions = await held(service, (serviceTx) =>
      held(archive, async (archiveTx) => {
        for (const one of copies) await one.complete();
        return {
          service: await versionOf(serviceTx, "service"),
          archive: await versionOf(archiveTx, "archive"),
        };
      }),
    );
    return { versions, heldMs: performance.now() - before };
  } catch (error) {
    if (!isPassing(error) || error.code === "diskFull") throw error;
    throw new FastChatError(
      "unavailable",
      "The data folder is in use, but its databases do not answer: the service is starting or stopping, or another backup or restore is under way.",
      undefined,
      { cause: error },
    );
  } finally {
    await Promise.all([service.close(), archive.close()]);
  }
}

function open({ address }: DatabasePlace, { config, log }: SnapshotOptions): Database {
  return openDatabase(address, 1, config.timeouts.databaseMs, (error) =>
    log.debug({ error }, "an idle database connection failed"),
  );
}

/** Does something while nobody else can use an embedded database. @throws StoreError where that was not so to the end */
function held<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    const use = (): Promise<unknown> => tx.query({ text: "SELECT 1" });
    await use();
    // One that fails fails the last one as well: a session that was taken away does not answer any more.
    const timer = setInterval(() => void use().catch(() => undefined), KEEP_MS);
    try {
      const result = await work(tx);
      await use();
      return result;
    } finally {
      clearInterval(timer);
    }
  });
}

function offline(databases: Databases, options: SnapshotOptions): Snapshot["read"] {
  return (schema, work) =>
    withOfflineDatabase(databases[schema], options, (db) =>
      db.transaction(async (tx) => {
        await takeSnapshot(tx);
        return work(tx);
      }),
    );
}

async function versionOf(tx: Queryable, schema: SchemaName): Promise<number> {
  const { steps } = schema === "service" ? serviceMigrations : archiveMigrations;
  const version = await newestVersion(tx, schema);
  refuseNewer(schema, version, steps.length);
  return version;
}
