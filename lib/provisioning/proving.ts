/** The host's side of proofs: what a device must have, asked for and checked. */
import { constantTimeEqual } from "../cose/constant-time.js";
import type { Crypto } from "../crypto/crypto.js";
import type { ProvisioningClient } from "./client.js";
import { HostFailure } from "./host-failure.js";
import type { ProvableKey } from "./messages.js";
import { proofData, proofKey } from "./proofs.js";

/** What the host knows of a device's keys; what is left out is not asked for. All is the caller's. */
export interface KnownKeys {
  readonly secret?: Uint8Array;
  readonly psk?: Uint8Array;
  /** Public keys: 65 bytes, 04, x, y. */
  readonly "tls-key"?: Uint8Array;
  readonly "sign-key"?: Uint8Array;
}

export interface Verifier {
  readonly crypto: Pick<Crypto, "random" | "importSecret" | "deriveMacKey" | "hmac">;
  /** ES256: r, then s. */
  verifySignature(point: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>;
}

const nonceBytes = 32;
const order: readonly ProvableKey[] = Object.freeze(["secret", "psk", "tls-key", "sign-key"]);

/**
 * Has the device prove each key.
 * @param proved is told of each as it is proved
 * @throws {HostFailure} `proof-failed` at the first that it does not have, and what request() throws
 */
export async function proveKeys(
  client: ProvisioningClient,
  deviceId: string,
  known: KnownKeys,
  verifier: Verifier,
  proved: (key: ProvableKey) => void = () => {},
): Promise<void> {
  for (const key of order) {
    const own = known[key];
    if (own === undefined) continue;
    const hostNonce = verifier.crypto.random(nonceBytes);
    const { nonce, proof } = await client.request({ kind: "prove", key, nonce: hostNonce });
    const data = proofData(deviceId, key, hostNonce, nonce);
    const right =
      key === "secret" || key === "psk"
        ? constantTimeEqual(proof, macOf(verifier.crypto, key, own, data))
        : await verifier.verifySignature(own, data, proof);
    if (!right) throw new HostFailure("proof-failed", `the board does not have the ${key} that it should`);
    proved(key);
  }
}

function macOf(
  crypto: Verifier["crypto"],
  key: "secret" | "psk",
  own: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const shared = crypto.importSecret(own);
  const mac = proofKey(crypto, key, shared);
  const expected = crypto.hmac(mac, data);
  mac.close();
  shared.close();
  return expected;
}
