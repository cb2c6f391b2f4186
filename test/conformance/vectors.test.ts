/** The committed vectors are what their programs write today; left out where python3 or its cbor2 is missing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pythonWithCbor, withoutPython } from "./python.js";
import { projectRoot } from "./shared.js";

const folder = join(projectRoot, "test/vectors");
for (const [program, kind] of [
  ["make.py", "sealed"],
  ["make-auth.py", "auth"],
  ["make-crypto.py", "crypto"],
  ["make-commands.py", "commands"],
] as const)
  test(`${program} writes the committed vectors`, { skip: withoutPython }, () => {
    const made = mkdtempSync(join(tmpdir(), "dormouse-vectors-"));
    try {
      execFileSync(pythonWithCbor!, [join(folder, program), made]);
      const names = readdirSync(made).sort();
      assert.deepEqual(readdirSync(join(folder, kind)).sort(), names);
      for (const name of names)
        assert.equal(
          readFileSync(join(made, name), "utf8"),
          readFileSync(join(folder, kind, name), "utf8"),
          name,
        );
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });
