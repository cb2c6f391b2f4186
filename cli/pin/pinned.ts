/** The keys that a pin can be of, read from certificates and from files of keys, each with what it is worth knowing by. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { derSequence } from "../../certs/pki/der.js";
import { fromPem } from "../../certs/pki/pem.js";
import { pinOf, spkiOf } from "../../certs/pki/spki.js";

/** A key's pin, and the certificate it was found in. */
export interface Pinned {
  /** `sha256/BASE64`, as a profile takes it. */
  readonly pin: string;
  /** E.g. `P-256`, `RSA 2048`. */
  readonly key: string;
  readonly certificate?: {
    /** E.g. `CN=broker, O=Example`; may be empty. */
    readonly subject: string;
    /** Subject alternative names, e.g. `DNS:broker.example.org`; may be empty. */
    readonly names: string;
    readonly notBefore: string;
    readonly notAfter: string;
  };
}

const curves: { readonly [name: string]: string } = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

function kindOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  const { namedCurve: curve, modulusLength: bits } = details ?? {};
  if (curve !== undefined) return curves[curve] ?? curve;
  const name = type?.toUpperCase() ?? "unknown";
  return bits === undefined ? name : `${name} ${bits}`;
}

/** A stranger's text on a terminal. */
const harmless = (text = "") =>
  text.replaceAll("\n", ", ").replace(/[\p{C}\p{Z}]/gu, (c) => (c === " " ? c : "?"));

/** What a stranger's certificate calls a date need not be one. */
function instant(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "unreadable" : date.toISOString();
}

export function pinnedCertificate(certificate: X509Certificate): Pinned {
  const { raw, publicKey, subject, subjectAltName, validFrom, validTo } = certificate;
  return {
    pin: pinOf(spkiOf(raw)),
    key: kindOf(publicKey),
    certificate: {
      subject: harmless(subject),
      names: harmless(subjectAltName),
      notBefore: instant(validFrom),
      notAfter: instant(validTo),
    },
  };
}

/**
 * The certificates of a file: one in DER, or any number in PEM.
 * @throws {RangeError} when there is none, or one is damaged
 */
export function pinnedCertificates(file: Buffer): Pinned[] {
  const found = file[0] === 0x30 ? [file] : fromPem("CERTIFICATE", file.toString("latin1"));
  if (found.length === 0) throw new RangeError("holds no certificate");
  try {
    for (const der of found) derSequence(der);
    return found.map((der) => pinnedCertificate(new X509Certificate(der)));
  } catch {
    throw new RangeError("holds a damaged certificate");
  }
}

/**
 * A key that no certificate holds yet: private or public, PEM or DER.
 * @throws {RangeError} when it is none, or is encrypted
 */
export function pinnedKey(file: Buffer): Pinned {
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(file.toString("latin1")))
    throw new RangeError("is encrypted: give its public key (openssl pkey -in FILE -pubout)");
  const key = publicKeyOf(file);
  if (!key) throw new RangeError("is no private or public key");
  return { pin: pinOf(key.export({ type: "spki", format: "der" })), key: kindOf(key) };
}

function publicKeyOf(file: Buffer): KeyObject | undefined {
  const label = /-----BEGIN ([A-Z ]*)-----/.exec(file.toString("latin1"))?.[1];
  if (label?.includes("CERTIFICATE")) return undefined;
  const der = (type: "pkcs8" | "sec1" | "pkcs1") => () =>
    createPublicKey(createPrivateKey({ key: file, format: "der", type }));
  const readers =
    label === undefined
      ? [
          () => createPublicKey({ key: file, format: "der", type: "spki" }),
          ...(["pkcs8", "sec1", "pkcs1"] as const).map(der),
        ]
      : [() => createPublicKey(file)];
  for (const read of readers)
    try {
      return read();
    } catch {
      // the next form
    }
  return undefined;
}
