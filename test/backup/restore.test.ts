/** Backups of whole services: from and into data folders and PostgreSQL, and what is refused before anything is written. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { lendDatabases } from "../../bench/databases.js";
import { BackupFile, writeBackupFile } from "../../src/backup/backup-file.js";
import { createBackup, type BackupOptions } from "../../src/backup/create.js";
import { withOfflineDatabase } from "../../src/backup/offline-database.js";
import { encodeJson, type BackupRecord, type JsonRecord } from "../../src/backup/records.js";
import { restoreBackup, type RestoreOptions } from "../../src/backup/restore.js";
import { readConfig, type Config } from "../../src/config.js";
import { openDatabase, type Database } from "../../src/store/database.js";
import { migrate } from "../../src/store/migrate.js";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { openDataFolder } from "../../src/supervisor/data-folder.js";
import { placeDatabases } from "../../src/supervisor/databases.js";
import { loadSecrets, SECRET_FILES } from "../../src/supervisor/secrets.js";
import { copyTemplate } from "../workers/database/template-folder.js";
import { contents, fill } from "./filled-database.js";

const ROWS = 20;
const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const MIGRATIONS = { service: serviceMigrations, archive: archiveMigrations } as const;
const noPassword = (): Promise<string> => Promise.reject(new Error("nobody was to be asked"));

function configOf(dataDir: string, urls?: { service: string; archive: string }): Config {
  const databases = { database: urls?.service ?? null, archiveDatabase: urls?.archive ?? null };
  const overrides = Object.entries({ dataDir, ...databases });
  return readConfig(
    "config/globals.json",
    overrides.map(([key, value]) => ({ key, value, source: "test" })),
    ".",
  );
}

function backup(config: Config, file: string, more: Partial<BackupOptions> = {}) {
  return createBackup({ config, file, replace: false, password: null, log: SILENT, ...more });
}

function restore(config: Config, file: string, more: Partial<RestoreOptions> = {}) {
  return restoreBackup({ config, file, password: noPassword, log: SILENT, ...more });
}

/** Ends a restore when all rows are written, and the last page has been asked about. */
function endedAtLast(): Partial<RestoreOptions> {
  const ending = new AbortController();
  const onRows = (count: number): void => {
    if (count === report.rows) ending.abort(new Error("enough"));
  };
  return { signal: ending.signal, onRows };
}

