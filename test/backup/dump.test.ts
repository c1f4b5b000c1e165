/** Databases as records and back: every row of every table, from one engine into another. */
import t from "tap";
import { readTables, VERSIONS_TABLE } from "../../src/backup/catalog.js";
import { dumpDatabase, takeSnapshot } from "../../src/backup/dump.js";
import { loadDatabase, refuseUsed } from "../../src/backup/load.js";
import {
  decodeRecords,
  encodeJson,
  encodeRows,
  type BackupRecord,
  type SchemaName,
} from "../../src/backup/records.js";
import type { Database } from "../../src/store/database.js";
import { migrate, type Migrations } from "../../src/store/migrate.js";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { engines } from "../engines/engines.js";
import { contents, fill, rowsOf } from "./filled-database.js";

const DAMAGED = { code: "backupDamaged" };
const SCHEMAS = { service: serviceMigrations, archive: archiveMigrations } as const;
const usable = engines().filter(({ transactional, skip }) => transactional && skip === false);

/** A database's records without the first, as they go through a file. */
async function dumped(db: Database, schema: SchemaName): Promise<BackupRecord[]> {
  const pieces = await db.transaction(async (tx) => {
    await takeSnapshot(tx);
    const all: Uint8Array[] = [];
    for await (const piece of dumpDatabase(tx, schema)) all.push(piece);
    return all;
  });
  const records: BackupRecord[] = [];
  for await (const record of decodeRecords(each(pieces))) records.push(record);
  t.same(records[0], { type: "database", schema });
  return records.slice(1);
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void> {
  yield* items;
}

/** In one transaction, so that what is refused leaves nothing. */
function load(db: Database, migrations: Migrations, records: readonly BackupRecord[], version?: number) {
  const iterator = each(records);
  return db.transaction((tx) =>
    loadDatabase((work) => work(tx), migrations, version ?? migrations.steps.length, iterator),
  );
}

/** The tables that the steps of a schema make, by their own text. */
function madeBy({ steps }: Migrations): string[] {
  const made = steps
    .flatMap(({ statements }) => statements)
    .flatMap((statement) => /^\s*CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)/i.exec(statement)?.[1] ?? []);
  return [...made, VERSIONS_TABLE].sort();
}

for (const source of usable) {
  for (const schema of ["service", "archive"] as const) {
    const migrations = SCHEMAS[schema];
    t.test(`all of the ${schema}'s database, from ${source.name}`, async (t) => {
      const { db, close } = await source.open(migrations);
      t.teardown(close);
      await fill(db);
      const before = await contents(db);
      const records = await dumped(db, schema);

      await t.test("no table that the migrations make is left out", async (t) => {
        const tables = records.flatMap((record) => (record.type === "table" ? [record.name] : []));
        t.same([...tables].sort(), madeBy(migrations));
        t.same(Object.keys(before).sort(), madeBy(migrations));
        for (const [name, { rows }] of Object.entries(before)) {
          t.equal(rows, String(name === VERSIONS_TABLE ? migrations.steps.length : rowsOf(name)), name);
        }
      });

      await t.test("large values make small pages", async (t) => {
        for (const record of records) {
          if (record.type === "rows") t.ok(record.content.length < 8 * 1024 * 1024);
        }
      });

      for (const target of usable) {
        await t.test(`into ${target.name}`, async (t) => {
          const { db: restored, close } = await target.open({ schema, steps: [] });
          t.teardown(close);
          const { rows, skipped } = await load(restored, migrations, records);
          t.same(await contents(restored), before);
          t.equal(
            rows,
            Object.values(before).reduce((sum, { rows }) => sum + Number(rows), 0),
          );
          t.same(skipped, []);
          t.same(await migrate(restored, migrations), {
            from: migrations.steps.length,
            to: migrations.steps.length,
          });
        });
      }
    });
  }
}

