/**
 * What a board must not be given again. A new device record begins its counters anew, so a secret and epoch that have
 * protected messages would meet them twice: whoever provisions draws a new secret each time, and the board does not rely
 * on it. Erasing leaves the ids of the last secrets in flash (sealed/keys.ts), which say nothing about them.
 */
import type { Crypto } from "../crypto/crypto.js";
import { deriveSecretId } from "../sealed/keys.js";
import { openDeviceRecord } from "../store/device-record.js";
import { flashKeys } from "../store/flash-entries.js";
import type { ProvisioningStore } from "./device-shell.js";

const idBytes = 4;
const keptIds = 8;

/** Before the record is erased. Where there is none, or flash does not keep it, nothing is remembered. */
export function rememberSecret(crypto: Crypto, store: ProvisioningStore): void {
  const record = openDeviceRecord(crypto, store.readBytes(flashKeys.record));
  if (!record) return;
  record.secret.close();
  const { secretId, formerId } = record;
  const ids = [...secretId, ...(formerId ?? []), ...(store.readBytes(flashKeys.formerIds) ?? [])];
  store.write(flashKeys.formerIds, Uint8Array.from(ids.slice(0, keptIds * idBytes)));
}

/** Whether this secret was the board's under this epoch, as far as it remembers. */
export function wasUsed(
  crypto: Crypto,
  store: ProvisioningStore,
  secret: Uint8Array,
  epoch: number,
): boolean {
  const ids = store.readBytes(flashKeys.formerIds);
  if (!ids) return false;
  const key = crypto.importSecret(secret);
  const id = deriveSecretId(crypto, key, epoch);
  key.close();
  for (let at = 0; at < ids.length; at += idBytes)
    if (id.every((byte, i) => byte === ids[at + i])) return true;
  return false;
}
