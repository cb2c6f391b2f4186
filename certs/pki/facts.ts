/** What is worth keeping of a certificate that was issued: no secret. It runs in browsers too. */
import "./reflect.js";
import * as x509 from "@peculiar/x509";
import { hexOf } from "./issue.js";

/** Hex digits are small letters. */
export interface CertificateFacts {
  readonly serial: string;
  /** SHA-256 of its DER. */
  readonly fingerprint: string;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** The key identifier of who issued it, if it says that. */
  readonly issuer: string | null;
  /** Its public key, of a P-256 key: 04, x, y. */
  readonly point: string | null;
}

/** @param certificate DER. @throws {Error} when it is none */
export async function certificateFacts(certificate: Uint8Array<ArrayBuffer>): Promise<CertificateFacts> {
  const parsed = new x509.X509Certificate(certificate);
  return {
    serial: parsed.serialNumber.toLowerCase(),
    fingerprint: hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", certificate))),
    notAfterMs: parsed.notAfter.getTime(),
    issuer: parsed.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId?.toLowerCase() ?? null,
    point: await pointOf(parsed.publicKey),
  };
}

/** The key identifier of a CA, as what it issues names it. @param certificate DER */
export async function keyIdentifierOf(certificate: Uint8Array<ArrayBuffer>): Promise<string> {
  const { publicKey } = new x509.X509Certificate(certificate);
  const { keyId } = await x509.AuthorityKeyIdentifierExtension.create(publicKey);
  return keyId!.toLowerCase();
}

async function pointOf({ rawData }: x509.PublicKey): Promise<string | null> {
  const p256 = { name: "ECDSA", namedCurve: "P-256" };
  try {
    const key = await crypto.subtle.importKey("spki", rawData, p256, true, ["verify"]);
    return hexOf(new Uint8Array(await crypto.subtle.exportKey("raw", key)));
  } catch {
    return null;
  }
}
