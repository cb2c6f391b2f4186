/** What a board is given for a profile, out of what the profile refers to. It runs in browsers too. */
import { utf8Encode } from "../../lib/cbor/utf8.js";
import type { EntryName, GeneratedKey } from "../../lib/provisioning/messages.js";
import type { ProvisioningPlan } from "../../lib/provisioning/provision.js";
import { type EntrySizes, entriesProblem } from "../../lib/store/entry-rules.js";
import { storedProfile } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import { needsP256 } from "../../lib/store/protection.js";
import type { AtProvisioning } from "../profile/at-provisioning.js";
import type { ProfileSecrets } from "../profile/secrets.js";

/** All of a plan but its secret and epoch, which are new for each attempt. */
export type BoardPlan = Omit<ProvisioningPlan, "epoch">;

/**
 * @param publicKeys of the P-256 keys among the secrets, 65 bytes
 * @returns its entries are the caller's to zero
 * @throws {RangeError} in one line, when a board would refuse it
 */
export function planOf(
  profile: Profile,
  { made, improv }: AtProvisioning,
  secrets: ProfileSecrets,
  publicKeys: ReadonlyMap<GeneratedKey, Uint8Array>,
): BoardPlan {
  const entries = entriesOf(profile, secrets);
  const problem = entriesProblem(profile, sizesOf(entries, made, improv));
  if (problem) throw new RangeError(problem.detail);
  return {
    deviceId: profile.device.id,
    keepWifi: improv,
    entries,
    publicKeys,
    generate: made,
    needsP256: usesP256(profile) || made.length > 0 || publicKeys.size > 0,
  };
}

function entriesOf(profile: Profile, secrets: ProfileSecrets): Map<EntryName, Uint8Array> {
  const { ca, crl, wifiPassword, brokerPassword } = secrets;
  const entries = new Map<EntryName, Uint8Array>();
  const json = storedProfile(profile, { ca: ca !== null, crl: crl !== null });
  entries.set("profile", utf8Encode(json));
  const all: readonly [EntryName, Uint8Array | null][] = [
    ["wifi-password", wifiPassword === "" ? null : utf8Encode(wifiPassword)],
    ["broker-password", brokerPassword === null ? null : utf8Encode(brokerPassword)],
    ["jwt-key", secrets.jwtKey],
    ["ca", ca],
    ["crl", crl],
    ["tls-cert", secrets.certificate],
    ["tls-key", secrets.key],
    ["tls-psk", secrets.psk],
    ["sign-key", secrets.signKey],
  ];
  for (const [entry, bytes] of all) if (bytes !== null) entries.set(entry, bytes);
  return entries;
}

const sizeNames: readonly [name: keyof EntrySizes, entry: EntryName][] = [
  ["wifiPassword", "wifi-password"],
  ["brokerPassword", "broker-password"],
  ["jwtKey", "jwt-key"],
  ["ca", "ca"],
  ["crl", "crl"],
  ["certificate", "tls-cert"],
  ["key", "tls-key"],
  ["psk", "tls-psk"],
  ["signKey", "sign-key"],
];

/** What the board makes, or has of Improv, counts as there. */
function sizesOf(
  entries: ReadonlyMap<EntryName, Uint8Array>,
  made: readonly GeneratedKey[],
  improv: boolean,
): EntrySizes {
  const sizes: { -readonly [name in keyof EntrySizes]: number } = {};
  for (const [name, entry] of sizeNames) {
    const isMade =
      (made.includes("tls-key") && (entry === "tls-key" || entry === "tls-cert")) ||
      (made.includes("sign-key") && entry === "sign-key");
    const size = isMade ? 1 : entries.get(entry)?.length;
    if (size !== undefined) sizes[name] = size;
  }
  return improv ? { ...sizes, wifiSsid: 1 } : sizes;
}

function usesP256({ broker, topics, commands }: Profile): boolean {
  return needsP256(topics.up, commands) || broker.jwt?.algorithm === "ES256";
}
