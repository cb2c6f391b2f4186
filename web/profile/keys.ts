/** Keys and certificates as people have them in files, read with the browser's own cryptography. */
import { fromPem } from "../../certs/pki/pem.js";

type Bytes = Uint8Array<ArrayBuffer>;

const ecdsa = { name: "ECDSA", namedCurve: "P-256" } as const;
const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

/** SubjectPublicKeyInfo's and PKCS #8's algorithm for P-256 (RFC 5480 §2.1.1). */
const p256Algorithm = [
  0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
  0x03, 0x01, 0x07,
] as const;

export interface PrivateKey {
  /** PKCS #8 in DER, as a device stores it; the caller zeroes it. */
  readonly der: Bytes;
  /** Of P-256: the public key, 65 bytes. */
  readonly point: Uint8Array | undefined;
}

/** @throws {RangeError} in words that fit behind the key's name */
export async function privateKey(file: Bytes): Promise<PrivateKey> {
  const der = pkcs8Of(file);
  const ec = await crypto.subtle.importKey("pkcs8", der, ecdsa, true, ["sign"]).catch(() => undefined);
  if (ec) {
    const { x, y } = await crypto.subtle.exportKey("jwk", ec);
    const written = new Uint8Array(await crypto.subtle.exportKey("pkcs8", ec));
    der.fill(0);
    return { der: written, point: Uint8Array.from([4, ...base64url(x!), ...base64url(y!)]) };
  }
  const other = await crypto.subtle.importKey("pkcs8", der, rsa, false, ["sign"]).catch(() => undefined);
  const { modulusLength } = (other?.algorithm ?? {}) as { modulusLength?: number };
  if (modulusLength === 2048 || modulusLength === 3072) return { der, point: undefined };
  der.fill(0);
  throw new RangeError("is no key that a device can use: P-256, or RSA of 2048 or 3072 bits");
}

/** The same of a key that must be P-256. */
export async function p256Key(file: Bytes): Promise<PrivateKey & { readonly point: Uint8Array }> {
  const { der, point } = await privateKey(file);
  if (point) return { der, point };
  der.fill(0);
  throw new RangeError("is no P-256 key, which it must be");
}

function pkcs8Of(file: Bytes): Bytes {
  if (file[0] === 0x30) return file.slice();
  const text = textOf(file);
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text))
    throw new RangeError("is encrypted: a device has nobody to ask for the pass phrase");
  const [pkcs8] = fromPem("PRIVATE KEY", text);
  if (pkcs8) return pkcs8;
  const [sec1] = fromPem("EC PRIVATE KEY", text);
  if (sec1) return wrapped(sec1);
  throw new RangeError("is no private key in PEM or DER (RSA: openssl pkcs8 -topk8 -nocrypt makes one)");
}

/** SEC 1's form in PKCS #8 (RFC 5958 §2). Longer than 127 bytes, shorter than 256. */
function wrapped(sec1: Bytes): Bytes {
  if (sec1.length > 200) throw new RangeError("is no P-256 key, which it must be");
  const key = sec1.length < 128 ? [0x04, sec1.length, ...sec1] : [0x04, 0x81, sec1.length, ...sec1];
  const content = [0x02, 0x01, 0x00, ...p256Algorithm, ...key];
  const head = content.length < 128 ? [0x30, content.length] : [0x30, 0x81, content.length];
  return Uint8Array.from([...head, ...content]);
}

/** One certificate or list in DER, or any number in PEM. @throws {RangeError} when there is none */
export function derBlocks(label: "CERTIFICATE" | "X509 CRL", file: Bytes): Bytes[] {
  const found = file[0] === 0x30 ? [file] : fromPem(label, textOf(file));
  if (found.length === 0)
    throw new RangeError(label === "CERTIFICATE" ? "holds no certificate" : "holds no revocation list");
  return found;
}

/** @returns the point as a profile has it, base64url @throws {RangeError} for anything but a P-256 public key in PEM */
export async function publicPoint(file: Bytes): Promise<string> {
  const text = textOf(file);
  if (text.includes("PRIVATE KEY"))
    throw new RangeError("is a private key: it stays with its owner, a device gets the public one");
  const [spki] = fromPem("PUBLIC KEY", text);
  const key =
    spki && (await crypto.subtle.importKey("spki", spki, ecdsa, true, ["verify"]).catch(() => undefined));
  if (!key) throw new RangeError("is no P-256 public key in PEM");
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", key));
  return btoa(String.fromCharCode(...point))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Whether `signature`, r and s, is one of `data` by the key at `point`, by ES256. */
export async function verifySignature(
  point: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const key = await crypto.subtle
    .importKey("raw", Uint8Array.from(point), ecdsa, false, ["verify"])
    .catch(() => undefined);
  const es256 = { name: "ECDSA", hash: "SHA-256" } as const;
  return key ? crypto.subtle.verify(es256, key, Uint8Array.from(signature), Uint8Array.from(data)) : false;
}

/** Of ASCII; what is not becomes something that no PEM has. */
export function textOf(file: Uint8Array): string {
  return new TextDecoder("latin1").decode(file);
}

function base64url(text: string): number[] {
  return Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (digit) => digit.charCodeAt(0));
}
