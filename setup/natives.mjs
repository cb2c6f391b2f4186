/**
 * Finds the natives that modules name (`function f() @ "c_name"`, `class C @ "c_destructor"`) and writes the C table
 * from which the engine takes them. Two modules never share a name; one module's classes may share a destructor.
 */
import { readFileSync } from "node:fs";
import { SetupError } from "./steps.mjs";

/**
 * @param {readonly string[]} files
 * @returns {string} C source
 */
export function tableOfNatives(files) {
  /** @type {Map<string, { file: string, destructor: boolean }>} */
  const natives = new Map();
  for (const file of [...files].sort())
    for (const { name, destructor } of nativesOf(readFileSync(file, "utf8"))) {
      const other = natives.get(name);
      if (other && (other.file !== file || !destructor || !other.destructor))
        throw new SetupError(`native ${name} is named twice: ${other.file} and ${file}`);
      natives.set(name, { file, destructor });
    }
  const sorted = [...natives].sort(([a], [b]) => (a < b ? -1 : 1));
  const declarations = sorted.map(
    ([name, { destructor }]) =>
      `extern void ${name}(${destructor ? "void *data" : "struct sxMachine *the"});`,
  );
  const rows = sorted.map(([name]) => `    {"${name}", (NativeFunction)${name}},`);
  return [
    "/* Generated from the modules under host-sim/platform and native. */",
    '#include "natives.h"',
    "struct sxMachine;",
    ...declarations,
    "const Native natives_table[] = {",
    ...rows,
    "    {0, 0},",
    "};",
    `const int natives_count = ${sorted.length};`,
    "",
  ].join("\n");
}

/**
 * @param {string} text a module
 * @returns {{ name: string, destructor: boolean }[]}
 */
function nativesOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/(\bclass\b[^@{};]*|\)\s*)@\s*"([A-Za-z_]\w*)"/g)].map((match) => ({
    name: match[2] ?? "",
    destructor: (match[1] ?? "").startsWith("class"),
  }));
}
