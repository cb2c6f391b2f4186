/** `npm run bench -- NAME [--json]`: a table for people; with --json the last line is one object. */
import { type Benchmark, render } from "./benchmark.js";
import { heap } from "./heap.js";
import { roundtrips } from "./roundtrips.js";
import { seal } from "./seal.js";
import { tls } from "./tls.js";
import { wake } from "./wake.js";

const benchmarks: Readonly<Record<string, Benchmark>> = { heap, roundtrips, seal, tls, wake };

export async function bench(args: readonly string[]): Promise<number> {
  const json = args.includes("--json");
  const [name, ...rest] = args.filter((argument) => argument !== "--json");
  const benchmark = name === undefined ? undefined : benchmarks[name];
  if (!benchmark || rest.length > 0) {
    const known = Object.entries(benchmarks).map(([key, { about }]) => `  ${key.padEnd(10)} ${about}`);
    process.stderr.write(`usage: npm run bench -- NAME [--json]\n${known.join("\n")}\n`);
    return 2;
  }
  const result = await benchmark.run();
  process.stdout.write(`${render(result)}\n`);
  if (json) process.stdout.write(`${JSON.stringify(result.json ?? { bench: name, rows: result.rows })}\n`);
  return 0;
}
