/**
 * Issues certificates: a root, an issuing CA below it, servers and devices. ECDSA on P-256 with SHA-256
 * throughout. Every extension is here, so that this file is the certificate profile (RFC 5280 §4.2).
 * Keys are made here, unless a server keeps its own or a device has made one, and returned as PKCS #8; nothing is written.
 * It refuses to outlive the issuer. Nothing of Node's own is used: it runs in a browser too.
 */
import "./reflect.js";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { checkDeviceId } from "./device-id.js";
import type { AltName } from "./names.js";

/** A certificate and its private key, both DER. The caller owns the key's bytes. */
export interface Certified {
  readonly certificate: Uint8Array<ArrayBuffer>;
  readonly key: Uint8Array<ArrayBuffer>;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";

/** 127 random bits, positive and not zero (RFC 5280 §4.1.2.2: at most 20 octets). */
function serialNumber(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[0] = (octets[0]! & 0x3f) | 0x40;
  return hexOf(octets);
}

export function hexOf(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

interface Order {
  readonly subject: x509.JsonName;
  readonly validity: Validity;
  readonly extensions: readonly x509.Extension[];
  readonly publicKey: webcrypto.CryptoKey;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
}

/** The pair of a P-256 private key in PKCS #8. @throws {RangeError} when it is anything else */
async function keyPairOf(key: Uint8Array<ArrayBuffer>): Promise<webcrypto.CryptoKeyPair> {
  try {
    const privateKey = await crypto.subtle.importKey("pkcs8", key, ecdsa, true, ["sign"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
    const publicHalf = { kty, crv, x, y } as webcrypto.JsonWebKey;
    const publicKey = await crypto.subtle.importKey("jwk", publicHalf, ecdsa, true, ["verify"]);
    return { privateKey, publicKey };
  } catch {
    throw new RangeError("is no P-256 private key");
  }
}

async function pkcs8Of({ privateKey }: webcrypto.CryptoKeyPair): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
}

export async function signingKeyOf(issuer: Certified): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey("pkcs8", issuer.key, ecdsa, false, ["sign"]);
}

/** @param issuer null: self-signed, with `selfKey` */
async function certify(
  { subject, validity, extensions, publicKey }: Order,
  issuer: Certified | null,
  selfKey?: webcrypto.CryptoKey,
): Promise<Uint8Array<ArrayBuffer>> {
  const parent = issuer && new x509.X509Certificate(issuer.certificate);
  if (validity.notAfter <= validity.notBefore) throw new RangeError("a certificate must end after it begins");
  if (parent && validity.notAfter > parent.notAfter)
    throw new RangeError(
      `the issuing CA ends on ${parent.notAfter.toISOString().slice(0, 10)}, before this would`,
    );
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: parent ? parent.subjectName.toJSON() : subject,
    ...validity,
    publicKey,
    signingKey: issuer ? await signingKeyOf(issuer) : selfKey!,
    signingAlgorithm: ecdsa,
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...(parent ? [await x509.AuthorityKeyIdentifierExtension.create(parent.publicKey)] : []),
    ],
  });
  return new Uint8Array(certificate.rawData);
}

/** @param key P-256, PKCS #8; without, one is made */
async function issue(
  order: Omit<Order, "publicKey">,
  issuer: Certified | null,
  key?: Uint8Array<ArrayBuffer>,
): Promise<Certified> {
  const keys = key ? await keyPairOf(key) : await newKeys();
  const { publicKey, privateKey } = keys;
  const certificate = await certify({ ...order, publicKey }, issuer, privateKey);
  return { certificate, key: await pkcs8Of(keys) };
}

function authorityExtensions(pathLength: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

function endExtensions(usage: string): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([usage]),
  ];
}

/** A self-signed root that may have one level of CAs below it. */
export function issueRoot(name: string, validity: Validity): Promise<Certified> {
  const subject = [{ CN: [`${name} Root CA`] }];
  return issue({ subject, validity, extensions: authorityExtensions(1) }, null);
}

/** A CA that signs servers and devices, but no further CA. */
export function issueIssuing(name: string, root: Certified, validity: Validity): Promise<Certified> {
  const subject = [{ CN: [`${name} Issuing CA`] }];
  return issue({ subject, validity, extensions: authorityExtensions(0) }, root);
}

/**
 * A server's certificate. Its names stand in subjectAltName; the subject is empty, so SAN is critical (RFC 5280
 * §4.2.1.6).
 * @param key P-256, PKCS #8: for a server whose key stays, because devices have pinned it
 */
export function issueServer(
  issuing: Certified,
  names: readonly AltName[],
  validity: Validity,
  key?: Uint8Array<ArrayBuffer>,
): Promise<Certified> {
  if (names.length === 0) throw new RangeError("a server certificate needs at least one name");
  const alternatives = new x509.SubjectAlternativeNameExtension([...names], true);
  return issue(
    { subject: [], validity, extensions: [...endExtensions(serverAuth), alternatives] },
    issuing,
    key,
  );
}

function deviceOrder(id: string, validity: Validity): Omit<Order, "publicKey"> {
  return { subject: [{ CN: [checkDeviceId(id)] }], validity, extensions: endExtensions(clientAuth) };
}

/** A device's client certificate. Brokers take the common name as user name (Mosquitto `use_identity_as_username`). */
export function issueDevice(issuing: Certified, id: string, validity: Validity): Promise<Certified> {
  return issue(deviceOrder(id, validity), issuing);
}

/** The same for a key that the device has made itself. @returns DER */
export function certifyDevice(
  issuing: Certified,
  id: string,
  validity: Validity,
  publicKey: webcrypto.CryptoKey,
): Promise<Uint8Array<ArrayBuffer>> {
  return certify({ ...deviceOrder(id, validity), publicKey }, issuing);
}
