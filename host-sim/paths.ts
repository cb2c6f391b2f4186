/** Where things lie in a checkout. This file runs as build/js/host-sim/paths.js. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const build = `${root}build/`;

/** The compiled JavaScript of a TypeScript source. */
export function compiledPath(source: string): string {
  return `${build}js/${relative(root, source).replace(/\.ts$/, ".js")}`;
}
