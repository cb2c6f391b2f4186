/** The table of natives is what the modules name: each once, whatever comments say. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { root } from "../../../host-sim/paths.js";

const { tableOfNatives } = (await import(`${root}setup/natives.mjs`)) as {
  tableOfNatives(files: readonly string[]): string;
};
const scratch = mkdtempSync(join(tmpdir(), "dormouse-natives-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function module(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
}

test("functions, methods, constructors, accessors and destructors are found; comments are not", () => {
  const table = tableOfNatives([
    module(
      "all.js",
      `/* function no() @ "in_comment"; */
// function no() @ "in_line";
function f(a, b) @ "f_native";
export class C @ "c_destructor" {
  constructor(options) @ "c_constructor";
  get size() @ "c_get_size";
  static s() @ "c_s";
}
class D extends C @ "d_destructor" {}
`,
    ),
  ]);
  assert.match(table, /extern void c_destructor\(void \*data\);/);
  assert.match(table, /extern void d_destructor\(void \*data\);/);
  assert.match(table, /extern void c_constructor\(struct sxMachine \*the\);/);
  assert.match(table, /natives_count = 6;/);
  assert.doesNotMatch(table, /in_comment|in_line/);
});

test("a name belongs to one module, a destructor to any of its classes", () => {
  const one = module("one.js", 'class A @ "gone" {}\nclass B @ "gone" {}\nfunction f() @ "mine";\n');
  assert.match(tableOfNatives([one]), /natives_count = 2;/);
  const two = module("two.js", 'function g() @ "mine";\n');
  assert.throws(() => tableOfNatives([one, two]), /native mine is named twice: .*one\.js and .*two\.js/);
  const three = module("three.js", 'function g() @ "twice";\nfunction h() @ "twice";\n');
  assert.throws(() => tableOfNatives([three]), /named twice/);
});
