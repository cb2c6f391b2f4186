/** Reads a profile for a command that needs it, and the public keys it refers to: a sound one, or a one-line error. */
import { dirname, resolve } from "node:path";
import type { Profile } from "../../lib/store/profile.js";
import { OperatorError } from "../report.js";
import { fileText } from "../values.js";
import type { AtProvisioning } from "./at-provisioning.js";
import { checkProfile, mistakeLine } from "./check.js";
import { withPublicKeys } from "./key-pairs.js";
import type { References } from "./references.js";

export interface LoadedProfile {
  readonly profile: Profile;
  readonly references: References;
  readonly atProvisioning: AtProvisioning;
  /** What its `file:` references are relative to. */
  readonly folder: string;
}

/**
 * @throws {UsageError} when there is no such file
 * @throws {OperatorError} when its content is wrong
 */
export async function loadProfile(path: string): Promise<LoadedProfile> {
  const checked = checkProfile(await fileText(path));
  if (checked.ok) {
    const { references, atProvisioning } = checked;
    const folder = dirname(resolve(path));
    const profile = await withPublicKeys(checked.profile, references, folder);
    return { profile, references, atProvisioning, folder };
  }
  const [first, ...others] = checked.mistakes;
  const more = others.length > 0 ? ` (and ${others.length} more: dormouse profile check ${path})` : "";
  throw new OperatorError(`${path}: ${mistakeLine(first!)}${more}`);
}
