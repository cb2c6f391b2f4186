/** The tests whose names cite numbered statements: `5 [MQTT-3.3.1-2] words`, `3.1.1 and 5 [MQTT-6.0.0-1] words`. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { takeTests } from "../../device/harness.js";
import { projectRoot } from "../shared.js";
import type { Standard } from "./statement.js";

export interface NamedTest {
  /** Of the source, from the project's root. */
  readonly file: string;
  readonly standards: readonly Standard[];
  readonly ids: readonly string[];
  /** The name without standard and statements. */
  readonly words: string;
}

const compiled = join(projectRoot, "build/js/test");
const citation = /MQTT-[0-9.-]+-[0-9]+/g;

/** Portable tests are loaded, so that names made for each version count; of others the names written out are read. */
export async function namedTests(): Promise<NamedTest[]> {
  const found: NamedTest[] = [];
  const names = readdirSync(compiled, { recursive: true, encoding: "utf8" });
  for (const name of names.filter((one) => one.endsWith(".test.js")).sort()) {
    const file = `test/${name.replace(/\.js$/, ".ts")}`;
    // Compiled once, and gone since.
    if (!existsSync(join(projectRoot, file))) continue;
    for (const test of name.startsWith("lib/") ? await portable(name) : written(name)) {
      const named = parseName(file, test);
      if (named) found.push(named);
    }
  }
  return found;
}

async function portable(name: string): Promise<string[]> {
  await import(pathToFileURL(join(compiled, name)).href);
  return takeTests().map((test) => test.name);
}

function written(name: string): string[] {
  const source = readFileSync(join(compiled, name), "utf8");
  return [...source.matchAll(/\btest\(\s*(["'`])((?:(?!\1).)*)\1/g)].map((match) => match[2]!);
}

/** @returns undefined for a name that cites nothing; without a standard before it, 5 is meant */
export function parseName(file: string, name: string): NamedTest | undefined {
  const ids = name.match(citation);
  if (!ids) return undefined;
  const standards: Standard[] = name.startsWith("3.1.1 and 5 ")
    ? ["3.1.1", "5"]
    : [name.startsWith("3.1.1 ") ? "3.1.1" : "5"];
  const words = name
    .replace(/^(3\.1\.1 and 5|3\.1\.1|5) (?=\[)/, "")
    .replace(/\s*\[MQTT-[^\]]*\]/g, "")
    .trim();
  return { file, standards, ids, words };
}
