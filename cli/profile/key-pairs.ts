/**
 * Reads the P-256 keys that a profile refers to for its messages: the device's signing key as a device stores it, and
 * the public keys of others, which stand in the device's profile themselves.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import type { Profile } from "../../lib/store/profile.js";
import { fileText } from "../values.js";
import { blame, isP256, readPrivateKey } from "./credentials.js";
import { withPoints } from "./public-points.js";
import type { References } from "./references.js";

/** @returns P-256, PKCS #8 in DER, which the caller zeroes */
export async function readP256(setting: string, reference: string, folder: string): Promise<Uint8Array> {
  const key = await readPrivateKey(setting, reference, folder);
  if (!isP256(key)) throw blame(setting, reference)("is no P-256 key, which it must be");
  return key.export({ type: "pkcs8", format: "der" });
}

/** A new key of that form. */
export function newP256(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "der" });
}

/** The public half of a key in PKCS #8, as a profile on a device has it. */
export function publicHalf(pkcs8: Uint8Array): string {
  return pointOf(
    createPublicKey(createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })),
  );
}

/** 04, x, y (SEC 1 §2.3.3) as base64url. */
function pointOf(key: KeyObject): string {
  const { x, y } = key.export({ format: "jwk" });
  const numbers = [x!, y!].map((number) => Buffer.from(number, "base64url"));
  return Buffer.concat([Buffer.of(4), ...numbers]).toString("base64url");
}

/** `reference` is `file:PATH`: a public key is no secret. */
async function readPoint(setting: string, reference: string, folder: string): Promise<string> {
  const wrong = blame(setting, reference);
  const text = await fileText(resolve(folder, reference.slice("file:".length)));
  if (text.includes("PRIVATE KEY"))
    throw wrong("is a private key: it stays with its owner, a device gets the public one");
  let key: KeyObject | undefined;
  if (text.includes("-----BEGIN PUBLIC KEY-----"))
    try {
      key = createPublicKey(text);
    } catch {
      // said below
    }
  if (!key) throw wrong("holds no public key in PEM, or a damaged one");
  if (!isP256(key)) throw wrong("is no P-256 key, which it must be");
  return pointOf(key);
}

/**
 * The profile with the public keys that it refers to.
 * @throws {UsageError} for a file that cannot be read
 * @throws {OperatorError} for one that holds something else
 */
export async function withPublicKeys(
  profile: Profile,
  { recipient, operator }: References,
  folder: string,
): Promise<Profile> {
  return withPoints(profile, {
    recipient: recipient && (await readPoint("topics.recipient.key", recipient, folder)),
    operator: operator && (await readPoint("commands.operator.key", operator, folder)),
  });
}
