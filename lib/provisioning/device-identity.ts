/** Who a provisioned board is, without its secrets: what a host may know at any time. */
import { p256Point } from "../crypto/certificate-key.js";
import type { Crypto } from "../crypto/crypto.js";
import { encodeKid, type Sender } from "../sealed/keys.js";
import { type Device, openDeviceRecord } from "../store/device-record.js";
import { flashKeys } from "../store/flash-entries.js";
import { type Profile, readProfile } from "../store/profile.js";
import { kidBytes } from "../store/protection.js";
import { ownCertificate } from "./commit-checks.js";
import type { ProvisioningStore } from "./device-shell.js";
import type { DeviceIdentity } from "./messages.js";

/** The record and the profile, as far as both can be read. The caller closes the record's secret. */
export function openIdentity(
  crypto: Crypto,
  store: ProvisioningStore,
): { readonly record: Device; readonly profile: Profile | undefined } | undefined {
  const record = openDeviceRecord(crypto, store.readBytes(flashKeys.record));
  if (!record) return undefined;
  const json = store.readText(flashKeys.profile);
  const profile = json === undefined ? undefined : readProfile(json);
  return { record, profile: profile && "kind" in profile ? undefined : profile };
}

/** @returns undefined for a board without identity, or without a profile that can be read */
export function readIdentity(crypto: Crypto, store: ProvisioningStore): DeviceIdentity | undefined {
  const opened = openIdentity(crypto, store);
  opened?.record.secret.close();
  if (!opened?.profile) return undefined;
  const { id, kid } = opened.profile.device;
  const { epoch, salt } = opened.record;
  const sender: Sender = {
    id,
    epoch,
    ...(kid !== undefined && { kid: kidBytes(kid) }),
    ...(salt && { salt }),
  };
  const certificate = ownCertificate(store);
  const point = signPoint(crypto, store);
  return {
    id,
    kid: encodeKid(sender),
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
