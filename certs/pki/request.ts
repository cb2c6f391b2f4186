/**
 * A device's certificate for the key that it made itself, by its request (PKCS #10, RFC 2986). Of the request only the
 * public key is used: the certificate is what `issueDevice` would make. Nothing of Node's own is used: it runs in a
 * browser too.
 */
import "./reflect.js";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { derSequence } from "./der.js";
import { checkDeviceId } from "./device-id.js";
import { type CertificateFacts, certificateFacts } from "./facts.js";
import { type Certified, certifyDevice, ecdsa, type Validity } from "./issue.js";
import { pem } from "./pem.js";

export interface DeviceCertificate {
  /** As the device stores and sends it: its certificate and the issuing CA's, PEM. */
  readonly chain: Uint8Array<ArrayBuffer>;
  readonly facts: CertificateFacts;
}

/** A request has a few hundred bytes. */
const maxRequestBytes = 4096;

/**
 * @param request DER
 * @param id what the request must name as its subject, and nothing else
 * @throws {RangeError} when it is no such request, or is not signed by the key in it, or that is no P-256 key
 */
export async function certifyRequest(
  issuing: Certified,
  request: Uint8Array<ArrayBuffer>,
  { id, validity }: { readonly id: string; readonly validity: Validity },
): Promise<DeviceCertificate> {
  const publicKey = await requestedKey(request, checkDeviceId(id));
  const certificate = await certifyDevice(issuing, id, validity, publicKey);
  const chain = pem("CERTIFICATE", certificate) + pem("CERTIFICATE", issuing.certificate);
  return { chain: new TextEncoder().encode(chain), facts: await certificateFacts(certificate) };
}

async function requestedKey(request: Uint8Array<ArrayBuffer>, id: string): Promise<webcrypto.CryptoKey> {
  const parsed = parse(request);
  const names = parsed.subjectName.toJSON();
  const isSubject = names.length === 1 && JSON.stringify(names[0]) === JSON.stringify({ CN: [id] });
  if (!isSubject) throw new RangeError(`the request's subject is not "${id}" alone`);
  let key: webcrypto.CryptoKey;
  try {
    key = await crypto.subtle.importKey("spki", parsed.publicKey.rawData, ecdsa, true, ["verify"]);
  } catch {
    throw new RangeError("the request's key is no P-256 key");
  }
  const isSigned = await parsed.verify().catch(() => false);
  if (!isSigned || parsed.signatureAlgorithm.hash.name !== "SHA-256")
    throw new RangeError("the request is not signed by the key in it");
  // Written anew: uncompressed, and its curve by name.
  const point = await crypto.subtle.exportKey("raw", key);
  return crypto.subtle.importKey("raw", point, ecdsa, true, ["verify"]);
}

function parse(request: Uint8Array<ArrayBuffer>): x509.Pkcs10CertificateRequest {
  try {
    if (request.length > maxRequestBytes) throw new RangeError();
    // The parser would take what is not DER, and overlook what is behind it.
    derSequence(request);
    return new x509.Pkcs10CertificateRequest(request);
  } catch {
    throw new RangeError("is no certificate request");
  }
}
