/** Restores a backup into an empty data folder and, where they are named, into empty PostgreSQL databases. */
import { join } from "node:path";
import type { Config } from "../config.js";
import { writePrivateFile } from "../node/private-file.js";
import type { Log } from "../protocol/runtime.js";
import { refuseNewer, type Migrations } from "../store/migrate.js";
import { archiveMigrations } from "../store/migrations/archive.js";
import { serviceMigrations } from "../store/migrations/service.js";
import { visitor } from "../supervisor/database-visit.js";
import { examineBoth, placeDatabases, type Databases } from "../supervisor/databases.js";
import { SECRET_FILES } from "../supervisor/secrets.js";
import { BackupFile } from "./backup-file.js";
import { loadDatabase, next, refuseUsed, type Loaded, type LoadEvents, type Run } from "./load.js";
import { withOfflineDatabase } from "./offline-database.js";
import { damagedRecord, type BackupHead, type BackupRecord, type SchemaName } from "./records.js";
import { openRestoredFolder, type RestoredFolder } from "./restored-folder.js";

export interface RestoreOptions {
  /** Its data folder, and its databases: `null` for embedded ones. */
  readonly config: Config;
  readonly file: string;
  /** Asked for once, where the backup is sealed. */
  readonly password: () => Promise<string>;
  readonly log: Log;
  readonly onStep?: (text: string) => void;
  /** Told how many rows have been written so far. */
  readonly onRows?: (count: number) => void;
  /** Ends the work, and leaves folder and databases empty; it comes too late once the whole backup was read. */
  readonly signal?: AbortSignal;
}

export interface RestoreReport {
  /** When the backup was made: ISO 8601, in UTC. */
  readonly madeAt: string;
  /** Of FastChat, that made it. */
  readonly release: string;
  readonly rows: number;
  /** Tables of the backup that are none of FastChat's, and were left out. */
  readonly skipped: readonly string[];
}

type Records = AsyncGenerator<BackupRecord, void>;
/** Loads one database; the records are at its beginning. */
type Load = (schema: SchemaName, run: Run) => Promise<Loaded>;

/**
 * All or nothing: a failure leaves the folder as empty as it was, and the databases, too, unless one of the two had
 * been committed and the other could not be.
 *
 * @throws FastChatError as {@link BackupFile.open}; `dataNewer`; `badConfig` where folder or databases are not empty or cannot be
 *   used, `dataInUse`, `databaseUnreachable`, `diskFull`; the signal's reason
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { config, onStep = () => undefined } = options;
  onStep("checking the backup…");
  const file = await BackupFile.open(options.file, options.password);
  const records = file.records();
  try {
    const head = await headOf(records);
    const folder = await openRestoredFolder(config.dataDir);
    const restored = await restoreInto(folder, options, head, records).catch(async (error: unknown) => {
      // Why it failed says more than that the folder could not be emptied; its mark stays then.
      await folder.release().catch(() => undefined);
      throw error;
    });
    await folder.release();
    return restored;
  } finally {
    await records.return();
  }
}

async function restoreInto(
  folder: RestoredFolder,
  options: RestoreOptions,
  head: BackupHead,
  records: Records,
): Promise<RestoreReport> {
  const { config, onStep = () => undefined } = options;
  onStep("restoring…");
  const first = await restoreSecrets(folder.path, records);
  const databases = await placeDatabases(config, folder.path);
  const [service, archive] = await restoreDatabases(options, databases, head, first, records);
  await folder.complete();
  const skipped = [...service.skipped, ...archive.skipped];
  return { madeAt: head.madeAt, release: head.release, rows: service.rows + archive.rows, skipped };
}

async function headOf(records: Records): Promise<BackupHead> {
  const head = await next(records);
  if (head.type !== "head") throw damagedRecord("it does not begin as a backup does");
  for (const { schema, steps } of [serviceMigrations, archiveMigrations]) {
    refuseNewer(schema, head[schema], steps.length);
  }
  return head;
}

/** @returns the record behind the secrets */
async function restoreSecrets(folder: string, records: Records): Promise<BackupRecord> {
  const missing = new Set(SECRET_FILES.filter(({ required }) => required).map(({ name }) => name));
  for (;;) {
    const record = await next(records);
    if (record.type !== "secret") {
      if (missing.size > 0) throw damagedRecord(`${[...missing].join(", ")} is missing`);
      return record;
    }
    const { name, content } = record;
    // Never a path that a file names.
    if (!SECRET_FILES.some((known) => known.name === name)) throw damagedRecord("it holds an unknown file");
    missing.delete(name);
    await writePrivateFile(join(folder, name), Buffer.from(content, "base64"));
  }
}

