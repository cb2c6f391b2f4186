/**
 * Everything that one device is to be given, read before any board is spoken to: profile, CA, CRL, certificates, keys and
 * passwords, those that are asked for too. What a board would refuse is refused here.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { type CertificateFacts, certificateFacts as factsOfDer } from "../../certs/pki/facts.js";
import type { GeneratedKey } from "../../lib/provisioning/messages.js";
import type { Profile } from "../../lib/store/profile.js";
import type { Ask } from "../profile/at-provisioning.js";
import type { LoadedProfile } from "../profile/load.js";
import { type ProfileSecrets, readSecrets } from "../profile/secrets.js";
import { OperatorError } from "../report.js";
import { type BoardPlan, planOf } from "./plan.js";

export type Prepared = BoardPlan & {
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
  const secrets = await readSecrets(loaded, ask);
  try {
    return { ...planOf(profile, atProvisioning, secrets, publicKeysOf(secrets)), profile, path };
  } catch (error) {
    if (error instanceof RangeError) throw new OperatorError(`${path}: ${error.message}`);
    throw error;
  }
}

/** Zeroes what was read. */
export function forget({ entries }: Prepared): void {
  for (const bytes of entries.values()) bytes.fill(0);
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
