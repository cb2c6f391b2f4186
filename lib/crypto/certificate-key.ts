/**
 * The public key in an X.509 certificate (RFC 5280 §4.1), and the one that belongs to a private key, to see whether the two
 * belong together. It verifies no signature and believes no name: TLS does.
 */
import type { Crypto } from "./crypto.js";
import { DerReader, derTag, objectId } from "./der-reader.js";
import { p256PrivateNumber } from "./p256-key.js";

export type PublicKey =
  /** 04, x, y. */
  | { readonly type: "p256"; readonly point: Uint8Array }
  /** RSAPublicKey (RFC 8017 A.1.1): modulus and exponent, each the content of its INTEGER. */
  | { readonly type: "rsa"; readonly modulus: Uint8Array; readonly exponent: Uint8Array };

const { sequence, integer, bitString, octetString, context0 } = derTag;
const nullTag = 0x05;

/** @returns views of `certificate`, DER; undefined for what is no certificate of such a key */
export function certificatePublicKey(certificate: Uint8Array): PublicKey | undefined {
  const info = subjectPublicKeyInfo(certificate);
  return info && publicKeyInfo(new DerReader(info));
}

/** Whether it has a certificate's outer form, whatever its key. */
export function isCertificate(der: Uint8Array): boolean {
  return subjectPublicKeyInfo(der) !== undefined;
}

/** @returns what its SEQUENCE holds */
function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array | undefined {
  const file = new DerReader(certificate);
  const outer = file.inside(sequence);
  if (!file.atEnd) return undefined;
  const fields = outer.inside(sequence);
  outer.read(sequence); // signature algorithm
  outer.read(bitString); // signature
  if (!outer.atEnd) return undefined;
  if (fields.next === context0) fields.read(context0); // version
  fields.read(integer); // serial number
  fields.read(sequence); // signature algorithm
  fields.read(sequence); // issuer
  fields.read(sequence); // validity
  fields.read(sequence); // subject
  const info = fields.read(sequence);
  return fields.isWhole ? info : undefined;
}

/** SubjectPublicKeyInfo. */
function publicKeyInfo(info: DerReader): PublicKey | undefined {
  const algorithm = info.inside(sequence);
  const bits = info.read(bitString);
  if (bits === undefined || bits[0] !== 0 || !info.atEnd) return undefined;
  const key = bits.subarray(1);
  const kind = algorithm.read(derTag.objectId);
  if (isObjectId(kind, objectId.rsaEncryption))
    return algorithm.read(nullTag)?.length === 0 && algorithm.atEnd ? rsaPublicKey(key) : undefined;
  if (!isObjectId(kind, objectId.ecPublicKey)) return undefined;
  if (!algorithm.reads(derTag.objectId, objectId.prime256v1) || !algorithm.atEnd) return undefined;
  return key.length === 65 && key[0] === 4 ? { type: "p256", point: key } : undefined;
}

function rsaPublicKey(key: Uint8Array): PublicKey | undefined {
  const whole = new DerReader(key);
  const numbers = whole.inside(sequence);
  const modulus = numbers.read(integer);
  const exponent = numbers.read(integer);
  return modulus && exponent && numbers.atEnd && whole.atEnd ? { type: "rsa", modulus, exponent } : undefined;
}

/**
 * @param key PKCS #8 in DER; the caller keeps, and zeroes, it
 * @returns for RSA the numbers that stand beside the private one, views of `key`; undefined for any other key
 * @throws {RangeError} for a P-256 key where there is no P-256, or whose number is beyond the curve's
 */
export function publicKeyOf(crypto: Crypto, key: Uint8Array): PublicKey | undefined {
  const rsa = rsaKey(key);
  if (rsa) return rsa;
  try {
    p256PrivateNumber(key);
  } catch {
    return undefined;
  }
  return { type: "p256", point: p256Point(crypto, key) };
}

/**
 * @param key PKCS #8 or SEC 1 in DER
 * @returns its public key: 04, x, y
 * @throws {RangeError} for anything but a P-256 key, and where there is no P-256
 */
export function p256Point(crypto: Crypto, key: Uint8Array): Uint8Array {
  const handle = crypto.importAgreementKey(key);
  try {
    return crypto.agreementPoint(handle);
  } finally {
    handle.close();
  }
}

/** PrivateKeyInfo (RFC 5958) around RSAPrivateKey (RFC 8017 A.1.2). */
function rsaKey(key: Uint8Array): PublicKey | undefined {
  const file = new DerReader(key);
  const info = file.inside(sequence);
  info.read(integer);
  const algorithm = info.inside(sequence);
  if (!file.atEnd || !algorithm.reads(derTag.objectId, objectId.rsaEncryption)) return undefined;
  const octets = info.read(octetString);
  if (octets === undefined || !info.isWhole) return undefined;
  const whole = new DerReader(octets);
  const numbers = whole.inside(sequence);
  const version = numbers.read(integer);
  const modulus = numbers.read(integer);
  const exponent = numbers.read(integer);
  if (!whole.atEnd || version?.length !== 1 || version[0] !== 0) return undefined;
  return modulus && exponent && numbers.isWhole ? { type: "rsa", modulus, exponent } : undefined;
}

export function samePublicKey(a: PublicKey, b: PublicKey): boolean {
  if (a.type === "p256") return b.type === "p256" && same(a.point, b.point);
  return b.type === "rsa" && same(a.modulus, b.modulus) && same(a.exponent, b.exponent);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isObjectId(content: Uint8Array | undefined, hex: string): boolean {
  if (content?.length !== hex.length / 2) return false;
  return content.every((byte, i) => byte === Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
