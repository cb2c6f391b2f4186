/**
 * What a device signs or authenticates to prove that it holds a key, the same at both ends. Its own nonce is in it, so the
 * host does not choose the bytes; and the first item says what it is, so no COSE message, TLS handshake, token or
 * certificate request can be taken for it, nor it for one of them.
 */
import { encode } from "../cbor/encode.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import type { ProvableKey } from "./messages.js";

const context = "dormouse-proof";
const macBytes = 32;

/** `dCBOR(["dormouse-proof", deviceId, keyName, hostNonce, deviceNonce])`: for HMAC-SHA-256, or for ES256. */
export function proofData(
  deviceId: string,
  key: ProvableKey,
  hostNonce: Uint8Array,
  deviceNonce: Uint8Array,
): Uint8Array {
  return encode([context, deviceId, key, hostNonce, deviceNonce]);
}

/**
 * The key that proves possession of bytes that are shared: HKDF-SHA-256, salt absent, info
 * `dCBOR(["dormouse1", "proof", keyName])`, which no COSE_KDF_Context is. It serves for nothing else.
 * @param shared as imported by `importSecret`; the caller closes both
 */
export function proofKey(crypto: Pick<Crypto, "deriveMacKey">, key: "secret" | "psk", shared: Key): Key {
  return crypto.deriveMacKey(shared, encode(["dormouse1", "proof", key]), macBytes);
}
