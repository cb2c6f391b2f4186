/**
 * Follows the references of a profile: `env:NAME`, `file:PATH` (as seen from the profile's folder) and `prompt`.
 * A secret's value never appears in an error, and a file that others may read is refused.
 */
import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { OpenToOthers, readSecretFile } from "../../backend/secret-file.js";
import { fromPem } from "../../certs/pki/pem.js";
import type { TrustAnchor } from "../../host-sim/sim-options.js";
import { fileProblem, OperatorError } from "../report.js";
import { fileText } from "../values.js";
import { type Ask, type PromptedSetting, prompted, promptFor } from "./at-provisioning.js";

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
 * @param reference `env:NAME` or `file:PATH`
 * @returns what the caller zeroes
 * @throws {OperatorError} when it leads nowhere, to nothing, or to a file that others may read
 */
export async function readSecretBytes(setting: string, reference: string, folder: string): Promise<Buffer> {
  const target = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("env:")) {
    const value = process.env[target];
    if (value === undefined)
      throw new OperatorError(`${setting}: the environment variable ${target} is not set`);
    if (value === "") throw new OperatorError(`${setting}: ${reference} is empty`);
    return Buffer.from(value);
  }
  let bytes: Buffer;
  try {
    bytes = readSecretFile(resolve(folder, target));
  } catch (error) {
    const problem = error instanceof OpenToOthers ? error.message : fileProblem(target, error);
    throw new OperatorError(`${setting}: ${problem}`);
  }
  if (bytes.length === 0) throw new OperatorError(`${setting}: ${reference} is empty`);
  return bytes;
}

/**
 * The same as text. Editors and `echo` end a file with a line feed that is not part of the secret.
 * @param ask for `prompt`; without it that is an error
 * @returns null when there is no reference
 */
export async function readSecret(
  setting: string,
  reference: string | undefined,
  folder: string,
  ask?: Ask,
): Promise<string | null> {
  if (reference === undefined) return null;
  if (reference === prompted) return askFor(setting as PromptedSetting, ask);
  const text = (await readSecretBytes(setting, reference, folder)).toString("utf8");
  const secret = reference.startsWith("file:") ? text.replace(/\r?\n$/, "") : text;
  if (secret === "") throw new OperatorError(`${setting}: ${reference} is empty`);
  return secret;
}

async function askFor(setting: PromptedSetting, ask: Ask | undefined): Promise<string> {
  if (!ask) throw new OperatorError(`${setting}: "prompt" is for dormouse provision, which asks for it`);
  const answer = await ask(promptFor(setting));
  if (answer === "") throw new OperatorError(`${setting}: nothing was entered`);
  return answer;
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
