/** `dormouse sim`: one run, told on the terminal or as JSON lines, and its exit code. */

import { engineFile } from "./engine-file.js";
import { aggregateReporter } from "./report/aggregate.js";
import type { Reporter } from "./report/events.js";
import { jsonReporter } from "./report/json.js";
import { ReportFile } from "./report/report-file.js";
import { terminalReporter } from "./report/terminal.js";
import { simulate } from "./run.js";
import type { SimOptions } from "./sim-options.js";

/** What shells expect of a program that Ctrl-C has ended. */
const interrupted = 130;

/** @returns 0 only when everything that was sent arrived and verified, 1 otherwise */
export async function runSim(options: SimOptions): Promise<number> {
  const engine = await engineFile("release");
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => interrupt.abort());
  const shown = options.json ? jsonReporter : pictureOf(options);
  const file = options.report === null ? undefined : new ReportFile(options.report, options, shown);
  const reporter = file ?? shown;
  let success: boolean | undefined;
  try {
    const tally = await simulate({ ...options, engine, signal: interrupt.signal }, reporter);
    if (interrupt.signal.aborted) return interrupted;
    success = tally.success;
    return success ? 0 : 1;
  } catch (error) {
    // Ctrl-C reaches the engine too, in the middle of a wake.
    if (interrupt.signal.aborted) return interrupted;
    throw error;
  } finally {
    file?.write(success);
  }
}

/** More wakes than anybody reads a line each of, when it was a length of time that was asked for. */
const manyWakes = 100;

function pictureOf({ devices, cycles, forMs, profile }: SimOptions): Reporter {
  const intervalMs = 1000 * profile.cycle.intervalSeconds;
  const lengthMs = forMs ?? cycles * intervalMs;
  const isLong = devices > 1 || (forMs !== null && forMs / intervalMs > manyWakes);
  // Half an interval: run.ts; and the length of a wake.
  const lateMs = intervalMs / 2 + 60_000;
  return isLong ? aggregateReporter({ lengthMs, lateMs }) : terminalReporter();
}
