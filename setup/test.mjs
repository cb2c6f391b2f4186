/**
 * `npm test [-- FILTER …]`: lint, then every test; FILTERs are parts of file names.
 * `npm run test:long` runs the random campaigns in full, `npm test` one hundredth of them; the seed is printed
 * and DORMOUSE_SEED repeats a run.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { testTools } from "./debian.mjs";
import { main } from "./main.mjs";
import { packages } from "./packages.mjs";
import { build, progress, root } from "./steps.mjs";

await main(async () => {
  const filters = process.argv.slice(2).filter((argument) => argument !== "--long");
  if (filters.some((filter) => filter.startsWith("-"))) {
    progress("usage: npm test [-- PART …]: all tests, or those whose file names contain a PART");
    return filters.includes("--help") ? 0 : 2;
  }
  await testTools();
  await packages();
  const { engineFor, ready } = await import("./ready.mjs");
  await ready({ engine: true });
  // Before the tests, which run side by side and would all build it.
  await engineFor("sanitize");

  progress("lint …");
  const lint = node([`${root}node_modules/@biomejs/biome/bin/biome`, "check", "--error-on-warnings", "."]);
  if (lint !== 0) {
    progress("lint failed: `npm run format` mends what is a matter of form");
    return 1;
  }

  const env = {
    ...process.env,
    DORMOUSE_LONG: process.argv.includes("--long") ? "1" : "",
    DORMOUSE_SEED: process.env.DORMOUSE_SEED || String(Math.floor(Math.random() * 2 ** 31)),
  };
  progress(`seed ${env.DORMOUSE_SEED}`);
  const files = chosenFiles(filters);
  if (files.length === 0) {
    progress(`no test file matches ${filters.join(" ")}`);
    return 2;
  }
  // The portable tests choose among themselves.
  env.DORMOUSE_PORTABLE = filters.some((part) => "run-portable portable".includes(part))
    ? ""
    : filters.join(" ");
  const timeout = `--test-timeout=${env.DORMOUSE_LONG ? 3_600_000 : 300_000}`;
  // Much of the time is spent waiting: for brokers, for what must not come, for programs that start.
  const concurrency = `--test-concurrency=${availableParallelism() + 1}`;
  return node(
    ["--test", "--test-reporter=spec", timeout, "--enable-source-maps", concurrency, ...files],
    env,
  );
});

/**
 * Tests in lib run through run-portable.js in Node, and again in XS by host-sim/portable-in-xs.
 * @param {string[]} filters
 */
function chosenFiles(filters) {
  const compiled = `${build}/js/test`;
  const names = readdirSync(compiled, { recursive: true, encoding: "utf8" });
  const tests = names.filter((name) => name.endsWith(".test.js") && !name.startsWith("device/"));
  const chosen = tests.filter((name) => filters.length === 0 || filters.some((part) => name.includes(part)));
  const files = chosen.filter((name) => !name.startsWith("lib/"));
  const portable = chosen.length > files.length || filters.some((part) => "run-portable".includes(part));
  return [...files, ...(portable ? ["run-portable.js"] : [])].sort().map((name) => `${compiled}/${name}`);
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function node(args, env = process.env) {
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env }).status ?? 1;
}
