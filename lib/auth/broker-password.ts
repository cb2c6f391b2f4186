/**
 * A device's own password at its broker, out of its secret: nobody has to invent, store or provision it, and it is
 * gone with the secret. It says nothing about the secret or about what else comes of it.
 */
import { encode } from "../cbor/encode.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { encodeKid, type Sender } from "../sealed/keys.js";
import { base64urlLength, writeBase64url } from "./base64url.js";

const passwordBytes = 32;

/**
 * HKDF's info: dCBOR(["dormouse1", "broker-password", kid]). A COSE_KDF_Context begins with a number (RFC 9053 §5.2),
 * the secret's id has another label, and the key that seals TLS sessions is no CBOR: so no key shares it.
 */
export function passwordContext(device: Sender): Uint8Array {
  return encode(["dormouse1", "broker-password", encodeKid(device)]);
}

/**
 * @param secret the device's, as HKDF input
 * @returns 43 characters of base64url, as bytes that the caller zeroes
 * @throws {RangeError} for a device id or epoch beyond what a kid holds
 */
export function deriveBrokerPassword(crypto: Crypto, secret: Key, device: Sender): Uint8Array {
  const derived = crypto.deriveBytes(secret, passwordContext(device), passwordBytes);
  const text = new Uint8Array(base64urlLength(passwordBytes));
  writeBase64url(derived, text, 0);
  derived.fill(0);
  return text;
}
