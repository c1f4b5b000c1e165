/** Records become rows of an empty database. */
import { FastChatError } from "../protocol/errors.js";
import { StoreError, type Queryable } from "../store/database.js";
import { migrateIn, type Migrations } from "../store/migrate.js";
import { quoted, readTables, VERSIONS_TABLE, type Table } from "./catalog.js";
import { parameterOf } from "./dump.js";
import { damagedRecord, decodeRows, type BackupRecord, type JsonRecord, type Row } from "./records.js";

/** A statement has 65,535 parameters at most. */
const MAX_PARAMETERS = 65_535;
const MAX_ROWS = 512;
/** About the size of one statement; the bridge of embedded databases takes 16 MiB. */
const STATEMENT_BYTES = 4 * 1024 * 1024;
const STATEMENT_MS = 600_000;

/** How statements reach the database: each piece in a transaction of its own, or all within one. */
export type Run = <T>(work: (tx: Queryable) => Promise<T>) => Promise<T>;

export interface LoadEvents {
  onRows?(count: number): void;
  /** What it throws ends the work. */
  check?(): void;
}

export interface Loaded {
  readonly rows: number;
  /** Tables of the backup that are none of FastChat's, and were left out. */
  readonly skipped: readonly string[];
}

/** @throws FastChatError `badConfig` where the database holds tables already */
export async function refuseUsed(tx: Queryable, setting: string): Promise<void> {
  const { rows } = await tx.query<{ name: string }>({
    text: `SELECT c.relname AS name FROM pg_class c
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
              AND pg_has_role(session_user, c.relowner, 'MEMBER')
            ORDER BY 1 LIMIT 1`,
  });
  const [found] = rows;
  if (found === undefined) return;
  throw new FastChatError(
    "badConfig",
    `${setting}: the database holds a table already (${found.name}); a backup is restored into an empty one.`,
  );
}

/**
 * Makes the tables as they were in the backup's release, and fills them. The records are those behind `database`, up to
 * `databaseEnd`, which is taken, too. The next start brings the database to its own release's version.
 *
 * @param version of the schema in the backup
 * @throws FastChatError `backupDamaged`; StoreError
 */
export async function loadDatabase(
  run: Run,
  migrations: Migrations,
  version: number,
  records: AsyncIterator<BackupRecord, void>,
  events: LoadEvents = {},
): Promise<Loaded> {
  const { schema, steps } = migrations;
  const tables = await run(async (tx) => {
    await migrateIn(tx, { schema, steps: steps.slice(0, version) });
    const made = await readTables(tx);
    // What the steps themselves wrote stands in the backup as well.
    for (const { name } of [...made].reverse()) await tx.query({ text: `DELETE FROM ${quoted(name)}` });
    return made;
  });
  const missing = new Set(tables.map(({ name }) => name));
  const skipped: string[] = [];
  let total = 0;
  for (;;) {
    const record = await next(records);
    switch (record.type) {
      case "table": {
        const table = tables.find(({ name }) => name === record.name);
        if (table === undefined) skipped.push(record.name);
        else if (!missing.delete(table.name)) throw damagedRecord(`table ${table.name} comes twice`);
        else refuseOtherColumns(record, table);
        total += await loadTable(run, table ?? null, records, events);
        break;
      }
      case "sequence":
        await run((tx) => setSequence(tx, record, tables, skipped));
        break;
      case "databaseEnd":
        if (missing.size > 0) throw damagedRecord(`table ${[...missing].join(", ")} is missing`);
        return { rows: total, skipped };
      default:
        throw damagedRecord(`a record of type ${record.type} stands within a database`);
    }
  }
}

/** @throws FastChatError `backupDamaged` where there is none */
export async function next(records: AsyncIterator<BackupRecord, void>): Promise<BackupRecord> {
  const found = await records.next();
  if (found.done === true) throw damagedRecord("records are missing at its end");
  return found.value;
}

