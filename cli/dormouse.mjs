#!/usr/bin/env node
// The `dormouse` command: makes the project ready (packages, compiler, for `sim` the engine), then runs it.
// Plain JavaScript, because it must run before anything is compiled.
const words = process.argv.slice(2);
const asksForHelp = words.length === 0 || words.some((word) => word === "--help" || word === "-h");

try {
  const { ready } = await import("../setup/ready.mjs");
  await ready({ engine: words[0] === "sim" && !asksForHelp });
  await import("../build/js/cli/main.js");
} catch (error) {
  if (/\bdormouse\b/.test(process.env.DEBUG ?? "")) console.error(error);
  else console.error(`dormouse: ${String(error?.message ?? error).replace(/\s*\n\s*/g, " ")}`);
  process.exitCode = 1;
}
