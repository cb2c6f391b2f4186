/**
 * Runs the portable tests of lib in Node, once per crypto provider: the quick pre-check.
 * The same files run inside XS with device limits, see test/host-sim/portable-in-xs.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test as nodeTest } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Crypto } from "../lib/crypto/crypto.js";
import { takeTests } from "./device/harness.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const compiled = join(root, "build/js/test");

function vectors(path: string): unknown {
  return JSON.parse(readFileSync(join(root, "test/vectors", `${path}.json`), "utf8"));
}

async function providers(): Promise<{ name: string; crypto: Crypto }[]> {
  const { nobleCrypto } = await import("../lib/crypto/noble.js");
  const { nobleAes } = await import("../lib/crypto/noble-aes.js");
  const { nodeCrypto } = await import("./node-crypto.js");
  return [
    { name: "noble", crypto: nobleCrypto(nodeCrypto.random, nobleAes) },
    { name: "node", crypto: nodeCrypto },
  ];
}

const parts = (process.argv[2] ?? process.env.DORMOUSE_PORTABLE ?? "").split(" ");
const files = readdirSync(join(compiled, "lib"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.js") && parts.some((part) => `lib/${name}`.includes(part)))
  .map((name) => join("lib", name));
const platforms = await providers();
for (const file of files.sort()) {
  await import(pathToFileURL(join(compiled, file)).href);
  for (const { name, run } of takeTests())
    for (const platform of platforms)
      nodeTest(`${file} [${platform.name}] ${name}`, () => run({ ...platform, vectors }));
}