for (const engine of usable) {
  t.test(`on ${engine.name}`, async (t) => {
    const { db, close } = await engine.open(serviceMigrations);
    t.teardown(close);
    await fill(db, () => 3);
    await db.query({ text: "SELECT setval('deliveries_position_seq', 1000)" });
    const records = await dumped(db, "service");
    const empty = await engine.open({ schema: "service", steps: [] });
    t.teardown(empty.close);

    await t.test(
      "a backup from which any record is missing is refused, and nothing of it stays",
      async (t) => {
        for (const [index, record] of records.entries()) {
          // What a table begins with takes its rows with it: the next table would be read as its own.
          const without = records.filter((_, other) => other !== index);
          if (record.type === "sequence") continue;
          await t.rejects(
            load(empty.db, serviceMigrations, without),
            DAMAGED,
            JSON.stringify(record).slice(0, 80),
          );
        }
        t.same(await empty.db.transaction(readTables).then((tables) => tables.map(({ name }) => name)), [
          VERSIONS_TABLE,
        ]);
      },
    );

    await t.test("a table that comes twice, has other columns or other rows is refused", async (t) => {
      const start = records.findIndex((record) => record.type === "table" && record.name === "file_grants");
      const table = records.slice(start, start + 3);
      const changed = async (...put: BackupRecord[]): Promise<void> => {
        const bent = [...records.slice(0, start), ...put, ...records.slice(start + 3)];
        await t.rejects(load(empty.db, serviceMigrations, bent), DAMAGED);
      };
      t.match(table, [{ name: "file_grants" }, { type: "rows" }, { type: "tableEnd", rows: 3 }]);
      const [head, rows, end] = table as [BackupRecord, BackupRecord, BackupRecord];
      await changed(...table, ...table);
      await changed(
        { type: "table", name: "file_grants", columns: [{ name: "account", type: "uuid" }] },
        rows,
        end,
      );
      await changed(
        {
          type: "table",
          name: "file_grants",
          columns: [
            { name: 'account"; --', type: "uuid" },
            { name: "day", type: "date" },
            { name: "mib", type: "integer" },
          ],
        },
        rows,
        end,
      );
      await changed(head, rows, rows, end);
      await changed(head, rows, { type: "tableEnd", rows: 2 });
      await changed(head, end);
    });

    await t.test("a table that is none of ours is left out, and said to be", async (t) => {
      const own = [
        { type: "table", name: "notes of the operator", columns: [{ name: "id", type: "integer" }] },
        ...(await recordsOf(encodeRows([[Buffer.from("1")]]))),
        { type: "tableEnd", rows: 1 },
      ] as const satisfies readonly BackupRecord[];
      await empty.db
        .transaction(async (tx) => {
          const iterator = each([...own, ...records]);
          const run = <T>(work: (inner: typeof tx) => Promise<T>): Promise<T> => work(tx);
          const { skipped } = await loadDatabase(
            run,
            serviceMigrations,
            serviceMigrations.steps.length,
            iterator,
          );
          t.same(skipped, ["notes of the operator"]);
          throw new Error("as if it had not been");
        })
        .catch((error: unknown) => t.match(error, { message: "as if it had not been" }));
    });

    await t.test("numbers go on behind the last one that was given away", async (t) => {
      await load(empty.db, serviceMigrations, records);
      await empty.db.query({ text: "DELETE FROM deliveries" });
      const { rows } = await empty.db.query<{ position: string }>({
        text: `INSERT INTO deliveries (recipient, sender, message, conversation, epoch, wrapped_key, body)
               SELECT id, id, id, '\\x00', 0, '\\x00', id FROM bodies LIMIT 1 RETURNING position`,
      });
      t.same(rows, [{ position: "1001" }]);
    });

    await t.test("a database that holds a table is no empty one", async (t) => {
      await t.rejects(
        db.transaction((tx) => refuseUsed(tx, "database")),
        {
          code: "badConfig",
          message: /^database: the database holds a table already \(accounts\)/,
        },
      );
    });

    await t.test(
      "what an older release backed up is restored, and brought up to date by the start",
      async (t) => {
        const older = { schema: "service", steps: serviceMigrations.steps.slice(0, 2) } as const;
        const { db, close } = await engine.open(older);
        t.teardown(close);
        await fill(db, () => 3);
        const before = await contents(db);
        const { db: restored, close: closeRestored } = await engine.open({ schema: "service", steps: [] });
        t.teardown(closeRestored);
        await load(restored, serviceMigrations, await dumped(db, "service"), 2);
        t.same(await contents(restored), before);
        t.same(await migrate(restored, serviceMigrations), { from: 2, to: serviceMigrations.steps.length });
        t.match(await contents(restored), { accounts: { rows: "3" }, file_grants: { rows: "0" } });
      },
    );
  });
}

async function recordsOf(bytes: Uint8Array): Promise<BackupRecord[]> {
  const records: BackupRecord[] = [];
  for await (const record of decodeRecords(each([bytes, encodeJson({ type: "end" })]))) records.push(record);
  return records.slice(0, 1);
}
