/**
 * The boards of a batch: a CSV file (RFC 4180) with a header. `id` must be there; `port` and `mac` may; any other column is
 * a setting of the profile by its path (`device.kid`, `broker.tls.psk.key`), put over the profile's own in that row.
 * Secrets stay references: the file holds none.
 */
import { CsvError, parse } from "csv-parse/sync";
import { checkDeviceId } from "../../certs/pki/device-id.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import { fileText } from "../values.js";

export interface DeviceRow {
  /** In the file, counted from 1. */
  readonly line: number;
  readonly id: string;
  readonly port?: string;
  /** 12 hex digits in small letters. */
  readonly mac?: string;
  /** By their path; the id is not among them. */
  readonly settings: Readonly<Record<string, string>>;
}

const maxRows = 10_000;
const known = ["id", "port", "mac"];

/**
 * @throws {UsageError} when there is no such file
 * @throws {OperatorError} with the line, when it is wrong
 */
export async function readDevices(path: string): Promise<DeviceRow[]> {
  const text = await fileText(path, "--batch");
  try {
    return rowsOf(text);
  } catch (error) {
    if (!(error instanceof CsvError || error instanceof RangeError)) throw error;
    throw new OperatorError(printableLine(`--batch ${path}: ${error.message}`));
  }
}

/** @throws {RangeError | CsvError} that names the line */
function rowsOf(text: string): DeviceRow[] {
  const found = parse(text, {
    bom: true,
    trim: true,
    skip_empty_lines: true,
    info: true,
    columns: (header: string[]) => columns(header),
    to: maxRows + 1,
  }) as unknown as { record: Record<string, string>; info: { lines: number } }[];
  if (found.length === 0)
    throw new RangeError("has no boards: write a header line with id, and a line for each");
  if (found.length > maxRows) throw new RangeError(`has more than ${maxRows} boards`);
  const rows = found.map(({ record, info }) => row(record, info.lines));
  once(rows, "id");
  once(rows, "mac");
  return rows;
}

function columns(header: readonly string[]): string[] {
  const names = header.map((name) => (known.includes(name.toLowerCase()) ? name.toLowerCase() : name));
  if (!names.includes("id")) throw new RangeError("line 1: the header has no column id");
  names.forEach((name, at) => {
    if (names.indexOf(name) < at) throw new RangeError(`line 1: the column ${name} is there twice`);
    if (!known.includes(name) && !/^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/.test(name))
      throw new RangeError(
        `line 1: no column is called ${name || "nothing"}: write id, port, mac or a setting's path, e.g. device.kid`,
      );
    if (name === "device.id") throw new RangeError("line 1: the device's id has the column id");
  });
  return names;
}

function row(record: Readonly<Record<string, string>>, line: number): DeviceRow {
  const { id = "", port, mac, ...others } = record;
  try {
    checkDeviceId(id);
  } catch (error) {
    throw new RangeError(`line ${line}: ${(error as Error).message}`);
  }
  const digits = mac?.replace(/[:-]/g, "").toLowerCase();
  if (digits && !/^[0-9a-f]{12}$/.test(digits))
    throw new RangeError(`line ${line}: a mac has 12 hex digits, with or without colons`);
  return {
    line,
    id,
    ...(port && { port }),
    ...(digits && { mac: digits }),
    settings: Object.fromEntries(Object.entries(others).filter(([, value]) => value !== "")),
  };
}

function once(rows: readonly DeviceRow[], name: "id" | "mac"): void {
  const lines = new Map<string, number>();
  for (const row of rows) {
    const value = row[name];
    if (value === undefined) continue;
    const before = lines.get(value);
    if (before !== undefined)
      throw new RangeError(`line ${row.line}: the ${name} ${value} is on line ${before} already`);
    lines.set(value, row.line);
  }
}
