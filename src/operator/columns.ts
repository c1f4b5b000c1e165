/** Rows of text below each other. */
import type { ChalkInstance } from "chalk";

export function alignColumns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: ChalkInstance,
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [paint.dim(line(head)), ...rows.map(line)].join("\n");
}
