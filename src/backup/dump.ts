/** A database as records: every row of every table, and where its sequences are. */
import { FastChatError } from "../protocol/errors.js";
import type { Queryable } from "../store/database.js";
import { howManyFit } from "../store/how-many-fit.js";
import { quoted, readSequences, readTables, type Column, type Table } from "./catalog.js";
import { encodeJson, encodeRows, type Row, type SchemaName, type Value } from "./records.js";

/** Of one page: what of a table is in memory at once, if no single row is larger. */
const PAGE_BYTES = 4 * 1024 * 1024;
const PAGE_ROWS = 2000;

/** What a value weighs beside its own bytes. */
const VALUE_BYTES = 24;

/** A page of a large table is a matter of milliseconds, but on a disk that is asleep or busy. */
const STATEMENT_MS = 600_000;

export interface DumpEvents {
  /** So many rows have been read. */
  onRows?(count: number): void;
  /** What it throws ends the dump. */
  check?(): void;
}

/**
 * Makes a transaction one that sees the database as it is now, for as long as it lasts, whatever is written meanwhile,
 * and that spells values the same everywhere. Must be its first statement.
 *
 * @throws StoreError
 */
export async function takeSnapshot(tx: Queryable): Promise<void> {
  await tx.query({ text: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY" });
  await tx.query({
    text: `SELECT set_config('statement_timeout', '0', true),
                  set_config('idle_in_transaction_session_timeout', '0', true),
                  set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
                  set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true),
                  set_config('bytea_output', 'hex', true)`,
  });
}

/**
 * Reads a whole database.
 *
 * @param tx after {@link takeSnapshot}
 * @throws StoreError; FastChatError `tooLarge`; `internal` for a table without a primary key, which cannot be paged through
 */
export async function* dumpDatabase(
  tx: Queryable,
  schema: SchemaName,
  events: DumpEvents = {},
): AsyncGenerator<Uint8Array, void> {
  yield encodeJson({ type: "database", schema });
  for (const table of await readTables(tx)) {
    yield encodeJson({ type: "table", name: table.name, columns: [...table.columns] });
    let count = 0;
    for await (const rows of pagesOf(tx, table)) {
      events.check?.();
      count += rows.length;
      events.onRows?.(rows.length);
      yield encodeRows(rows);
    }
    yield encodeJson({ type: "tableEnd", rows: count });
  }
  for (const sequence of await readSequences(tx)) yield encodeJson({ type: "sequence", ...sequence });
  yield encodeJson({ type: "databaseEnd" });
}

/**
 * By its key, page by page. First the page's rows are weighed, which reads no large value (they lie apart), so that a page of
 * large ones holds few.
 */
async function* pagesOf(tx: Queryable, table: Table): AsyncGenerator<Row[], void> {
  const statements = statementsOf(table);
  let after: Row | null = null;
  for (;;) {
    const place: Row | null = after;
    const weights = await tx.query<{ weight: number }>({
      ...statements.weigh(place, PAGE_ROWS + 1),
      timeoutMs: STATEMENT_MS,
    });
    const count = howManyFit(
      weights.rows.map(({ weight }) => weight),
      PAGE_ROWS,
      PAGE_BYTES,
    );
    if (count === 0) return;
    const { rows } = await tx.query<Record<string, string | Buffer | null>>({
      ...statements.read(place, count),
      timeoutMs: STATEMENT_MS,
    });
    const page = rows.map((row) => table.columns.map((_, index) => bytesOf(row[`c${index}`] ?? null)));
    yield page;
    if (count === weights.rows.length) return;
    const last: Row = page[page.length - 1] ?? [];
    after = table.key.map((name) => last[table.columns.findIndex((column) => column.name === name)] ?? null);
  }
}

function statementsOf(table: Table) {
  const { name, columns, key } = table;
  if (key.length === 0) {
    throw new FastChatError("internal", `The table ${name} has no primary key, by which it could be read.`);
  }
  const keyColumns = key.map((one) => columns.find((column) => column.name === one) as Column);
  const list = key.map(quoted).join(", ");
  const marks = keyColumns.map(({ type }, index) => `$${index + 1}::${type}`).join(", ");
  const from = (after: Row | null, limit: number): string =>
    `FROM ${quoted(name)} ${after === null ? "" : `WHERE (${list}) > (${marks})`} ORDER BY ${list} LIMIT ${limit}`;
  const values = (after: Row | null): unknown[] =>
    (after ?? []).map((value, index) => parameterOf(value, keyColumns[index]?.type ?? ""));
  const weight = columns.map(weightOf).join(" + ");
  const selected = columns.map((column, index) => `${readable(column)} AS c${index}`).join(", ");
  return {
    weigh: (after: Row | null, limit: number) => ({
      text: `SELECT ${weight} AS weight ${from(after, limit)}`,
      values: values(after),
    }),
    read: (after: Row | null, limit: number) => ({
      text: `SELECT ${selected} ${from(after, limit)}`,
      values: values(after),
    }),
  };
}

function weightOf({ name, type }: Column): string {
  // The length of these two is known without reading them; of other types this is what they take on the disk.
  const size = type === "bytea" || type === "text" ? "octet_length" : "pg_column_size";
  return `coalesce(${size}(${quoted(name)}), 0) + ${VALUE_BYTES}`;
}

function readable({ name, type }: Column): string {
  return type === "bytea" ? quoted(name) : `${quoted(name)}::text`;
}

function bytesOf(value: string | Buffer | null): Value {
  return typeof value === "string" ? Buffer.from(value) : value;
}

/** A value as `pg` sends it: bytes as bytes, everything else as text, which the database reads as the column's type. */
export function parameterOf(value: Value, type: string): unknown {
  return value === null || type === "bytea" ? value : Buffer.from(value).toString("utf8");
}
