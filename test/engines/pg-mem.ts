/**
 * pg-mem, the suite's default engine: nothing starts, nothing waits. It is an imitation in JavaScript and answers some
 * statements wrongly. What can honestly be made up for is made up for here, each with the wrong answer it mends.
 * Two differences stay: a bigint arrives as a number, and a migration that fails is not undone.
 */
import { DataType, newDb, type IMemoryDb } from "pg-mem";
import { PgDatabase, type PgClient, type PgPool } from "../../src/store/database.js";
import { migrate } from "../../src/store/migrate.js";
import type { Engine } from "./engine.js";
import { Exclusive } from "./exclusive.js";

export const pgMemEngine: Engine = {
  name: "pg-mem",
  skip: false,
  transactional: false,
  concurrent: false,
  async open(migrations) {
    const mem = newDb();
    addFunctions(mem);
    const db = new PgDatabase(exclusivePool(mem));
    await migrate(db, migrations);
    return { db, close: () => db.close() };
  },
};

type Result = Awaited<ReturnType<PgClient["query"]>>;
type Answer = (text: string, values: readonly unknown[]) => Promise<Result>;

/** Functions that pg-mem does not have. */
function addFunctions({ public: schema }: IMemoryDb): void {
  schema.registerFunction({
    name: "pg_advisory_xact_lock",
    args: [DataType.bigint],
    returns: DataType.bool,
    implementation: () => true,
    impure: true,
  });
  schema.registerFunction({
    name: "octet_length",
    args: [DataType.bytea],
    returns: DataType.integer,
    // Bytes are stored as hexadecimal digits, see `storable`.
    implementation: (digits: Buffer) => digits.length / 2,
  });
  schema.registerFunction({
    name: "to_char",
    args: [DataType.date, DataType.text],
    returns: DataType.text,
    implementation: (day: Date, form: string) => {
      if (form !== "YYYY-MM-DD") throw new Error(`to_char knows no ${form} here`);
      return day.toISOString().slice(0, 10);
    },
  });
  schema.registerFunction({
    name: "strpos",
    args: [DataType.text, DataType.text],
    returns: DataType.integer,
    implementation: (text: string, part: string) => text.indexOf(part) + 1,
  });
}

/** pg-mem's clients share one session: whoever holds one, holds all. */
function exclusivePool(mem: IMemoryDb): PgPool {
  const turns = new Exclusive();
  const { Pool } = mem.adapters.createPg() as { Pool: new () => { query(config: object): Promise<Result> } };
  const pool = new Pool();
  return {
    async connect() {
      const release = await turns.turn();
      return memClient(mem, (text, values) => pool.query({ text, values }), release);
    },
    async end() {
      (await turns.turn())();
    },
  };
}

function memClient(mem: IMemoryDb, answer: Answer, release: () => void): PgClient {
  let backup = mem.backup();
  let inTransaction = false;
  let failed = false;

  // ROLLBACK undoes nothing; a copy of the data, which costs nothing, does. It cannot go back over a CREATE.
  const rollback = (): void => {
    try {
      backup.restore();
    } catch (error) {
      if (!String(error).includes("schema has been changed")) throw error;
    }
  };
  const control = (text: string): string | null => {
    switch (text) {
      case "BEGIN":
        backup = mem.backup();
        inTransaction = true;
        failed = false;
        return text;
      case "COMMIT":
      case "ROLLBACK": {
        const command = failed ? "ROLLBACK" : text;
        if (command === "ROLLBACK") rollback();
        inTransaction = failed = false;
        return command;
      }
      default:
        return null;
    }
  };
  const run = async (text: string, values: readonly unknown[]): Promise<Result> => {
    const command = control(text);
    if (command !== null) return { rows: [], rowCount: 0, command };
    // A failed statement does not end its transaction: those behind it would be carried out.
    if (failed) throw Object.assign(new Error("current transaction is aborted"), { code: "25P02" });
    // Of a table that is there, CREATE TABLE IF NOT EXISTS is refused: nothing reads what it says of the columns.
    const created = /^\s*CREATE TABLE IF NOT EXISTS (\w+)/i.exec(text)?.[1];
    if (created !== undefined && mem.public.getTable(created, true) !== null) {
      return { rows: [], rowCount: 0, command: "CREATE" };
    }
    try {
      return await answerRight(text, values, answer);
    } catch (error) {
      failed = inTransaction;
      throw coded(mem, error);
    }
  };
  // One after another: statements of a batch are handed over without waiting, and must see whether one failed.
  let last: Promise<unknown> = Promise.resolve();
  return {
    query(config) {
      const result = last.then(() => run(config.text, config.values ?? []));
      last = result.catch(() => undefined);
      return result as Promise<never>;
    },
    on: () => undefined,
    removeListener: () => undefined,
    release,
  };
}

