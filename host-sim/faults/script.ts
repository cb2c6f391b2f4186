/** A script of faults: JSON, docs/faults.md. Pure: text in, faults out. */
import { type Fault, milliseconds, parseFault, parseWakes, type When } from "./fault.js";

/** @throws RangeError in one line */
export function parseScript(text: string): Fault[] {
  let script: unknown;
  try {
    script = JSON.parse(text);
  } catch (error) {
    throw new RangeError(`no JSON: ${(error as Error).message}`);
  }
  const steps = isObject(script) && only(script, ["faults"]) ? script.faults : undefined;
  if (!Array.isArray(steps)) throw new RangeError('a script is { "faults": [ … ] }');
  return steps.map((step: unknown, index) => {
    try {
      return parseStep(step);
    } catch (error) {
      throw new RangeError(`fault ${index + 1}: ${(error as Error).message}`);
    }
  });
}

function parseStep(step: unknown): Fault {
  if (
    !isObject(step) ||
    typeof step.fault !== "string" ||
    !only(step, ["fault", "wakes", "from", "to", "at"])
  )
    throw new RangeError(
      'write { "fault": "no-ap", "wakes": "2-5" }, or "from" and "to", or "at", for "wakes"',
    );
  const { wakes, from, to, at } = step;
  const ways = [wakes, from ?? to, at].filter((way) => way !== undefined);
  if (ways.length > 1) throw new RangeError('of "wakes", "from" and "to", and "at" one says when');
  if (ways.length === 0) return parseFault(step.fault);
  return parseFault(step.fault, wakes === undefined ? timed(from, to, at) : parseWakes(String(wakes)));
}

function timed(from: unknown, to: unknown, at: unknown): When {
  if (at !== undefined) return { atMs: time("at", at) };
  const fromMs = from === undefined ? 0 : time("from", from);
  const toMs = to === undefined ? Number.POSITIVE_INFINITY : time("to", to);
  if (toMs <= fromMs) throw new RangeError('"to" comes after "from"');
  return { fromMs, toMs };
}

function time(name: string, value: unknown): number {
  const ms = typeof value === "string" ? milliseconds(value) : undefined;
  if (ms === undefined)
    throw new RangeError(`"${name}": write the time since the run began, like "90s", "15m" or "2.5h"`);
  return ms;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function only(value: Record<string, unknown>, keys: readonly string[]): boolean {
  return Object.keys(value).every((key) => keys.includes(key));
}
