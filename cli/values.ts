/** Reads the values of flags. Each throws a UsageError that names the flag, what it got and what it takes. */
import { readFile } from "node:fs/promises";
import { fileProblem, UsageError } from "./report.js";

const unitMs: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
};

/** `250ms`, `90s`, `15m`, `1h`, `1.5h`, `2d`, `1y` (of 365 days), in milliseconds. */
export function duration(flag: string, text: string, minMs: number, maxMs: number): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|y)$/.exec(text);
  if (!match) throw new UsageError(`${flag} "${text}": write a duration like 250ms, 90s, 15m, 1h or 2d`);
  const ms = Math.round(Number(match[1]) * unitMs[match[2]!]!);
  if (!(ms >= minMs && ms <= maxMs))
    throw new UsageError(`${flag} "${text}": must be from ${inWords(minMs)} to ${inWords(maxMs)}`);
  return ms;
}

function inWords(ms: number): string {
  const unit =
    ["y", "d", "h", "m", "s"].find((name) => ms >= unitMs[name]! && ms % unitMs[name]! === 0) ?? "ms";
  return `${ms / unitMs[unit]!}${unit}`;
}

/** A whole number in decimal digits. */
export function whole(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`${flag} "${text}": must be a whole number from ${min} to ${max}`);
  return value;
}

/** As `whole`, with a sign if need be. */
export function signed(flag: string, text: string, most: number): number {
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(value) <= most))
    throw new UsageError(`${flag} "${text}": must be a whole number from -${most} to ${most}`);
  return value;
}

export function choice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((known) => known === text);
  if (found === undefined) throw new UsageError(`${flag} "${text}": must be one of ${choices.join(", ")}`);
  return found;
}

/** The text of a file that the command line names. */
export async function fileText(path: string, option?: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`${option === undefined ? "" : `${option} `}${fileProblem(path, error)}`);
  }
}
