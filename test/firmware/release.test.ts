import { equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { firmwareVersion } from "../../firmware/release.js";
import { root } from "../../host-sim/paths.js";

test("the firmware says the version of the package", () => {
  equal(firmwareVersion, JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
});