async function answerRight(text: string, values: readonly unknown[], answer: Answer): Promise<Result> {
  const inner = /\bIN \((\s*SELECT[^()]*\bLIMIT\b[^()]*)\)/i.exec(text);
  if (inner !== null) {
    // The LIMIT of a subquery is ignored: its rows are found first, and named.
    const found = await answerRight(inner[1] ?? "", values, answer);
    const ids = found.rows.flatMap((row) => Object.values(row) as unknown[]);
    const around = text.replace(inner[0], `= ANY($${values.length + 1})`);
    return answerRight(around, [...values, ids], answer);
  }
  // DELETE … USING is not understood, nor is unnest with several arguments: one DELETE for each row of the arrays.
  const using = /^\s*DELETE FROM (\w+)\s+USING unnest\(([^)]*)\) AS (\w+) \(([^)]*)\)\s+WHERE (.*)$/is.exec(
    text,
  );
  if (using === null) {
    const statement = understood(text, values);
    return readable(await answer(statement.text, statement.values));
  }
  const [, table = "", , alias = "", columns = "", where = ""] = using;
  const each = columns
    .split(",")
    .reduce((rest, column, i) => rest.replaceAll(`${alias}.${column.trim()}`, `$${i + 1}`), where);
  const arrays = values as readonly unknown[][];
  let rowCount = 0;
  for (const index of arrays[0]?.keys() ?? []) {
    const row = arrays.map((array) => storable(array[index]));
    rowCount += (await answer(`DELETE FROM ${table} WHERE ${each}`, row)).rowCount ?? 0;
  }
  return { rows: [], rowCount, command: "DELETE" };
}

/** The same statement, in words that pg-mem gets right. */
function understood(text: string, given: readonly unknown[]): { text: string; values: unknown[] } {
  const values = given.map(storable);
  const words = text
    // `= ANY(array)` finds nothing where the column has an index; IN does.
    .replaceAll(/= ANY\(\$(\d+)(?:::\w+\[\])?\)/gi, (_, number: string) => {
      const items = given[Number(number) - 1] as readonly unknown[];
      const parameters = items.map((item) => `$${values.push(storable(item))}`);
      return `IN (${parameters.join(", ") || "NULL"})`;
    })
    // unnest with several arguments is not understood: a list of values is.
    .replaceAll(/FROM unnest\(([^)]*)\)\s+AS/gi, (_, list: string) => {
      const columns = [...list.matchAll(/\$(\d+)::(\w+)\[\]/g)];
      const arrays = columns.map(([, number]) => given[Number(number) - 1] as readonly unknown[]);
      const rows = [...(arrays[0]?.keys() ?? [])].map((row) => {
        const fields = columns.map(
          ([, , type], at) => `$${values.push(storable(arrays[at]?.[row]))}::${type}`,
        );
        return `(${fields.join()})`;
      });
      return `FROM (VALUES ${rows.join()}) AS`;
    })
    // With a conflict target, RETURNING gives back the rows that were skipped; without one it does not.
    .replaceAll(/ON CONFLICT \([^)]*\) DO NOTHING/gi, "ON CONFLICT DO NOTHING")
    // Locks on rows are not parsed beyond FOR UPDATE; with one session there is nobody to keep out.
    .replaceAll(/FOR UPDATE( OF \w+)?( SKIP LOCKED)?/gi, "");
  return { text: words, values };
}

/** Bytes from 0x80 are mangled on their way through pg-mem's text: they go as hexadecimal digits, which keep order. */
function storable(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

function readable(result: Result): Result {
  const read = (value: unknown): unknown =>
    Buffer.isBuffer(value) ? Buffer.from(value.toString("latin1"), "hex") : value;
  const rows = result.rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, read(value)])),
  );
  return { ...result, rows };
}

/**
 * Most errors have no code, which would look like a lost connection. A foreign key's has neither code nor constraint,
 * and a unique key's names a constraint `<table>_pkey`, whichever it was.
 */
function coded(mem: IMemoryDb, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const foreign = /violates foreign key constraint on table "([^"]+)"/.exec(error.message);
  if (foreign !== null) return Object.assign(error, { code: "23503", constraint: foreign[1] });
  const unique = /insert into "([^"]+)" .* returning "([^"]+)" - duplicate key/s.exec(error.message);
  if (unique === null)
    return "code" in error && error.code !== undefined ? error : Object.assign(error, { code: "0A000" });
  const [, table = "", columns = ""] = unique;
  const index = mem
    .getTable(table)
    .listIndices()
    .find(({ expressions }) => expressions.join() === columns);
  return Object.assign(error, { constraint: index?.name });
}
