/** Writes docs/conformance.md anew. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../shared.js";
import { namedTests } from "./named-tests.js";
import { page } from "./page.js";

writeFileSync(join(projectRoot, "docs/conformance.md"), page(await namedTests()));
