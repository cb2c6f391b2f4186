/**
 * Reads what a profile's TLS settings refer to, and gives it as a device stores it: CRL, the device's own
 * certificate and key, PSK. What a device could not use is refused here, in one line and without the secret.
 */
import "../../certs/pki/reflect.js";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { derSequence } from "../../certs/pki/der.js";
import { fromPem, pem } from "../../certs/pki/pem.js";
import type { TlsCredentials } from "../../host-sim/sim-options.js";
import type { TlsSettings } from "../../lib/store/profile.js";
import { fileProblem, OperatorError } from "../report.js";
import { type Ask, prompted } from "./at-provisioning.js";
import { type References, readSecret, readSecretBytes } from "./references.js";

/** Of a CRL, in DER: a device holds it in memory while it connects. */
export const maxCrlBytes = 4096;

/** What a device can send in one handshake message: its record buffer, less what frames a Certificate (RFC 8446 §4.4.2). */
const maxChainBytes = 2048 - 8;
const perCertificateBytes = 5;

const clientAuth = "1.3.6.1.5.5.7.3.2";
const anyUsage = "2.5.29.37.0";

/**
 * @param tls as the device is to see it: only what it needs is read
 * @param ask for what is to be asked for
 * @returns no certificate and no key where they are made when a board is provisioned
 * @throws {OperatorError} in one line that names the setting
 */
export async function readCredentials(
  tls: TlsSettings | false,
  references: References,
  folder: string,
  ask?: Ask,
): Promise<TlsCredentials> {
  const none: TlsCredentials = { crl: null, certificate: null, key: null, psk: null };
  if (tls === false) return none;
  if (tls.identity === "psk") return { ...none, psk: await readPsk(references.psk!, folder, ask) };
  const crl = references.crl === undefined ? null : await readCrl(references.crl, folder);
  const { certificate, key } = references;
  if (tls.identity === "none" || certificate === undefined || key === undefined) return { ...none, crl };
  return { ...none, crl, ...(await readIdentity(certificate, key, folder)) };
}

/** @param setting with its whole path */
export function blame(setting: string, reference: string): (problem: string) => OperatorError {
  const where = reference === prompted ? "what was entered" : reference.slice(reference.indexOf(":") + 1);
  return (problem) => new OperatorError(`${setting}: ${where} ${problem}`);
}

/** `reference` is `file:PATH`: of what is no secret, the schema takes nothing else. */
async function readReferred(setting: string, reference: string, folder: string): Promise<Buffer> {
  const path = reference.slice("file:".length);
  return readFile(resolve(folder, path)).catch((error: unknown) => {
    throw new OperatorError(`broker.tls.${setting}: ${fileProblem(path, error)}`);
  });
}

/** The DER in `bytes`, which hold one in DER or any number in PEM; none when something is damaged. */
function unwrapped(label: "CERTIFICATE" | "X509 CRL", bytes: Buffer): Uint8Array<ArrayBuffer>[] {
  try {
    const found = bytes[0] === 0x30 ? [new Uint8Array(bytes)] : fromPem(label, bytes.toString("latin1"));
    for (const der of found) derSequence(der);
    return found;
  } catch {
    return [];
  }
}

async function readCrl(reference: string, folder: string): Promise<Uint8Array> {
  const wrong = blame("broker.tls.crl", reference);
  const found = unwrapped("X509 CRL", await readReferred("crl", reference, folder));
  if (found.length > 1) throw wrong(`holds ${found.length} CRLs, a device takes one`);
  const [crl] = found;
  const { X509Crl } = await import("@peculiar/x509");
  try {
    new X509Crl(crl!).entries;
  } catch {
    throw wrong("holds no certificate revocation list, or a damaged one");
  }
  if (crl!.length > maxCrlBytes)
    throw wrong(`takes ${crl!.length} bytes, a device has room for ${maxCrlBytes}`);
  return crl!;
}

async function readIdentity(
  certificate: string,
  key: string,
  folder: string,
): Promise<{ certificate: Uint8Array; key: Uint8Array }> {
  const chain = await readChain(certificate, folder);
  const privateKey = await readPrivateKey("broker.tls.key", key, folder);
  if (!isP256(privateKey) && !isShortRsa(privateKey))
    throw blame("broker.tls.key", key)("is no key that a device can use: P-256, or RSA of 2048 or 3072 bits");
  if (!new X509Certificate(chain[0]!).checkPrivateKey(privateKey))
    throw blame(
      "broker.tls.key",
      key,
    )("does not belong to the (first) certificate in broker.tls.certificate");
  return {
    certificate:
      chain.length === 1 ? chain[0]! : Buffer.from(chain.map((der) => pem("CERTIFICATE", der)).join("")),
    key: privateKey.export({ type: "pkcs8", format: "der" }),
  };
}

async function readChain(reference: string, folder: string): Promise<Uint8Array[]> {
  const wrong = blame("broker.tls.certificate", reference);
  const chain = unwrapped("CERTIFICATE", await readReferred("certificate", reference, folder));
  let usage: readonly string[] | undefined;
  try {
    [usage] = chain.map((der) => new X509Certificate(der).keyUsage);
  } catch {
    chain.length = 0;
  }
  if (chain.length === 0) throw wrong("holds no certificate, or a damaged one");
  if (usage && !usage.includes(clientAuth) && !usage.includes(anyUsage))
    throw wrong("is a certificate for something else: its extended key usage has no clientAuth");
  const bytes = chain.reduce((sum, der) => sum + der.length + perCertificateBytes, 0);
  if (bytes > maxChainBytes)
    throw wrong(
      `takes ${bytes} bytes, a device can send ${maxChainBytes}: leave out the root, or use P-256 keys`,
    );
  return chain;
}

/** @throws {OperatorError} when it is encrypted, or none */
export async function readPrivateKey(setting: string, reference: string, folder: string): Promise<KeyObject> {
  const wrong = blame(setting, reference);
  const bytes = await readSecretBytes(setting, reference, folder);
  if (/^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(bytes.toString("latin1")))
    throw wrong("is encrypted: a device has nobody to ask for the pass phrase");
  const key = privateKeyOf(bytes);
  bytes.fill(0);
  if (!key) throw wrong("is no private key in PEM or DER");
  return key;
}

export function isP256({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1";
}

function isShortRsa({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === "rsa" && [2048, 3072].includes(asymmetricKeyDetails?.modulusLength ?? 0);
}

function privateKeyOf(bytes: Buffer): KeyObject | undefined {
  const forms =
    bytes[0] === 0x30
      ? (["pkcs8", "sec1", "pkcs1"] as const).map((type) => ({ key: bytes, format: "der", type }) as const)
      : [{ key: bytes, format: "pem" } as const];
  for (const form of forms)
    try {
      return createPrivateKey(form);
    } catch {
      // the next form
    }
  return undefined;
}

async function readPsk(reference: string, folder: string, ask: Ask | undefined): Promise<Uint8Array> {
  const text = (await readSecret("broker.tls.psk.key", reference, folder, ask))!;
  if (!/^([0-9A-Fa-f]{2}){16,64}$/.test(text))
    throw blame(
      "broker.tls.psk.key",
      reference,
    )("must hold 32 to 128 hex digits (16 to 64 bytes), and nothing else");
  return new Uint8Array(Buffer.from(text, "hex"));
}
