/** The command's entry once everything is compiled: build/js/cli/main.js. Errors outside any command end here. */
import { run } from "./program.js";
import { report } from "./report.js";

// A reader that closes early (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
for (const event of ["uncaughtException", "unhandledRejection"] as const)
  process.on(event, (error: unknown) => process.exit(report(error)));

process.exitCode = await run(process.argv.slice(2));
