/**
 * A new device secret out of the present one: what a re-keyed device and everybody who knew its secret compute alike.
 * Keys that were derived of the present secret say nothing about the new one, so whoever has only such keys is shut out;
 * whoever has the secret itself is not.
 */
import { encode } from "../cbor/encode.js";
import type { Crypto, Key } from "../crypto/crypto.js";

export const minSaltBytes = 16;
export const maxSaltBytes = 64;

/** Of the salt by which a device replaces a factory image's secret. */
export const ownSaltBytes = 16;

const secretBytes = 32;

/**
 * HKDF-SHA-256 of `secret` with `salt`, info = dCBOR(["dormouse1", "next-secret", epoch]).
 * @param epoch of the new secret
 * @param salt 16 to 64 random bytes; no secret
 * @returns 32 bytes, which the caller zeroes
 * @throws {RangeError} for a salt of another length, or an epoch beyond 32 bits
 */
export function deriveNextSecret(crypto: Crypto, secret: Key, epoch: number, salt: Uint8Array): Uint8Array {
  if (salt.length < minSaltBytes || salt.length > maxSaltBytes)
    throw new RangeError(`a salt has ${minSaltBytes} to ${maxSaltBytes} bytes`);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff)
    throw new RangeError("epoch out of range");
  return crypto.deriveBytes(secret, encode(["dormouse1", "next-secret", epoch]), secretBytes, salt);
}

/**
 * The epoch of the secret that replaces a factory image's by this salt: 31 bits of it. So every flashing of the image is
 * an epoch of its own, with windows of its own at the receivers, and leaves higher ones.
 */
export function epochOfSalt(salt: Uint8Array): number {
  return new DataView(salt.buffer, salt.byteOffset, salt.length).getUint32(0) >>> 1;
}
