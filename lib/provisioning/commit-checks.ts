/**
 * What a device looks at before it commits: that everything the profile asks for is in flash and fits together. It looks
 * at what flash has, not at what was sent, and nothing comes between these checks and the record: so nothing can be put
 * under them.
 */
import { readBase64url } from "../auth/base64url.js";
import {
  certificatePublicKey,
  isCertificate,
  p256Point,
  publicKeyOf,
  samePublicKey,
} from "../crypto/certificate-key.js";
import type { Crypto } from "../crypto/crypto.js";
import { DerReader, derTag } from "../crypto/der-reader.js";
import { firstPemCertificate } from "../crypto/pem-certificate.js";
import { entriesProblem, type ProfileEntry, profileEntries, trustProblem } from "../store/entry-rules.js";
import { flashKeys } from "../store/flash-entries.js";
import { type Profile, readProfile } from "../store/profile.js";
import { needsP256, signs } from "../store/protection.js";
import type { ProvisioningStore } from "./device-shell.js";
import { type Refusal, refusal } from "./refusal.js";

export interface Checked {
  readonly crypto: Crypto;
  readonly store: ProvisioningStore;
  /** Whether the firmware has P-256. */
  readonly p256: boolean;
}

/** @returns the profile that may be committed; or why not */
export function checkStaged({ crypto, store, p256 }: Checked): Profile | Refusal {
  const json = store.readText(flashKeys.profile);
  if (json === undefined) return refusal("incomplete", "the profile is missing");
  const profile = readProfile(json);
  if ("kind" in profile) return refusal("bad-value", `profile: ${profile.detail}`);
  const sizes = entrySizes(store);
  const problem = entriesProblem(profile, sizes) ?? trustProblem(profile, sizes);
  if (problem) return refusal(problem.kind === "missing" ? "incomplete" : "mismatch", problem.detail);
  if (!p256 && asksForP256(profile)) return refusal("no-p256", "this board's firmware has no P-256");
  return (
    pointsProblem(crypto, profile) ?? keysProblem(crypto, store, profile, p256) ?? trusted(store) ?? profile
  );
}

const texts: readonly ProfileEntry[] = Object.freeze(["wifiSsid", "wifiPassword"] as const);

function entrySizes(store: ProvisioningStore): { readonly [name in ProfileEntry]?: number } {
  const sizes: { [name in ProfileEntry]?: number } = {};
  for (const name of profileEntries) {
    const key = flashKeys[name];
    const value = texts.includes(name) ? store.readText(key) : store.readBytes(key);
    if (value === undefined) continue;
    sizes[name] = value.length;
    if (typeof value !== "string") value.fill(0);
  }
  return sizes;
}

function asksForP256({ topics, commands, broker }: Profile): boolean {
  return needsP256(topics.up, commands) || broker.jwt?.algorithm === "ES256";
}

/** Public keys of others in the profile: on the curve, or the device would refuse to work later. */
function pointsProblem(crypto: Crypto, { topics: { up }, commands }: Profile): Refusal | undefined {
  if (up.protection === "sealTo" && !isPoint(crypto, up.recipientKey))
    return refusal("bad-value", "profile: topics.up.recipientKey is no point of P-256");
  if (commands?.operator && !isPoint(crypto, commands.operator.key))
    return refusal("bad-value", "profile: commands.operator.key is no point of P-256");
  return undefined;
}

function isPoint(crypto: Crypto, base64url: string): boolean {
  try {
    crypto.importVerifyingKey(readBase64url(base64url)).close();
    return true;
  } catch {
    return false;
  }
}

function keysProblem(
  crypto: Crypto,
  store: ProvisioningStore,
  { topics, broker }: Profile,
  p256: boolean,
): Refusal | undefined {
  if (signs(topics.up) && !isP256Key(crypto, store, flashKeys.signKey))
    return refusal("bad-value", "sign-key is no P-256 private key");
  if (broker.jwt?.algorithm === "ES256" && !isP256Key(crypto, store, flashKeys.jwtKey))
    return refusal("bad-value", "jwt-key is no P-256 private key");
  if (broker.tls !== false && broker.tls.identity === "certificate")
    return identityProblem(crypto, store, p256);
  return undefined;
}

function isP256Key(crypto: Crypto, store: ProvisioningStore, name: string): boolean {
  const key = store.readBytes(name);
  if (key === undefined) return false;
  try {
    p256Point(crypto, key);
    return true;
  } catch {
    return false;
  } finally {
    key.fill(0);
  }
}

/** The certificate is of the key that is there. */
function identityProblem(crypto: Crypto, store: ProvisioningStore, p256: boolean): Refusal | undefined {
  const certificate = ownCertificate(store);
  const certified = certificate && certificatePublicKey(certificate);
  if (!certified) return refusal("bad-value", "tls-cert is no certificate of a P-256 or RSA key");
  if (!p256 && certified.type === "p256") return refusal("no-p256", "this board's firmware has no P-256");
  const key = store.readBytes(flashKeys.key);
  try {
    const own = key && publicKeyOf(crypto, key);
    if (!own) return refusal("bad-value", "tls-key is no P-256 or RSA private key in PKCS #8");
    return samePublicKey(own, certified)
      ? undefined
      : refusal("mismatch", "tls-cert is the certificate of another key than tls-key");
  } catch {
    return refusal("bad-value", "tls-key is no P-256 or RSA private key in PKCS #8");
  } finally {
    key?.fill(0);
  }
}

/** The device's own certificate, in DER, without those between it and the CA. */
export function ownCertificate(store: ProvisioningStore): Uint8Array | undefined {
  const stored = store.readBytes(flashKeys.certificate);
  return stored === undefined || stored[0] === derTag.sequence ? stored : firstPemCertificate(stored);
}

function trusted(store: ProvisioningStore): Refusal | undefined {
  const ca = store.readBytes(flashKeys.ca);
  if (ca && !isCertificate(ca)) return refusal("bad-value", "ca is no certificate in DER");
  const crl = store.readBytes(flashKeys.crl);
  if (!crl) return undefined;
  const list = new DerReader(crl);
  list.read(derTag.sequence);
  return list.atEnd ? undefined : refusal("bad-value", "crl is no list in DER");
}
