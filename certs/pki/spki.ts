/**
 * The pin of a certificate's key (RFC 7469 §2.4): of its SubjectPublicKeyInfo as it stands there, byte for byte,
 * because that is what a device hashes. OpenSSL's and Node's export write it anew, which is not always the same.
 */
import { createHash } from "node:crypto";
import { derElements, derSequence } from "./der.js";

/** `sha256/BASE64`, as a profile takes it. */
export function pinOf(spki: Uint8Array): string {
  return `sha256/${createHash("sha256").update(spki).digest("base64")}`;
}

/**
 * RFC 5280 §4.1: tbsCertificate's fields in their order; only the version, first and [0], may be missing.
 * @param certificate DER
 * @throws {RangeError} when it is no certificate
 */
export function spkiOf(certificate: Uint8Array): Uint8Array {
  const fields = derElements(derSequence(certificate)[0]?.content ?? new Uint8Array(0));
  const spki = fields[fields[0]?.tag === 0xa0 ? 6 : 5];
  if (spki?.tag !== 0x30) throw new RangeError("a certificate without public key");
  return spki.whole;
}
