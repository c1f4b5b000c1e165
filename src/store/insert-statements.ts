/** Inserts of any number of rows, made of prepared statements of few sizes. */
import type { Statement } from "./database.js";

/** Rows of the largest statement, a power of two: more in one gain nothing, and every size is kept on every connection. */
const MAX_ROWS = 512;

/**
 * Makes statements that insert rows in their order and leave alone what stands already. Their sizes are powers of
 * two, so that ten texts serve any number of rows; in a batch they travel together.
 *
 * A plain list of values is what the database takes fastest: half the time of `INSERT … SELECT FROM (VALUES …)`.
 *
 * @param columns of `table`, in the order of a row's values
 */
export function insertStatements(
  table: string,
  columns: readonly string[],
): (rows: readonly (readonly unknown[])[]) => Statement[] {
  const texts = new Map<number, string>();
  const textOf = (size: number): string => {
    let text = texts.get(size);
    if (text === undefined) {
      const values = Array.from({ length: size }, (_, row) =>
        parameters(row * columns.length, columns.length),
      );
      text = `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${values.join(", ")} ON CONFLICT DO NOTHING`;
      texts.set(size, text);
    }
    return text;
  };
  return (rows) => {
    const statements: Statement[] = [];
    for (let start = 0; start < rows.length;) {
      const size = Math.min(MAX_ROWS, 2 ** Math.floor(Math.log2(rows.length - start)));
      const values = rows.slice(start, start + size).flat();
      statements.push({ name: `${table}-insert-${size}`, text: textOf(size), values });
      start += size;
    }
    return statements;
  };
}

/** `($4, $5, $6)` for three parameters after the third. */
function parameters(before: number, count: number): string {
  return `(${Array.from({ length: count }, (_, i) => `$${before + i + 1}`).join(", ")})`;
}
