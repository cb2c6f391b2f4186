/** Who a provisioned board is, without its secrets: what a host may know at any time. */
import { p256Point } from "../crypto/certificate-key.js";
import type { Crypto } from "../crypto/crypto.js";
import { encodeKid } from "../sealed/keys.js";
import { openDeviceRecord } from "../store/device-record.js";
import { flashKeys } from "../store/flash-entries.js";
import { type Profile, readProfile } from "../store/profile.js";
import { kidBytes } from "../store/protection.js";
import { ownCertificate } from "./commit-checks.js";
import type { ProvisioningStore } from "./device-shell.js";
import type { DeviceIdentity } from "./messages.js";

/** Of a board whose record and profile can be read. */
export function readIdentity(crypto: Crypto, store: ProvisioningStore): DeviceIdentity | undefined {
  const json = store.readText(flashKeys.profile);
  const profile = json === undefined ? undefined : readProfile(json);
  return profile && !("kind" in profile) ? identityOf(crypto, store, profile) : undefined;
}

/** @returns undefined without an intact record */
export function identityOf(
  crypto: Crypto,
  store: ProvisioningStore,
  { device: { id, kid } }: Profile,
): DeviceIdentity | undefined {
  const record = openDeviceRecord(crypto, store.readBytes(flashKeys.record));
  if (!record) return undefined;
  record.secret.close();
  const { epoch, salt } = record;
  const named = { id, epoch, ...(kid !== undefined && { kid: kidBytes(kid) }), ...(salt && { salt }) };
  const certificate = ownCertificate(store);
  const point = signPoint(crypto, store);
  return {
    id,
    kid: encodeKid(named),
    epoch,
    ...(certificate && { certificate: crypto.sha256(certificate) }),
    ...(point && { signKey: crypto.sha256(point) }),
  };
}

function signPoint(crypto: Crypto, store: ProvisioningStore): Uint8Array | undefined {
  const key = store.readBytes(flashKeys.signKey);
  if (key === undefined) return undefined;
  try {
    return p256Point(crypto, key);
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}
