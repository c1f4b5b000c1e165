/** Databases with something in every column of every table, and what is in them as one can compare it. */
import { quoted, readTables, VERSIONS_TABLE, type Column, type Table } from "../../src/backup/catalog.js";
import { takeSnapshot } from "../../src/backup/dump.js";
import type { Database, Queryable } from "../../src/store/database.js";

/** Rows of a table. */
const ROWS = 40;
/** More than one page has, in one table of each database that refers to no other. */
const MANY: Readonly<Record<string, number>> = { group_events: 2_003, used_vouchers: 2_003 };
/** Of the values that may be large, a few are. */
const LARGE_BYTES = 1_200_000;
const LARGE_ROWS = 4;
/** Columns that may hold such, and stand in no index. */
const LARGE = /^(content|sealed|vault_sealed)$/;
const BATCH = 200;

/** How many rows a table has once it was filled. */
export function rowsOf(table: string): number {
  return MANY[table] ?? ROWS;
}

/**
 * Fills all tables. Row n has the n-th id wherever it has an id, so that every reference leads somewhere.
 *
 * @param rows of a table, by its name
 */
export async function fill(db: Database, rows: (table: string) => number = rowsOf): Promise<void> {
  await db.transaction(async (tx) => {
    const nullable = await nullableColumns(tx);
    for (const table of await readTables(tx)) {
      if (table.name === VERSIONS_TABLE) continue;
      await fillTable(tx, table, nullable, rows(table.name));
    }
  });
}

/** Every row of every table, as text in one spelling. */
export function contents(db: Database): Promise<Record<string, { rows: string; digest: string }>> {
  return db.transaction(async (tx) => {
    await takeSnapshot(tx);
    const found: Record<string, { rows: string; digest: string }> = {};
    for (const { name } of await readTables(tx)) {
      const { rows } = await tx.query<{ rows: string; digest: string }>({
        text: `SELECT count(*)::text AS rows, md5(string_agg(md5(t::text), '' ORDER BY md5(t::text) COLLATE "C")) AS digest
                 FROM ${quoted(name)} t`,
      });
      found[name] = rows[0] ?? { rows: "none", digest: "" };
    }
    return found;
  });
}

async function nullableColumns(tx: Queryable): Promise<Set<string>> {
  const { rows } = await tx.query<{ place: string }>({
    text: `SELECT table_name || '.' || column_name AS place FROM information_schema.columns
            WHERE table_schema = current_schema() AND is_nullable = 'YES'`,
  });
  return new Set(rows.map(({ place }) => place));
}

async function fillTable(
  tx: Queryable,
  table: Table,
  nullable: ReadonlySet<string>,
  rows: number,
): Promise<void> {
  const { columns, name } = table;
  const list = columns.map((column) => quoted(column.name)).join();
  for (let start = 0; start < rows; start += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, rows - start) }, (_, index) => start + index);
    const places = numbers.map(
      (_, place) => `(${columns.map(({ type }, i) => `$${place * columns.length + i + 1}::${type}`).join()})`,
    );
    await tx.query({
      text: `INSERT INTO ${quoted(name)} (${list}) OVERRIDING SYSTEM VALUE VALUES ${places.join()}`,
      values: numbers.flatMap((row) =>
        columns.map((column) =>
          row % 5 === 4 && nullable.has(`${name}.${column.name}`) ? null : valueOf(column, row, table),
        ),
      ),
    });
  }
}

/** Values at the edges of their types first. */
function valueOf({ type, name }: Column, row: number, table: Table): unknown {
  switch (type) {
    case "uuid":
      return `00000000-0000-4000-8000-${String(row).padStart(12, "0")}`;
    case "bytea":
      return bytesOf(row, row < LARGE_ROWS && LARGE.test(name));
    case "bigint":
      return [String(2n ** 63n - 1n), "0", "-1", String(2n ** 53n + 1n)][row] ?? String(row);
    case "integer":
      return [2 ** 31 - 1, 0, -1][row] ?? row;
    case "text":
      return `${["\u{1f600} \u00e9", "'\"\\\n\t$1", "\\x00", "NULL"][row] ?? ""} ${row}`;
    case "date":
      return new Date(Date.UTC(1970, 0, 1 + row * 30)).toISOString().slice(0, 10);
    case "timestamp with time zone":
      return `2026-03-29 0${row % 10}:30:00.${String(row % 1_000_000).padStart(6, "0")}+05:30`;
    default:
      throw new Error(`${table.name}.${name} is of type ${type}: say here what a value of that looks like`);
  }
}

/** Every byte there is, and no two alike. */
function bytesOf(row: number, large: boolean): Buffer {
  const own = Buffer.from([row >> 8, row & 255, 0, 255, 92, 39]);
  if (!large) return own;
  return Buffer.concat([
    own,
    Buffer.alloc(
      LARGE_BYTES,
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    ),
  ]);
}
