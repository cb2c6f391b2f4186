/**
 * What the page of web/ gives its user for a board that it has provisioned: all that a fleet keeps of a device, as one
 * JSON file. It holds the device's secret.
 */
import { checkDeviceId } from "../../certs/pki/device-id.js";
import { type Profile, readProfile } from "../../lib/store/profile.js";

export const provisionedFormat = "dormouse-provisioned-1";

export interface ProvisionedFile {
  readonly format: typeof provisionedFormat;
  /** The page made it before it sent the commit, and the board has not proved its keys yet. */
  readonly state?: "unproved";
  readonly id: string;
  readonly epoch: number;
  /** 12 hex digits, or none. */
  readonly mac: string;
  readonly board: string;
  readonly firmware: string;
  /** ISO 8601 */
  readonly at: string;
  /** The profile's file, as it was picked. */
  readonly profileName: string;
  readonly profile: Profile;
  /** 32 bytes, hex. */
  readonly secret: string;
  /** Hex: the public key that messages are signed with, 65 bytes. */
  readonly signPoint?: string;
  /** The device's own, PEM. */
  readonly certificate?: string;
}

const fields: { readonly [name in Exclude<keyof ProvisionedFile, "format" | "profile">]: RegExp } = {
  state: /^unproved$/,
  id: /^.{1,64}$/,
  epoch: /^\d{1,10}$/,
  mac: /^([0-9a-f]{12})?$/,
  board: /^[a-z0-9_-]{1,32}$/,
  firmware: /^[\x20-\x7e]{1,64}$/,
  at: /^\d{4}-\d\d-\d\dT[0-9:.]{8,12}Z$/,
  profileName: /^[^\p{C}]{1,255}$/u,
  secret: /^[0-9a-f]{64}$/,
  signPoint: /^04[0-9a-f]{128}$/,
  certificate: /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{1,8000}-----END CERTIFICATE-----\n$/,
};
const optional: readonly string[] = ["state", "signPoint", "certificate"];

/** @throws {RangeError} in one line, without a value of the file's */
export function readProvisionedFile(text: string): ProvisionedFile {
  const file = objectOf(text);
  if (file.format !== provisionedFormat)
    throw new RangeError("is no file of a board that the page provisioned");
  for (const name of Object.keys(file))
    if (!Object.hasOwn(fields, name) && name !== "format" && name !== "profile")
      throw new RangeError("has a field that this version does not know");
  for (const [name, form] of Object.entries(fields)) {
    const value = file[name];
    if (value === undefined && optional.includes(name)) continue;
    const isRight = typeof value === (name === "epoch" ? "number" : "string") && form.test(String(value));
    if (!isRight) throw new RangeError(`is damaged: ${name}`);
  }
  const read = readProfile(JSON.stringify(file.profile) ?? "");
  if ("kind" in read) throw new RangeError("is damaged: profile");
  checkDeviceId(file.id as string);
  if (read.device.id !== file.id) throw new RangeError("is damaged: the profile is another device's");
  return { ...(file as unknown as ProvisionedFile), profile: read };
}

function objectOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RangeError("is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new RangeError("is no JSON object");
  return value as Record<string, unknown>;
}