/** @param first the record that was read already */
async function restoreDatabases(
  options: RestoreOptions,
  databases: Databases,
  head: BackupHead,
  first: BackupRecord,
  records: Records,
): Promise<[Loaded, Loaded]> {
  let rows = 0;
  const check = (): void => options.signal?.throwIfAborted();
  const events: LoadEvents = {
    check,
    onRows(count) {
      rows += count;
      options.onRows?.(rows);
    },
  };
  let begin: BackupRecord | null = first;
  const load: Load = async (schema, run) => {
    const record = begin ?? (await next(records));
    begin = null;
    if (record.type !== "database" || record.schema !== schema) {
      throw damagedRecord(`the database of the ${schema} is missing`);
    }
    return loadDatabase(run, migrationsOf(schema), head[schema], records, events);
  };
  const complete = async (): Promise<void> => {
    await ended(records);
    // The last time: what is committed behind it is not taken back.
    check();
  };
  return options.config.database === null
    ? intoEmbedded(options, databases, load, complete)
    : intoPostgres(options, databases, load, complete);
}

/** Page by page: what is not whole is removed with the folder, and the engine can write its log anew in between. */
async function intoEmbedded(
  options: RestoreOptions,
  databases: Databases,
  load: Load,
  complete: () => Promise<void>,
): Promise<[Loaded, Loaded]> {
  const into = (schema: SchemaName): Promise<Loaded> =>
    withOfflineDatabase(databases[schema], options, (db) => load(schema, (work) => db.transaction(work)));
  const loaded: [Loaded, Loaded] = [await into("service"), await into("archive")];
  await complete();
  return loaded;
}

/** In one transaction each, committed when the whole backup was read. */
async function intoPostgres(
  { config, log }: RestoreOptions,
  databases: Databases,
  load: Load,
  complete: () => Promise<void>,
): Promise<[Loaded, Loaded]> {
  const visit = visitor(config.timeouts.databaseMs, log);
  const service = { setting: "database", address: databases.service.address } as const;
  const archive = { setting: "archiveDatabase", address: databases.archive.address } as const;
  await examineBoth(visit, service, archive);
  return visit(service, (serviceDb) =>
    visit(archive, (archiveDb) =>
      serviceDb.transaction((serviceTx) =>
        archiveDb.transaction(async (archiveTx) => {
          for (const tx of [serviceTx, archiveTx]) {
            await tx.query({ text: "SET LOCAL idle_in_transaction_session_timeout = 0" });
          }
          await refuseUsed(serviceTx, "database");
          await refuseUsed(archiveTx, "archiveDatabase");
          const loaded: [Loaded, Loaded] = [
            await load("service", (work) => work(serviceTx)),
            await load("archive", (work) => work(archiveTx)),
          ];
          await complete();
          return loaded;
        }),
      ),
    ),
  );
}

async function ended(records: Records): Promise<void> {
  const record = await next(records);
  if (record.type !== "end" || (await records.next()).done !== true) {
    throw damagedRecord("something stands behind its end");
  }
}

function migrationsOf(schema: SchemaName): Migrations {
  return schema === "service" ? serviceMigrations : archiveMigrations;
}
