/**
 * Published vectors of others, read where they lie beside the project. A clone without that folder leaves
 * them out, and says so in one line.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** From build/js/test/conformance up to the project. */
export const projectRoot = fileURLToPath(new URL("../../../..", import.meta.url));
export const sharedFolder = join(projectRoot, "../shared/vectors");

export function readShared(path: string): unknown {
  return JSON.parse(readFileSync(join(sharedFolder, path), "utf8"));
}

/** The COSE working group's examples: folder and name. */
export function coseExamples(): string[] {
  return readdirSync(join(sharedFolder, "cose"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -5))
    .sort();
}

/** A test that needs `path` of the shared vectors. */
export function sharedTest(name: string, path: string, run: () => void): void {
  const missing = !existsSync(join(sharedFolder, path));
  test(name, { skip: missing && `left out: no ../shared/vectors/${path} beside the project` }, run);
}
