/**
 * Rows of parameters for `FROM (VALUES …)`: `($1::uuid, $2::bytea), ($3, $4)`. Types stand in the first row; the
 * others follow it.
 *
 * @param types of the columns
 * @param count how many rows, at least one
 */
export function valuesList(types: readonly string[], count: number): string {
  const rows = Array.from({ length: count }, (_, row) => {
    const columns = types.map((type, column) => {
      const parameter = `$${row * types.length + column + 1}`;
      return row === 0 ? `${parameter}::${type}` : parameter;
    });
    return `(${columns.join()})`;
  });
  return rows.join();
}
