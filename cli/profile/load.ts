/** Reads a profile for a command that needs it, and the public keys it refers to: a sound one, or a one-line error. */
import { dirname, resolve } from "node:path";
import { checkDeviceId } from "../../certs/pki/device-id.js";
import { withDeviceId } from "../../lib/store/device-id.js";
import { type Profile, readProfile } from "../../lib/store/profile.js";
import { OperatorError } from "../report.js";
import { fileText } from "../values.js";
import type { AtProvisioning } from "./at-provisioning.js";
import { checkProfile, mistakeLine, type Parts } from "./check.js";
import { withPublicKeys } from "./key-pairs.js";
import { type Overrides, renamedReferences, withOverrides } from "./overrides.js";
import type { References } from "./references.js";

export interface LoadedProfile {
  readonly profile: Profile;
  readonly references: References;
  readonly atProvisioning: AtProvisioning;
  /** What its `file:` references are relative to. */
  readonly folder: string;
}

/**
 * @param overrides settings put over the file's. `device.id` makes it another device's profile: what in it is the id
 *   of the file's device becomes the other's (lib/store/device-id.ts), and paths of its own files likewise.
 * @throws {UsageError} when there is no such file
 * @throws {OperatorError} when its content is wrong
 * @example await loadProfile("tray.json", { "device.id": "dm-7", "broker.tls.psk.key": "file:psk/dm-7" })
 */
export async function loadProfile(path: string, overrides: Overrides = {}): Promise<LoadedProfile> {
  const { "device.id": id, ...settings } = overrides;
  const checked = checkProfile(withOverrides(await fileText(path), settings));
  if (!checked.ok) {
    const [first, ...others] = checked.mistakes;
    const more = others.length > 0 ? ` (and ${others.length} more: dormouse profile check ${path})` : "";
    throw new OperatorError(`${path}: ${mistakeLine(first!)}${more}`);
  }
  const { profile, references, atProvisioning } = id === undefined ? checked : renamed(checked, id, settings);
  const folder = dirname(resolve(path));
  return { profile: await withPublicKeys(profile, references, folder), references, atProvisioning, folder };
}

function renamed(parts: Parts, id: string, overrides: Overrides): Parts {
  const { device } = parts.profile;
  if (id === device.id) return parts;
  try {
    checkDeviceId(id);
  } catch (error) {
    throw new OperatorError(`device.id: ${(error as Error).message}`);
  }
  if (device.kid !== undefined && overrides["device.kid"] === undefined)
    throw new OperatorError(
      `device.kid: ${id} and ${device.id} would have the same: leave it out, or give another`,
    );
  const profile = withDeviceId(parts.profile, id);
  const read = readProfile(JSON.stringify(profile));
  if ("kind" in read) throw new OperatorError(`the profile of ${id}: ${read.detail}`);
  return { ...parts, profile, references: renamedReferences(parts.references, device.id, id) };
}
