/**
 * The picture of a run that is too long for a line a phase: a row for each span of time, over all devices, then the
 * table at the end, with what went wrong and how often.
 */
import type { Reporter, RunEvent } from "./events.js";
import { type Palette, palette, summaryTable } from "./terminal.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const spansMs = [hourMs / 60, hourMs / 6, hourMs, 6 * hourMs, dayMs, 7 * dayMs, 30 * dayMs, 365 * dayMs];
const mostRows = 31;

const columns = ["wakes", "sent", "acked", "verified", "rejected", "errors"] as const;
type Row = Record<(typeof columns)[number], number>;

const headings = {
  wakes: "wakes",
  sent: "sent",
  acked: "acked",
  verified: "received",
  rejected: "rejected",
  errors: "errors",
};

export interface Lengths {
  /** Of the run, by the virtual clock. */
  readonly lengthMs: number;
  /** How far one device's events may come after what is later by another's clock. */
  readonly lateMs: number;
}

export function aggregateReporter(lengths: Lengths, out: NodeJS.WriteStream = process.stdout): Reporter {
  const picture = new Aggregate(lengths, palette(out), (text) => out.write(`${text}\n`));
  return { report: (event) => picture.event(event), note: (text) => picture.note(text) };
}

class Aggregate {
  readonly #paint: Palette;
  readonly #line: (text: string) => void;
  readonly #spanMs: number;
  readonly #lateMs: number;
  /** By when its span begins. */
  readonly #rows = new Map<number, Row>();
  /** What was before has been shown. */
  #openFromMs = 0;
  readonly #errors = new Map<string, number>();
  #headed = false;

  constructor({ lengthMs, lateMs }: Lengths, paint: Palette, line: (text: string) => void) {
    this.#lateMs = lateMs;
    this.#paint = paint;
    this.#line = line;
    this.#spanMs = spansMs.find((spanMs) => lengthMs / spanMs <= mostRows) ?? spansMs.at(-1)!;
  }

  note(text: string): void {
    this.#line(this.#paint.dim(text));
  }

  event(event: RunEvent): void {
    switch (event.event) {
      case "wake":
        this.#showUntil(event.at - this.#lateMs);
        this.#row(event).wakes++;
        break;
      case "sent":
        if (!event.retry) this.#row(event).sent++;
        break;
      case "acked":
        this.#row(event).acked++;
        break;
      case "received":
        if (event.verdict === "fresh" || event.verdict === "unauthenticated") this.#row(event).verified++;
        else if (event.verdict !== "duplicate") this.#row(event).rejected++;
        break;
      case "error":
        this.#row(event).errors++;
        this.#errors.set(event.kind, (this.#errors.get(event.kind) ?? 0) + 1);
        break;
      case "summary":
        this.#showUntil(Infinity);
        this.#line(summaryTable(event, this.#paint));
        this.#lineOfErrors();
        break;
    }
  }

  /** What comes too late for its row counts in the next one. */
  #row({ at }: RunEvent): Row {
    const start = Math.max(Math.floor(at / this.#spanMs) * this.#spanMs, this.#openFromMs);
    let row = this.#rows.get(start);
    if (!row) {
      row = { wakes: 0, sent: 0, acked: 0, verified: 0, rejected: 0, errors: 0 };
      this.#rows.set(start, row);
    }
    return row;
  }

  #showUntil(atMs: number): void {
    for (const [start, row] of [...this.#rows].sort(([a], [b]) => a - b)) {
      const end = start + this.#spanMs;
      if (end > atMs) return;
      this.#rows.delete(start);
      this.#openFromMs = end;
      this.#show(start, row);
    }
  }

  #show(start: number, row: Row): void {
    if (!this.#headed) {
      const names = columns.map((column) => headings[column].padStart(width)).join("");
      this.#line(this.#paint.bold(`\n  ${"from".padEnd(16)}${names}`));
      this.#headed = true;
    }
    const when = new Date(start).toISOString().replace("T", " ").slice(0, 16);
    const cells = columns.map((column) => {
      const cell = String(row[column]).padStart(width);
      const wrong = (column === "rejected" || column === "errors") && row[column] > 0;
      return wrong ? this.#paint.bad(cell) : cell;
    });
    this.#line(`  ${when}${cells.join("")}`);
  }

  #lineOfErrors(): void {
    const counted = [...this.#errors]
      .sort(([, a], [, b]) => b - a)
      .map(([kind, count]) => `${count} ${kind}`);
    if (counted.length > 0)
      this.#line(`  ${this.#paint.bold("errors".padEnd(20))} ${this.#paint.bad(counted.join(", "))}`);
  }
}

const width = 10;