/** @param table `null` to pass over the rows */
async function loadTable(
  run: Run,
  table: Table | null,
  records: AsyncIterator<BackupRecord, void>,
  events: LoadEvents,
): Promise<number> {
  let count = 0;
  for (;;) {
    const record = await next(records);
    if (record.type === "tableEnd") {
      if (table !== null && record.rows !== count)
        throw damagedRecord(`rows of table ${table.name} are missing`);
      return count;
    }
    if (record.type !== "rows") throw damagedRecord(`a record of type ${record.type} stands within a table`);
    if (table === null) continue;
    events.check?.();
    const rows = decodeRows(record.content, table.columns.length);
    try {
      await run((tx) => insert(tx, table, rows));
    } catch (error) {
      // A key that comes twice, a reference that leads nowhere, a text that is no date.
      const unfit = error instanceof StoreError && error.kind === "rejected";
      throw unfit ? damagedRecord(`a row of table ${table.name} does not fit`) : error;
    }
    count += rows.length;
    events.onRows?.(rows.length);
  }
}

/** Names come out of the catalog, and never out of the file, into a statement. */
function refuseOtherColumns({ columns }: Extract<JsonRecord, { type: "table" }>, table: Table): void {
  const same =
    columns.length === table.columns.length &&
    table.columns.every(({ name, type }, i) => columns[i]?.name === name && columns[i]?.type === type);
  if (!same) throw damagedRecord(`table ${table.name} has other columns`);
}

async function insert(tx: Queryable, { name, columns }: Table, rows: readonly Row[]): Promise<void> {
  const most = Math.min(MAX_ROWS, Math.floor(MAX_PARAMETERS / columns.length));
  const list = columns.map((column) => quoted(column.name)).join(", ");
  for (let start = 0; start < rows.length;) {
    const part = firstOf(rows, start, most);
    const places = part.map(
      (_, row) => `(${columns.map((_, column) => `$${row * columns.length + column + 1}`).join()})`,
    );
    await tx.query({
      // Most pages are many full statements: these are worth being prepared.
      ...(part.length === most ? { name: `restore ${name}` } : {}),
      text: `INSERT INTO ${quoted(name)} (${list}) OVERRIDING SYSTEM VALUE VALUES ${places.join()}`,
      values: part.flatMap((row) =>
        row.map((value, column) => parameterOf(value, columns[column]?.type ?? "")),
      ),
      timeoutMs: STATEMENT_MS,
    });
    start += part.length;
  }
}

/** As many rows as make a statement; one at least. */
function firstOf(rows: readonly Row[], start: number, most: number): readonly Row[] {
  let bytes = 0;
  let end = start;
  while (end < rows.length && end - start < most) {
    for (const value of rows[end] ?? []) bytes += value?.length ?? 0;
    if (end > start && bytes > STATEMENT_BYTES) break;
    end++;
  }
  return rows.slice(start, end);
}

/** One that belongs to a table that was left out goes with it. */
async function setSequence(
  tx: Queryable,
  { name, lastValue, isCalled }: Extract<JsonRecord, { type: "sequence" }>,
  tables: readonly Table[],
  skipped: readonly string[],
): Promise<void> {
  const { rows } = await tx.query<{ found: string | null }>({
    text: `SELECT c.oid::text AS found FROM pg_class c
            WHERE c.oid = to_regclass(quote_ident($1)) AND c.relkind = 'S'
              AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('${VERSIONS_TABLE}'))`,
    values: [name],
  });
  const [sequence] = rows;
  if (sequence === undefined) {
    if (skipped.length > 0 && !tables.some((table) => name.startsWith(`${table.name}_`))) return;
    throw damagedRecord(`there is no sequence ${name}`);
  }
  await tx.query({
    text: "SELECT setval($1::oid::regclass, $2::bigint, $3::boolean)",
    values: [sequence.found, lastValue, isCalled],
  });
}
