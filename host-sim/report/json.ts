/** One JSON object a line on standard output; notes go to standard error. */
import type { Reporter } from "./events.js";

export const jsonReporter: Reporter = {
  report: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
};
