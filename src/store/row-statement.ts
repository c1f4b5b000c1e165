/**
 * Statements over any number of rows. Each is written for powers of two only, the rows beyond those given being NULL,
 * so that a handful of texts stand for every number of rows.
 */
import type { Statement } from "./database.js";

/**
 * @param name under which connections keep the statement prepared, with its number of rows added. `null` for one that
 *   joins or looks up: a kept plan is made for the table as it was, and a pass over a table that was small is a bad
 *   plan for what it grew to; planned each time, it costs a few microseconds a row.
 * @param types of the columns of a row
 * @param write makes the statement's text around a list of rows of parameters: `($1::uuid, $2::bytea), ($3, $4)`, or
 *   `$1::uuid, $2` where a row has one column. It must leave rows of NULL without effect.
 */
export function rowStatement(
  name: string | null,
  types: readonly string[],
  write: (rows: string) => string,
): (rows: readonly (readonly unknown[])[]) => Statement {
  const texts = new Map<number, string>();
  return (rows) => {
    const size = 2 ** Math.ceil(Math.log2(rows.length));
    let text = texts.get(size);
    if (text === undefined) texts.set(size, (text = write(parameters(types, size))));
    const values = rows.flat();
    while (values.length < size * types.length) values.push(null);
    return { ...(name === null ? {} : { name: `${name}-${size}` }), text, values };
  };
}

/** Types stand in the first row; the others follow it. */
function parameters(types: readonly string[], size: number): string {
  const rows = Array.from({ length: size }, (_, row) => {
    const columns = types.map((type, column) => {
      const parameter = `$${row * types.length + column + 1}`;
      return row === 0 ? `${parameter}::${type}` : parameter;
    });
    return types.length === 1 ? columns.join() : `(${columns.join()})`;
  });
  return rows.join();
}
