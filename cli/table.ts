/** Rows of text below each other, for a terminal. */

/** @param rows the headings first; printable */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A day, e.g. 2027-01-31. @param ms since 1970 */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
