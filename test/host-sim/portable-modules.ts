/** Modules of this project for an image, preloaded as lib is on a board: they take no memory of the device. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ManifestModule } from "../../host-sim/manifest.js";
import { root } from "../../host-sim/paths.js";

/** All of lib but noble, whose scratch arrays cannot be preloaded, and those of test/device that are named. */
export function portableModules(...device: readonly string[]): ManifestModule[] {
  const lib = readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })
    .filter((name) => /(?<!\.d)\.ts$/.test(name) && !/noble(-\w+)?\.ts$/.test(name))
    .map((name) => `lib/${name.slice(0, -3)}`);
  return [...lib, ...device.map((name) => `test/device/${name}`)].map(preloaded);
}

function preloaded(specifier: string): ManifestModule {
  return { specifier, source: join(root, `${specifier}.ts`), preload: true };
}
