/** Which tables a database has, asked of the database itself, so that none that comes later can be forgotten. */
import type { Queryable } from "../store/database.js";

export interface Column {
  readonly name: string;
  /** As PostgreSQL names it: `bytea`, `timestamp with time zone`. */
  readonly type: string;
}

export interface Table {
  readonly name: string;
  /** All that are stored; those that the database computes are not among them. */
  readonly columns: readonly Column[];
  /** Names of the primary key's columns, in its order. */
  readonly key: readonly string[];
  /** Tables that rows of this one refer to. */
  readonly references: readonly string[];
}

export interface SequenceState {
  readonly name: string;
  readonly lastValue: string;
  readonly isCalled: boolean;
}

/** Where versions are recorded; it has a row for each step that a database has gone through. */
export const VERSIONS_TABLE = "schema_versions";

/** FastChat's own: what stands beside the table of versions and belongs to the same role. */
const OURS = `pg_class versions JOIN pg_class c USING (relnamespace, relowner)
  WHERE versions.oid = to_regclass('${VERSIONS_TABLE}')`;

const COLUMNS = `
  SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
         array_position(i.indkey::smallint[], a.attnum) AS place
    FROM (SELECT c.oid, c.relname FROM ${OURS} AND c.relkind IN ('r', 'p') AND NOT c.relispartition) c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
   ORDER BY c.relname, a.attnum`;

const REFERENCES = `
  SELECT c.relname AS "table", target.relname AS target
    FROM (SELECT c.oid, c.relname FROM ${OURS}) c
    JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
    JOIN pg_class target ON target.oid = k.confrelid`;

const SEQUENCES = `SELECT c.relname AS name FROM ${OURS} AND c.relkind = 'S' ORDER BY 1`;

/** All tables, those that others refer to before these. @throws StoreError */
export async function readTables(tx: Queryable): Promise<Table[]> {
  const columns = await tx.query<{ table: string; name: string; type: string; place: number | null }>({
    text: COLUMNS,
  });
  const references = await tx.query<{ table: string; target: string }>({ text: REFERENCES });
  const names = [...new Set(columns.rows.map(({ table }) => table))];
  const tables = names.map((name): Table => {
    const own = columns.rows.filter(({ table }) => table === name);
    return {
      name,
      columns: own.map(({ name, type }) => ({ name, type })),
      key: own
        .filter(({ place }) => place !== null)
        .sort((a, b) => (a.place ?? 0) - (b.place ?? 0))
        .map(({ name }) => name),
      references: references.rows.filter(({ table }) => table === name).map(({ target }) => target),
    };
  });
  return parentsFirst(tables);
}

/** Read after the snapshot was taken, it has not fallen behind the rows: sequences are of no transaction. @throws StoreError */
export async function readSequences(tx: Queryable): Promise<SequenceState[]> {
  const { rows } = await tx.query<{ name: string }>({ text: SEQUENCES });
  const states: SequenceState[] = [];
  for (const { name } of rows) {
    const state = await tx.query<{ last: string; called: boolean }>({
      text: `SELECT last_value::text AS last, is_called AS called FROM ${quoted(name)}`,
    });
    const [found] = state.rows;
    if (found !== undefined) states.push({ name, lastValue: found.last, isCalled: found.called });
  }
  return states;
}

/** A name of the catalog as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table that refers to itself, or two to each other, stay in the order in which they came. */
function parentsFirst(tables: readonly Table[]): Table[] {
  const sorted: Table[] = [];
  const seen = new Set<string>();
  const visit = (table: Table): void => {
    if (seen.has(table.name)) return;
    seen.add(table.name);
    for (const name of table.references) {
      const target = tables.find((other) => other.name === name);
      if (target !== undefined) visit(target);
    }
    sorted.push(table);
  };
  for (const table of tables) visit(table);
  return sorted;
}
