/** Rows of text below each other. */
import type { ChalkInstance } from "chalk";

/** @param figuresFrom the first column whose texts stand right, as figures do; none if not given */
export function alignColumns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: ChalkInstance,
  figuresFrom = head.length,
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) =>
        column < figuresFrom ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [paint.dim(line(head)), ...rows.map(line)].join("\n");
}
