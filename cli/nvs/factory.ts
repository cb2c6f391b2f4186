/**
 * What a factory image puts into one board's flash: all that `dormouse provision` would, with a secret that the board
 * replaces at its first boot. Keys that a board else makes itself are made here.
 */
import { randomBytes, X509Certificate } from "node:crypto";
import { openIssuing } from "../../certs/pki/authority.js";
import { type CertificateFacts, certificateFacts } from "../../certs/pki/facts.js";
import { issueDevice } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { lifetimeDays, validFor } from "../../certs/pki/validity.js";
import { readBase64url } from "../../lib/auth/base64url.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { type FlashEntry, type FlashSecrets, flashEntries } from "../../lib/store/flash-entries.js";
import { newP256, publicHalf } from "../profile/key-pairs.js";
import type { LoadedProfile } from "../profile/load.js";
import type { ProfileSecrets } from "../profile/secrets.js";
import { OperatorError } from "../report.js";

export interface Factory {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly secrets: ProfileSecrets;
  readonly certificate: CertificateFacts | null;
  /** Of a board that signs: 65 bytes. */
  readonly signPoint: Uint8Array | null;
}

/** @throws {OperatorError} for a profile that no factory image can serve */
export function checkForFactory({ profile, atProvisioning }: LoadedProfile): void {
  if (atProvisioning.improv)
    throw new OperatorError(
      "wifi.improv: a board with a factory image takes no network from Improv: write wifi.ssid and wifi.password",
    );
  if (profile.broker.auth === "derived")
    throw new OperatorError(
      'broker.password: "derived" is of a secret that the board makes itself at its first boot, and its broker would not know it: provision it over serial, or write another password',
    );
}

/**
 * @param read what the profile refers to
 * @param certs the authority's folder, for a profile whose certificate is issued
 * @throws {RangeError} when that has no issuing CA
 */
export async function makeFactory(
  { profile, atProvisioning: { made } }: LoadedProfile,
  read: ProfileSecrets,
  certs: string,
): Promise<Factory> {
  let secrets = read;
  if (made.includes("tls-key")) {
    const issuing = await openIssuing(certs);
    const leaf = await issueDevice(issuing, profile.device.id, validFor(lifetimeDays.device, Date.now()));
    const chain = pem("CERTIFICATE", leaf.certificate) + pem("CERTIFICATE", issuing.certificate);
    secrets = { ...secrets, certificate: new TextEncoder().encode(chain), key: leaf.key };
  }
  if (made.includes("sign-key")) secrets = { ...secrets, signKey: newP256() };
  const { certificate, signKey } = secrets;
  return {
    secret: new Uint8Array(randomBytes(32)),
    secrets,
    certificate: certificate && (await factsOf(certificate)),
    signPoint: signKey && readBase64url(publicHalf(signKey)),
  };
}

/** @param stored DER, or PEM of a chain */
function factsOf(stored: Uint8Array): Promise<CertificateFacts> {
  return certificateFacts(new Uint8Array(new X509Certificate(stored).raw));
}

/** @throws {RangeError} when the profile is too large */
export function factoryEntries({ profile }: LoadedProfile, factory: Factory, epoch: number): FlashEntry[] {
  const record = encodeDeviceRecord(factory.secret, { epoch, reservedEnd: 0, fromFactory: true });
  return flashEntries(profile, { ...factory.secrets, record } satisfies FlashSecrets);
}

/** Zeroes what is secret of it, and of its entries. */
export function forget({ secret, secrets }: Factory, entries: readonly FlashEntry[]): void {
  secret.fill(0);
  for (const value of Object.values(secrets)) if (value instanceof Uint8Array) value.fill(0);
  for (const entry of entries) if (entry.type === "buffer") entry.value.fill(0);
}
