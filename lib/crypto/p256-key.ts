/**
 * A P-256 private key out of the forms in which tools write it, in DER: PKCS #8 (RFC 5208, 5958) and SEC 1
 * (RFC 5915). What goes with the number (attributes, the public key) is skipped, not believed. Refuses every other
 * curve and kind of key, encrypted keys, and encodings that are not DER.
 */

import { DerReader, derTag, objectId } from "./der-reader.js";

const numberBytes = 32;

/**
 * @returns the private number, 32 bytes, big-endian: a view of `der`, whose owner zeroes both. Whether it is below
 *   the curve's order is for those to see who know it
 * @throws {RangeError} for anything but one P-256 private key, without saying more
 */
export function p256PrivateNumber(der: Uint8Array): Uint8Array {
  const found = privateKeyInfo(der) ?? ecPrivateKey(der, false);
  if (found === undefined) throw new RangeError("not a P-256 private key in PKCS #8 or SEC 1");
  return found;
}

/** PrivateKeyInfo or OneAsymmetricKey, of version 0 or 1. */
function privateKeyInfo(der: Uint8Array): Uint8Array | undefined {
  const outer = new DerReader(der);
  const fields = outer.inside(derTag.sequence);
  if (!outer.atEnd) return undefined;
  const version = fields.read(derTag.integer);
  const algorithm = fields.inside(derTag.sequence);
  if (version?.length !== 1 || version[0]! > 1) return undefined;
  if (
    !algorithm.reads(derTag.objectId, objectId.ecPublicKey) ||
    !algorithm.reads(derTag.objectId, objectId.prime256v1) ||
    !algorithm.atEnd
  )
    return undefined;
  const key = fields.read(derTag.octetString);
  return key && fields.isWhole ? ecPrivateKey(key, true) : undefined;
}

/** @param curveKnown without that the parameters must be there to tell it */
function ecPrivateKey(der: Uint8Array, curveKnown: boolean): Uint8Array | undefined {
  const outer = new DerReader(der);
  const fields = outer.inside(derTag.sequence);
  if (!outer.atEnd || !fields.reads(derTag.integer, "01")) return undefined;
  const number = fields.read(derTag.octetString);
  if (number?.length !== numberBytes) return undefined;
  if (fields.next === derTag.context0) {
    const named = fields.inside(derTag.context0);
    if (!named.reads(derTag.objectId, objectId.prime256v1) || !named.atEnd) return undefined;
  } else if (!curveKnown) return undefined;
  return fields.isWhole ? number : undefined;
}
