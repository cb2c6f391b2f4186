/** `dormouse sim`: one run, told on the terminal or as JSON lines, and its exit code. */

import { engineFile } from "./engine-file.js";
import { jsonReporter } from "./report/json.js";
import { terminalReporter } from "./report/terminal.js";
import { simulate } from "./run.js";
import type { SimOptions } from "./sim-options.js";

/** @returns 0 only when everything that was sent arrived and verified, 1 otherwise */
export async function runSim(options: SimOptions): Promise<number> {
  const engine = await engineFile("release");
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  const reporter = options.json ? jsonReporter : terminalReporter();
  const tally = await simulate({ ...options, engine, signal: interrupt.signal }, reporter);
  return tally.success ? 0 : 1;
}
