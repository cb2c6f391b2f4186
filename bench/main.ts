/** `npm run bench -- NAME [--json] [--FLAG VALUE …]`: a table for people; with --json the last line is one object. */
import { parseArgs } from "node:util";
import { type Benchmark, type Flags, render } from "./benchmark.js";
import { fleet } from "./fleet.js";
import { heap } from "./heap.js";
import { powercut } from "./powercut.js";
import { roundtrips } from "./roundtrips.js";
import { seal } from "./seal.js";
import { tls } from "./tls.js";
import { wake } from "./wake.js";
import { year } from "./year.js";

const benchmarks: Readonly<Record<string, Benchmark>> = {
  fleet,
  heap,
  powercut,
  roundtrips,
  seal,
  tls,
  wake,
  year,
};

interface Asked {
  readonly name: string;
  readonly benchmark: Benchmark;
  readonly flags: Flags;
  readonly json: boolean;
}

export async function bench(args: readonly string[]): Promise<number> {
  const asked = read(args);
  if (!asked) {
    process.stderr.write(`usage: npm run bench -- NAME [--json]\n${known().join("\n")}\n`);
    return 2;
  }
  const { name, benchmark, flags, json } = asked;
  const result = await benchmark.run(flags);
  process.stdout.write(`${render(result)}\n`);
  if (json) process.stdout.write(`${JSON.stringify(result.json ?? { bench: name, rows: result.rows })}\n`);
  return 0;
}

function known(): string[] {
  return Object.entries(benchmarks).flatMap(([key, { about, flags = {} }]) => [
    `  ${key.padEnd(10)} ${about}`,
    ...Object.entries(flags).map(([flag, value]) => `${"".padEnd(13)}--${flag} (${value})`),
  ]);
}

function read(args: readonly string[]): Asked | undefined {
  const [name = ""] = args.filter((argument) => !argument.startsWith("--"));
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (!benchmark) return undefined;
  const strings = Object.keys(benchmark.flags ?? {}).map((flag) => [flag, { type: "string" }] as const);
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean" }, ...Object.fromEntries(strings) },
    });
    if (positionals.length > 1) return undefined;
    const { json = false, ...given } = values;
    return { name, benchmark, flags: { ...benchmark.flags, ...(given as Flags) }, json: json as boolean };
  } catch {
    return undefined;
  }
}
