/** The committed vectors are what make.py writes today; left out where python3 or its cbor2 is missing. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "./shared.js";

const folder = join(projectRoot, "test/vectors");
// Debian's package serves Debian's interpreter, which need not be the first one on the path.
const python = ["python3", "/usr/bin/python3"].find(
  (candidate) => spawnSync(candidate, ["-c", "import cbor2"]).status === 0,
);

test("make.py writes the committed vectors", {
  skip: !python && "left out: no python3 with cbor2 (Debian: apt-get install python3-cbor2)",
}, () => {
  const made = mkdtempSync(join(tmpdir(), "dormouse-vectors-"));
  try {
    execFileSync(python!, [join(folder, "make.py"), made]);
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
