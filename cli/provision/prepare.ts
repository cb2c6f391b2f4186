/**
 * Everything that one device is to be given, read before any board is spoken to: profile, CA, CRL, certificates, keys and
 * passwords, those that are asked for too. What a board would refuse is refused here.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { type CertificateFacts, certificateFacts as factsOfDer } from "../../certs/pki/facts.js";
import { utf8Encode } from "../../lib/cbor/utf8.js";
import type { EntryName, GeneratedKey } from "../../lib/provisioning/messages.js";
import type { ProvisioningPlan } from "../../lib/provisioning/provision.js";
import { type EntrySizes, entriesProblem } from "../../lib/store/entry-rules.js";
import { storedProfile } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import { needsP256 } from "../../lib/store/protection.js";
import type { Ask } from "../profile/at-provisioning.js";
import type { LoadedProfile } from "../profile/load.js";
import { type ProfileSecrets, readSecrets } from "../profile/secrets.js";
import { OperatorError } from "../report.js";

/** All of a plan but its secret and epoch, which are new for each attempt. */
export type Prepared = Omit<ProvisioningPlan, "epoch"> & {
  readonly profile: Profile;
  /** The file, as the operator names it. */
  readonly path: string;
};

/**
 * @param ask for what the profile has asked for
 * @returns its entries are the caller's to zero, by forget()
 * @throws {OperatorError} in one line, without a secret
 */
export async function prepare(path: string, loaded: LoadedProfile, ask: Ask): Promise<Prepared> {
  const { profile, atProvisioning } = loaded;
  const { made, improv } = atProvisioning;
  const secrets = await readSecrets(loaded, ask);
  const entries = entriesOf(profile, secrets, path);
  const problem = entriesProblem(profile, sizesOf(entries, made, improv));
  if (problem) throw new OperatorError(`${path}: ${problem.detail}`);
  const publicKeys = publicKeysOf(secrets);
  return {
    profile,
    path,
    deviceId: profile.device.id,
    keepWifi: improv,
    entries,
    publicKeys,
    generate: made,
    needsP256: usesP256(profile) || made.length > 0 || publicKeys.size > 0,
  };
}

/** Zeroes what was read. */
export function forget({ entries }: Prepared): void {
  for (const bytes of entries.values()) bytes.fill(0);
}

function entriesOf(profile: Profile, secrets: ProfileSecrets, path: string): Map<EntryName, Uint8Array> {
  const { ca, crl, wifiPassword, brokerPassword } = secrets;
  const entries = new Map<EntryName, Uint8Array>();
  try {
    const json = storedProfile(profile, { ca: ca !== null, crl: crl !== null });
    entries.set("profile", utf8Encode(json));
  } catch (error) {
    if (error instanceof RangeError) throw new OperatorError(`${path}: ${error.message}`);
    throw error;
  }
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

/** Of P-256 keys that the board is given: it can be asked to prove those too. */
function publicKeysOf({ certificate, key, signKey }: ProfileSecrets): Map<GeneratedKey, Uint8Array> {
  const found = new Map<GeneratedKey, Uint8Array>();
  const points: readonly [GeneratedKey, Uint8Array | null][] = [
    ["tls-key", certificate && key && privatePoint(key)],
    ["sign-key", signKey && privatePoint(signKey)],
  ];
  for (const [name, point] of points) if (point) found.set(name, point);
  return found;
}

function privatePoint(der: Uint8Array): Uint8Array | null {
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  return pointOf(createPublicKey(key));
}

/** What the register and the summary say of the first certificate. */
export function certificateFacts(certificate: Uint8Array): Promise<CertificateFacts> {
  return factsOfDer(new Uint8Array(new X509Certificate(certificate).raw));
}

/** 65 bytes: 04, x, y. */
function pointOf(key: KeyObject): Uint8Array | null {
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return null;
  const { x, y } = key.export({ format: "jwk" });
  return Uint8Array.from([4, ...Buffer.from(x!, "base64url"), ...Buffer.from(y!, "base64url")]);
}
