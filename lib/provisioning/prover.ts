/**
 * Proves that the board has its keys (proofs.ts has the bytes). Eight proofs at a time, then one each 5 s: who asks
 * learns nothing by asking, and is not to wear out the board.
 */
import type { Crypto, Key } from "../crypto/crypto.js";
import { openDeviceRecord } from "../store/device-record.js";
import { flashKeys } from "../store/flash-entries.js";
import type { ProvisioningStore } from "./device-shell.js";
import { type Answer, deviceNonceBytes, type ProvableKey, type Request } from "./messages.js";
import { proofData, proofKey } from "./proofs.js";
import { refusal } from "./refusal.js";

const atOnce = 8;
const refillMs = 5000;

export class Prover {
  private readonly crypto: Crypto;
  private readonly store: ProvisioningStore;
  private left = atOnce;
  private filledAtMs = 0;

  constructor(crypto: Crypto, store: ProvisioningStore) {
    this.crypto = crypto;
    this.store = store;
  }

  /** @param deviceId of a board with an identity */
  prove(
    { key, nonce: hostNonce }: Extract<Request, { kind: "prove" }>,
    deviceId: string | undefined,
    nowMs: number,
  ): Answer {
    if (!this.mayProve(nowMs)) return refusal("too-often", "so many proofs at once are not given");
    if (deviceId === undefined) return refusal("incomplete", "the board has no identity to prove");
    const nonce = this.crypto.random(deviceNonceBytes);
    const data = proofData(deviceId, key, hostNonce, nonce);
    const proof = key === "secret" ? this.secretProof(data) : this.proofOf(key, data);
    return proof
      ? { kind: "prove", nonce, proof }
      : refusal("unknown-entry", `the board has no ${key} that it can prove`);
  }

  private mayProve(nowMs: number): boolean {
    const refilled = Math.floor((nowMs - this.filledAtMs) / refillMs);
    if (this.left + refilled >= atOnce) {
      this.left = atOnce;
      this.filledAtMs = nowMs;
    } else {
      this.left += refilled;
      this.filledAtMs += refilled * refillMs;
    }
    if (this.left === 0) return false;
    this.left--;
    return true;
  }

  /** Nothing is done with a factory image's secret but to make another of it. */
  private secretProof(data: Uint8Array): Uint8Array | undefined {
    const record = openDeviceRecord(this.crypto, this.store.readBytes(flashKeys.record));
    try {
      return record && !record.fromFactory ? this.mac("secret", record.secret, data) : undefined;
    } finally {
      record?.secret.close();
    }
  }

  /** @returns undefined when there is no such key, or none that proves itself */
  private proofOf(key: Exclude<ProvableKey, "secret">, data: Uint8Array): Uint8Array | undefined {
    const { crypto, store } = this;
    const entry = { psk: flashKeys.psk, "tls-key": flashKeys.key, "sign-key": flashKeys.signKey }[key];
    const bytes = store.readBytes(entry);
    if (bytes === undefined) return undefined;
    let handle: Key | undefined;
    try {
      handle = key === "psk" ? crypto.importSecret(bytes) : crypto.importSigningKey(bytes);
      return key === "psk" ? this.mac(key, handle, data) : crypto.sign(handle, data);
    } catch (error) {
      // An RSA key: TLS alone shows that the board has it.
      if (error instanceof RangeError) return undefined;
      throw error;
    } finally {
      handle?.close();
      bytes.fill(0);
    }
  }

  private mac(key: "secret" | "psk", shared: Key, data: Uint8Array): Uint8Array {
    const derived = proofKey(this.crypto, key, shared);
    try {
      return this.crypto.hmac(derived, data);
    } finally {
      derived.close();
    }
  }
}
