/** docs/sealed.md is true: its example is the first vector, and its receiver judges them all rightly. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pythonWithCbor, withoutPython } from "./python.js";
import { projectRoot } from "./shared.js";

const page = readFileSync(join(projectRoot, "docs/sealed.md"), "utf8");
const vectors = join(projectRoot, "test/vectors/sealed");

function firstCase(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(vectors, `${name}.json`), "utf8")).cases[0];
}

test("the page's example is the first vector", () => {
  const vector = { ...firstCase("kdf"), ...firstCase("stamp") } as Record<string, unknown>;
  const blocks = [...page.matchAll(/```hex (\w+)\n([0-9a-f]+)\n```/g)];
  assert.equal(blocks.length, 5);
  for (const [, name, hex] of blocks) assert.equal(hex, vector[name!], name);
});

const judge = `
import json, pathlib, sys

def check(case, file):
    get = lambda name: case.get(name, file.get(name))
    args = [bytes.fromhex(get("secret")), get("alg"), get("senderId"), get("epoch"), get("direction"), get("topic")]
    result = verify(bytes.fromhex(case["message"]), *args)
    wanted = (get("counter"), get("contentType"), bytes.fromhex(get("payload"))) if case.get("accept", True) else None
    assert result == wanted, case["name"]

checked = 0
for name in ("stamp", "stamp-reject"):
    file = json.loads((pathlib.Path(sys.argv[1]) / (name + ".json")).read_text())
    for case in file["cases"]:
        check(case, file)
        checked += 1
print(checked)
`;

test("the page's receiver accepts and refuses as the vectors say", { skip: withoutPython }, () => {
  const [, receiver] = /```python\n([\s\S]*?)```/.exec(page)!;
  const checked = execFileSync(pythonWithCbor!, ["-", vectors], {
    input: receiver + judge,
    encoding: "utf8",
  });
  assert.ok(Number(checked) > 60, checked);
});
