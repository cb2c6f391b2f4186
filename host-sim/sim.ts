/** `dormouse sim`: one run, told on the terminal or as JSON lines, and its exit code. */

import { engineFile } from "./engine-file.js";
import { jsonReporter } from "./report/json.js";
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
  const reporter = options.json ? jsonReporter : terminalReporter();
  try {
    const tally = await simulate({ ...options, engine, signal: interrupt.signal }, reporter);
    return interrupt.signal.aborted ? interrupted : tally.success ? 0 : 1;
  } catch (error) {
    // Ctrl-C reaches the engine too, in the middle of a wake.
    if (interrupt.signal.aborted) return interrupted;
    throw error;
  }
}
