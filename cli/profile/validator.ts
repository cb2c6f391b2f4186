/**
 * Whether a value is a profile as profiles/dormouse.schema.json says; it fills in the defaults. The page of web/ has
 * the same compiled ahead (setup/web.mjs), because its browser compiles no text.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { root } from "../../host-sim/paths.js";
import type { WrittenProfile } from "./written.js";

let compiled: ValidateFunction<WrittenProfile> | undefined;

export function profileSchema(): object {
  return JSON.parse(readFileSync(join(root, "profiles/dormouse.schema.json"), "utf8"));
}

export function profileValidator(): ValidateFunction<WrittenProfile> {
  const ajv = new Ajv({ allErrors: true, verbose: true, useDefaults: true, allowUnionTypes: true });
  compiled ??= ajv.compile<WrittenProfile>(profileSchema());
  return compiled;
}
