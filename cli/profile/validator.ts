/**
 * Whether a value is a profile as profiles/dormouse.schema.json says; it fills in the defaults. The page of web/ has
 * the same compiled ahead (setup/web.mjs), because its browser compiles no text.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { root } from "../../host-sim/paths.js";
import type { WrittenProfile } from "./written.js";

export function profileValidator(): ValidateFunction<WrittenProfile> {
  const schema: object = JSON.parse(readFileSync(join(root, "profiles/dormouse.schema.json"), "utf8"));
  const ajv = new Ajv({ allErrors: true, verbose: true, useDefaults: true, allowUnionTypes: true });
  return ajv.compile<WrittenProfile>(schema);
}