async function inDatabase<T>(
  config: Config,
  schema: "service" | "archive",
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const place = (await placeDatabases(config, config.dataDir))[schema];
  if (place.folder !== null) return withOfflineDatabase(place, { config, log: SILENT }, work);
  const db = openDatabase(place.address, 1, 10_000, (error) => {
    throw error;
  });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** What a service is, all of it. */
async function everything(config: Config) {
  const secrets: Record<string, string> = {};
  for (const { name } of SECRET_FILES) secrets[name] = await readFile(join(config.dataDir, name), "utf8");
  return {
    secrets,
    service: await inDatabase(config, "service", contents),
    archive: await inDatabase(config, "archive", contents),
  };
}

/** A service that ran and was stopped. */
async function makeService(dataDir: string): Promise<Config> {
  const config = configOf(dataDir);
  const folder = await openDataFolder(dataDir);
  await loadSecrets(folder.path, config, true, Date.now(), () => undefined);
  for (const schema of ["service", "archive"] as const) {
    await copyTemplate(join(folder.path, schema));
    await inDatabase(config, schema, async (db) => {
      await migrate(db, MIGRATIONS[schema]);
      await fill(db, () => ROWS);
    });
  }
  await folder.markComplete();
  await folder.release();
  return config;
}

const root = t.testdir({ first: {} });
const file = join(root, "backup");
const config = await makeService(join(root, "first"));
const before = await everything(config);
const report = await backup(config, file);
const records: BackupRecord[] = [];
for await (const record of (await BackupFile.open(file, noPassword)).records()) records.push(record);

/** A file of other records, whole as far as its digest says. */
async function bent(
  t: Test,
  change: (records: readonly JsonRecord[]) => readonly JsonRecord[],
): Promise<string> {
  const path = join(t.testdir(), "bent");
  const json = records.filter((record): record is JsonRecord => record.type !== "rows");
  await writeBackupFile(path, false, null, async (write) => {
    for (const record of change(json)) await write(encodeJson(record));
  });
  return path;
}

t.test("a stopped service is another's equal after a restore", async (t) => {
  const tables = [...Object.values(before.service), ...Object.values(before.archive)];
  const rows = tables.reduce((sum, { rows }) => sum + Number(rows), 0);
  t.match(report, { rows, heldMs: null, sealed: false, file });
  t.ok(rows > 14 * ROWS);
  const restored = configOf(join(root, "restored"));
  t.match(await restore(restored, file), { rows: report.rows, madeAt: report.madeAt, skipped: [] });
  t.same(await everything(restored), before);
  await t.rejects(restore(restored, file), { code: "badConfig", message: /is not empty/ });
});

t.test("a folder that was never started is none to back up", async (t) => {
  const empty = configOf(t.testdir({ service: {} }));
  await t.rejects(backup(empty, join(root, "none")), { code: "badConfig", message: /--data/ });
  // Those of PostgreSQL were forgotten: nothing is made in their place.
  const elsewhere = configOf(t.testdir({ version: "1\n" }));
  await t.rejects(backup(elsewhere, join(root, "none")), {
    code: "badConfig",
    message: /--archive-database/,
  });
  t.same(await readdir(elsewhere.dataDir), ["version"]);
  t.notOk((await readdir(root)).includes("none"));
});

t.test("a backup that is ended on the way leaves nothing", async (t) => {
  const ending = new AbortController();
  const failing = backup(config, join(root, "none"), {
    signal: ending.signal,
    onRows: () => ending.abort(new Error("enough")),
  });
  await t.rejects(failing, { message: "enough" });
  t.same((await readdir(root)).sort(), ["backup", "first", "restored"]);
});

t.test("a newer backup is refused before anything is made", async (t) => {
  for (const schema of ["service", "archive"] as const) {
    const newer = await bent(t, ([head, ...rest]) => [
      { ...(head as Extract<JsonRecord, { type: "head" }>), [schema]: 99 },
      ...rest,
    ]);
    await t.rejects(restore(configOf(join(t.testdirName, "new")), newer), {
      code: "dataNewer",
      message: /99/,
    });
    t.same(await readdir(t.testdirName), ["bent"]);
  }
});

t.test("secrets that are missing, and files that are none of them, are refused", async (t) => {
  for (const { name, required } of SECRET_FILES) {
    if (!required) continue;
    const without = await bent(t, (all) =>
      all.filter((record) => record.type !== "secret" || record.name !== name),
    );
    await t.rejects(restore(configOf(join(t.testdirName, "new")), without), {
      code: "backupDamaged",
      message: new RegExp(`${name} is missing`),
    });
    t.same(await readdir(t.testdirName), ["bent"]);
  }
  for (const name of ["../outside", "version", "address"]) {
    const foreign = await bent(t, ([head, ...rest]) => [
      head as JsonRecord,
      { type: "secret", name, content: "" },
      ...rest,
    ]);
    await t.rejects(restore(configOf(join(t.testdirName, "new")), foreign), { code: "backupDamaged" }, name);
    t.same(await readdir(t.testdirName), ["bent"]);
  }
});

t.test("what fails while the databases are written leaves no folder", async (t) => {
  // Its rows are missing, as the counts tell.
  const without = await bent(t, (all) => all);
  const wanted = join(t.testdirName, "new");
  await t.rejects(restore(configOf(wanted), without), { code: "backupDamaged", message: /rows of table/ });
  t.same(await readdir(t.testdirName), ["bent"]);
});

t.test("a restore that is ended when all rows are written leaves nothing", async (t) => {
  const wanted = configOf(join(t.testdir(), "new"));
  await t.rejects(restore(wanted, file, endedAtLast()), { message: "enough" });
  t.same(await readdir(t.testdirName), []);
});

const admin = process.env["FASTCHAT_TEST_ADMIN_URL"] ?? "";

t.test(
  "from a data folder into PostgreSQL and back",
  { skip: admin === "" ? "FASTCHAT_TEST_ADMIN_URL names no superuser of a PostgreSQL" : false },
  async (t) => {
    const lent = await lendDatabases(admin, undefined);
    t.teardown(() => lent.close());
    const there = configOf(join(root, "there"), lent.urls);

    const { service } = lent.urls;
    const both = configOf(join(root, "there"), { service, archive: `${service}?application_name=other` });
    await t.rejects(restore(both, file), { code: "badConfig", message: /the same database/ });
    const ending = AbortSignal.abort(new Error("enough"));
    await t.rejects(restore(there, file, { signal: ending }), { message: "enough" });
    t.notOk((await readdir(root)).includes("there"));
    await t.rejects(restore(there, file, endedAtLast()), { message: "enough" });
    t.notOk((await readdir(root)).includes("there"), "and nothing is committed, as the next one shows");

    t.match(await restore(there, file), { rows: report.rows });
    t.same(await everything(there), before);
    await t.rejects(restore(configOf(join(root, "again"), lent.urls), file), {
      code: "badConfig",
      message: /holds a table already/,
    });
    t.notOk((await readdir(root)).includes("again"));

    const second = join(root, "second");
    t.match(await backup(there, second), { rows: report.rows, heldMs: null });
    const back = configOf(join(root, "back"));
    await restore(back, second);
    t.same(await everything(back), before);
  },
);
