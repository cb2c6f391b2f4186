/** What a benchmark is: counted figures in rows. A time on a clock is a note at most: it is one machine's. */

export interface Result {
  readonly title: string;
  readonly rows: readonly Row[];
  /** What people should know of the table, a line each. */
  readonly notes?: readonly string[];
  /** What --json prints, when not the rows. */
  readonly json?: Readonly<Record<string, string | number | readonly Row[]>>;
}

export type Row = Readonly<Record<string, string | number>>;

export interface Benchmark {
  readonly about: string;
  /** What may be chosen, by the name of its flag, with what is chosen when nobody does. */
  readonly flags?: Flags;
  /** @param flags with a value for each of its own */
  run(flags: Flags): Promise<Result>;
}

export type Flags = Readonly<Record<string, string>>;

/** A plain table: numbers to the right, columns in the order of the first row. */
export function render({ title, rows, notes = [] }: Result): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  const numeric = columns.map((column) => rows.every((row) => typeof row[column] === "number"));
  const lines = cells.map((line) =>
    line
      .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
  return [title, "", ...lines, ...notes.map((note) => `\n${note}`)].join("\n");
}
