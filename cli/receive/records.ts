/**
 * How `listen` writes what arrived. For people: a line for each value, in columns. For programs: an object a line, or
 * CSV (RFC 4180). Whoever sent a message, nothing in it steers a terminal.
 */
import type { Received } from "../../backend/receiver.js";
import type { SenmlReading } from "../../lib/senml/resolve.js";
import { printableJson, printableLine } from "../mqtt/printable.js";

export const formats = ["text", "json", "csv"] as const;
export type Format = (typeof formats)[number];

export interface Writer {
  /** Before anything else; empty without. */
  readonly head: string;
  /** @param atMs when it arrived, since 1970 */
  lines(received: Received, atMs: number): string;
}

export function writerOf(format: Format): Writer {
  switch (format) {
    case "text":
      return new TextWriter();
    case "json":
      return { head: "", lines: jsonLine };
    case "csv":
      return { head: csvLine(columns), lines: csvLines };
  }
}

/** SenML: a time below 2^28 counts from the reception (RFC 8428 §4.5.3). */
const relativeBelow = 2 ** 28;

/** In milliseconds since 1970. */
export function timeOf({ time }: SenmlReading, atMs: number): number {
  return Math.round(time < relativeBelow ? atMs + time * 1000 : time * 1000);
}

/** Bytes as base64url, as SenML has them in JSON (RFC 8428 §5). */
function shown({ value }: SenmlReading): number | string | boolean | null {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
}

/** Whoever has the key may have written any number. */
function isoTime(ms: number): string | undefined {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

function jsonLine(received: Received, atMs: number): string {
  const { verdict, topic, sender, epoch, counter, protection, contentType, reason } = received;
  const { payload, reading, salt } = received;
  return `${printableJson({
    received: new Date(atMs).toISOString(),
    verdict,
    topic,
    sender,
    epoch,
    salt: salt && Buffer.from(salt).toString("hex"),
    counter,
    protection,
    contentType,
    reading:
      reading?.map((one) => ({ ...one, value: shown(one), at: isoTime(timeOf(one, atMs)) ?? null })) ?? null,
    // What is SenML is above.
    payloadBase64: reading !== null || payload === null ? null : Buffer.from(payload).toString("base64"),
    reason,
  })}\n`;
}

const columns = [
  "received",
  "verdict",
  "topic",
  "sender",
  "epoch",
  "counter",
  "at",
  "name",
  "value",
  "unit",
  "reason",
] as const;

function csvLines(received: Received, atMs: number): string {
  const { verdict, topic, sender, epoch, counter, reading, reason } = received;
  const head = [new Date(atMs).toISOString(), verdict, topic, sender, epoch, counter];
  if (!reading?.length) return csvLine([...head, null, null, null, null, reason]);
  return reading
    .map((one) =>
      csvLine(
        [...head, isoTime(timeOf(one, atMs)), one.name, String(shown(one) ?? ""), one.unit, reason],
        one,
      ),
    )
    .join("");
}

/** Some spreadsheets take the full-width signs for the others, and pass over blanks. */
const formula = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;

/** Numbers as they are; a text that a spreadsheet would take for a formula gets an apostrophe in front. */
function csvLine(
  cells: readonly (string | number | null | undefined)[],
  reading?: Pick<SenmlReading, "value">,
): string {
  const fields = cells.map((cell, i) => {
    if (cell === null || cell === undefined) return "";
    const isNumber =
      typeof cell === "number" || (columns[i] === "value" && typeof reading?.value === "number");
    const text = printableLine(String(cell));
    const plain = !isNumber && formula.test(text) ? `'${text}` : text;
    // Where spreadsheets divide at semicolons, a text is still one cell.
    return /[",;]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  });
  return `${fields.join(",")}\r\n`;
}

/** Columns grow with what comes, and never shrink. */
class TextWriter implements Writer {
  readonly head = "";
  readonly #widths = [20, 10, 6, 12, 8];

  lines(received: Received, atMs: number): string {
    const { verdict, sender, topic, counter, reading, payload, reason } = received;
    const from = verdict === "fresh" ? (sender ?? "") : `${sender ?? "?"} (${verdict})`;
    const number = counter === null ? "" : `#${counter}`;
    const line = (ms: number, ...cells: string[]) => {
      const time = isoTime(ms)?.replace(/T(.*)\.\d+Z$/, " $1Z") ?? `${ms / 1000} s`;
      return `${this.#aligned([time, from, number, ...cells])}\n`;
    };
    if (reading?.length)
      return reading
        .map((one) =>
          line(
            timeOf(one, atMs),
            nameIn(one.name, sender),
            `${shown(one) ?? `sum ${one.sum}`}${one.unit === undefined ? "" : ` ${one.unit}`}`,
          ),
        )
        .join("");
    return line(atMs, topic, reason ?? (payload === null ? "" : summary(payload)));
  }

  #aligned(cells: readonly string[]): string {
    return cells
      .map((cell, i) => {
        const text = printableLine(cell);
        if (i === cells.length - 1) return text;
        this.#widths[i] = Math.max(this.#widths[i] ?? 0, Math.min(text.length, 48));
        return i === 2 ? text.padStart(this.#widths[i]!) : text.padEnd(this.#widths[i]!);
      })
      .join("  ")
      .trimEnd();
  }
}

/** The device's own name is in its column already. */
function nameIn(name: string, sender: string | null): string {
  if (sender === null) return name;
  const bases = [`${sender}:`, `${sender}/`, `urn:dev:ops:${sender}/`];
  const base = bases.find((one) => name.startsWith(one) && name.length > one.length) ?? "";
  return name.slice(base.length);
}

function summary(payload: Uint8Array): string {
  const most = 32;
  const hex = Buffer.from(payload.subarray(0, most)).toString("hex");
  return `${payload.length} bytes${hex && `: ${hex}`}${payload.length > most ? "…" : ""}`;
}

/** What it has in common with others of which the operator need not read each. */
export function kindOf({ verdict, reason }: Received): string {
  return `${verdict}${reason === null ? "" : `: ${reason}`}`;
}

/** Of what is not shown on standard output: one line for the operator. */
export function verdictLine({ verdict, topic, sender, epoch, counter, reason }: Received): string {
  const from = sender === null ? "" : `, ${sender} epoch ${epoch}, counter ${counter}`;
  const what = `${topic}${from}${reason === null ? "" : `: ${reason}`}`;
  const line =
    verdict === "conflict"
      ? `ALARM: conflict: ${what}: two different messages under one counter, see docs/receivers.md`
      : `${verdict}: ${what}`;
  return printableLine(line);
}
