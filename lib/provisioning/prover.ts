/**
 * Proves that the board has its keys (proofs.ts has the bytes). Eight proofs at a time, then one each 5 s: who asks
 * learns nothing by asking, and is not to wear out the board.
 */
import type { Crypto, Key } from "../crypto/crypto.js";
import { flashKeys } from "../store/flash-entries.js";
import { openIdentity } from "./device-identity.js";
import type { ProvisioningStore } from "./device-shell.js";
import { deviceNonceBytes, type ProvableKey, type Request } from "./messages.js";
import { proofData, proofKey } from "./proofs.js";
import { type Refusal, refusal } from "./refusal.js";

const atOnce = 8;
const refillMs = 5000;

export interface Proof {
  readonly nonce: Uint8Array;
  readonly proof: Uint8Array;
}

export class Prover {
  private readonly crypto: Crypto;
  private readonly store: ProvisioningStore;
  private left = atOnce;
  private filledAtMs = 0;

  constructor(crypto: Crypto, store: ProvisioningStore) {
    this.crypto = crypto;
    this.store = store;
  }

  prove({ key, nonce: hostNonce }: Extract<Request, { kind: "prove" }>, nowMs: number): Proof | Refusal {
    const { crypto, store } = this;
    if (!this.mayProve(nowMs)) return refusal("too-often", "so many proofs at once are not given");
    const opened = openIdentity(crypto, store);
    try {
      // Nothing is done with a factory image's secret but to make another of it.
      if (!opened?.profile || opened.record.fromFactory)
        return refusal("incomplete", "the board has no identity of its own to prove");
      const nonce = crypto.random(deviceNonceBytes);
      const data = proofData(opened.profile.device.id, key, hostNonce, nonce);
      const proof = key === "secret" ? this.mac(key, opened.record.secret, data) : this.proofOf(key, data);
      return proof ? { nonce, proof } : refusal("unknown-entry", `the board has no ${key} that it can prove`);
    } finally {
      opened?.record.secret.close();
    }
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
