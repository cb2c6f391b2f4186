/** The committed vectors are what make.py writes today; left out where python3 or its cbor2 is missing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pythonWithCbor, withoutPython } from "./python.js";
import { projectRoot } from "./shared.js";

const folder = join(projectRoot, "test/vectors");
test("make.py writes the committed vectors", { skip: withoutPython }, () => {
  const made = mkdtempSync(join(tmpdir(), "dormouse-vectors-"));
  try {
    execFileSync(pythonWithCbor!, [join(folder, "make.py"), made]);
    const names = readdirSync(made).sort();
    assert.deepEqual(readdirSync(join(folder, "sealed")).sort(), names);
    for (const name of names)
      assert.equal(
        readFileSync(join(made, name), "utf8"),
        readFileSync(join(folder, "sealed", name), "utf8"),
        name,
      );
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
});
