/**
 * Follows the references of a profile: `env:NAME` and `file:PATH` (as seen from the profile's folder).
 * A secret's value never appears in an error.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { OpenToOthers, readSecretFile } from "../../backend/secret-file.js";
import { fromPem } from "../../certs/pki/pem.js";
import type { TrustAnchor } from "../../host-sim/sim-options.js";
import { fileProblem, OperatorError } from "../report.js";
import { fileText } from "../values.js";

/** What a profile refers to, as it spells it. */
export interface References {
  readonly wifiPassword?: string;
  readonly brokerPassword?: string;
  readonly jwtKey?: string;
  readonly ca?: string;
  readonly crl?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly psk?: string;
  readonly signKey?: string;
  /** Public keys: these are no secrets. */
  readonly recipient?: string;
  readonly operator?: string;
}

/**
 * @param setting names the setting in errors, e.g. `wifi.password`
 * @returns null when there is no reference
 * @throws {OperatorError} when it leads nowhere, or to nothing
 */
export async function readSecretBytes(
  setting: string,
  reference: string | undefined,
  folder: string,
): Promise<Buffer | null> {
  if (reference === undefined) return null;
  const target = reference.slice(reference.indexOf(":") + 1);
  const value = reference.startsWith("env:")
    ? process.env[target]
    : await readFile(resolve(folder, target)).catch((error: unknown) => {
        throw new OperatorError(`${setting}: ${fileProblem(target, error)}`);
      });
  if (value === undefined)
    throw new OperatorError(`${setting}: the environment variable ${target} is not set`);
  if (value.length === 0) throw new OperatorError(`${setting}: ${reference} is empty`);
  return Buffer.from(value);
}

/**
 * The same of what a command line names: there a file that others may read is refused, as a keyring is.
 * @returns what the caller zeroes
 */
export async function readOwnBytes(setting: string, reference: string, folder: string): Promise<Buffer> {
  if (!reference.startsWith("file:")) return (await readSecretBytes(setting, reference, folder))!;
  const path = reference.slice("file:".length);
  try {
    return readSecretFile(resolve(folder, path));
  } catch (error) {
    const problem = error instanceof OpenToOthers ? error.message : fileProblem(path, error);
    throw new OperatorError(`${setting}: ${problem}`);
  }
}

/** The same as text. Editors and `echo` end a file with a line feed that is not part of the secret. */
export async function readSecret(
  setting: string,
  reference: string | undefined,
  folder: string,
): Promise<string | null> {
  const bytes = await readSecretBytes(setting, reference, folder);
  if (bytes === null) return null;
  const text = bytes.toString("utf8");
  const secret = reference!.startsWith("file:") ? text.replace(/\r?\n$/, "") : text;
  if (secret === "") throw new OperatorError(`${setting}: ${reference} is empty`);
  return secret;
}

/**
 * Reads one root certificate.
 * @throws {UsageError} when the file cannot be read
 * @throws {OperatorError} when it holds anything but one CA certificate
 */
export async function readTrustAnchor(setting: string, path: string): Promise<TrustAnchor> {
  const text = await fileText(path);
  const wrong = (problem: string) => new OperatorError(`${setting} ${path}: ${problem}`);
  let found: Uint8Array<ArrayBuffer>[];
  let isAuthority: boolean;
  try {
    found = fromPem("CERTIFICATE", text);
    isAuthority = found.every((der) => new X509Certificate(der).ca);
  } catch {
    throw wrong("holds a damaged certificate");
  }
  if (found.length === 0) throw wrong("holds no PEM certificate");
  if (found.length > 1) throw wrong(`holds ${found.length} certificates, a device takes one: the root`);
  if (!isAuthority) throw wrong("is no CA certificate");
  return { pem: text, der: found[0]! };
}
