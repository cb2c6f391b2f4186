/**
 * A request for a certificate (PKCS #10, RFC 2986) for a P-256 key: its subject is one common name, and it asks for no
 * extensions; what the certificate says is up to its issuer. The signature shows that whoever asks has the key.
 */
import { utf8Encode } from "../cbor/utf8.js";
import type { Crypto, Key } from "./crypto.js";
import { derTag, objectId } from "./der-reader.js";
import { der, derBitString, derInteger, derObjectId } from "./der-writer.js";

const { sequence, set, integer, context0 } = derTag;
const maxNameCharacters = 64;

/**
 * @param key from importSigningKey
 * @param point its public key, 04, x, y
 * @param name 1 to 64 characters (RFC 5280 A.1, ub-common-name)
 * @returns DER
 * @throws {RangeError} for another name or point
 */
export function certificateRequest(crypto: Crypto, key: Key, point: Uint8Array, name: string): Uint8Array {
  if (name === "" || name.length > maxNameCharacters)
    throw new RangeError(`a common name has 1 to ${maxNameCharacters} characters`);
  if (point.length !== 65 || point[0] !== 4) throw new RangeError("not an uncompressed P-256 point");
  const info = requestInfo(point, name);
  const signature = crypto.sign(key, info);
  // RFC 3279 §2.2.3
  const pair = der(sequence, derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32)));
  const algorithm = der(sequence, derObjectId(objectId.ecdsaWithSha256));
  return der(sequence, info, algorithm, derBitString(pair));
}

/** CertificationRequestInfo, RFC 2986 §4.1. */
function requestInfo(point: Uint8Array, name: string): Uint8Array {
  const version = der(integer, Uint8Array.of(0));
  const commonName = der(
    sequence,
    derObjectId(objectId.commonName),
    der(derTag.utf8String, utf8Encode(name)),
  );
  const subject = der(sequence, der(set, commonName));
  const algorithm = der(sequence, derObjectId(objectId.ecPublicKey), derObjectId(objectId.prime256v1));
  const publicKey = der(sequence, algorithm, derBitString(point));
  const attributes = der(context0);
  return der(sequence, version, subject, publicKey, attributes);
}
