/**
 * Erasing what was provisioned. The device record goes first: from then on the board is unprovisioned, wherever the power
 * fails, and what is left gives nothing away over the port. Then the profile, the keys and passwords, the rest.
 */
import type { Crypto } from "../crypto/crypto.js";
import { flashKeys } from "../store/flash-entries.js";
import type { ProvisioningStore } from "./device-shell.js";
import { rememberSecret } from "./former-secrets.js";

/**
 * What a new life begins with too: which secrets it must not have. Not how late it is at least: those who said so are
 * trusted no longer, and may have meant to shut the board out.
 */
const kept: readonly string[] = Object.freeze([flashKeys.formerIds]);
const wifi: readonly string[] = Object.freeze([flashKeys.wifiSsid, flashKeys.wifiPassword]);
/** In this order, and before all others. */
const first: readonly string[] = Object.freeze([
  flashKeys.record,
  flashKeys.profile,
  flashKeys.key,
  flashKeys.signKey,
  flashKeys.psk,
  flashKeys.jwtKey,
  flashKeys.brokerPassword,
]);

/**
 * @param keepWifi leaves the network that was given by Improv
 * @returns whether flash says that nothing else is there
 */
export function eraseAll(crypto: Crypto, store: ProvisioningStore, keepWifi: boolean): boolean {
  const spared = (key: string) => kept.includes(key) || (keepWifi && wifi.includes(key) && wifiGiven);
  let wifiGiven = false;
  try {
    rememberSecret(crypto, store);
  } catch {
    // Erasing comes first.
  }
  try {
    // A password without a network is what is left of another profile's.
    wifiGiven = store.readText(flashKeys.wifiSsid) !== undefined;
    for (const key of first) store.delete(key);
    for (const key of store.keys()) if (!spared(key)) store.delete(key);
    return store.keys().every(spared);
  } catch {
    return false;
  }
}
