/** What the run's listener accepts from its device, by the device's profile: one protection, and the keys to it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Profile } from "../../lib/store/profile.js";
import { signs } from "../../lib/store/protection.js";
import type { Accepted, Sender } from "./opener.js";
import { sealAlgorithms, stampAlgorithms } from "./seal-keys.js";

/** PKCS #8, DER; null: there is none. */
export interface KeyPairs {
  /** What the device signs with. */
  readonly signKey: Uint8Array | null;
  /** Of whom it seals to. */
  readonly recipientKey: Uint8Array | null;
}

/** What a run's device is given, and its listener opens with. */
export interface Keyed extends KeyPairs {
  readonly profile: Profile;
}

/**
 * Where the whole world is the run's own, its broker among it, keys that were not given are made: the device gets the
 * right one.
 */
export function withOwnKeys(profile: Profile, given: KeyPairs): Keyed {
  const { up } = profile.topics;
  const signKey = given.signKey ?? (signs(up) ? ownKey() : null);
  if (up.protection !== "sealTo" || given.recipientKey !== null) return { ...given, profile, signKey };
  const recipientKey = ownKey();
  const topics = { ...profile.topics, up: { ...up, recipientKey: pointOf(recipientKey) } };
  return { profile: { ...profile, topics }, signKey, recipientKey };
}

/** The COSE number of an algorithm. */
function numberOf<N extends number>(
  algorithms: Readonly<Record<N, { readonly name: string }>>,
  name: string,
): N {
  const [number] = Object.entries<{ readonly name: string }>(algorithms).find(
    ([, one]) => one.name === name,
  )!;
  return Number(number) as N;
}

function privateKey(der: Uint8Array | null, whose: string): KeyObject {
  if (der === null) throw new Error(`without the ${whose} key nobody can open what the device sends`);
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}

/** COSE content type of SenML in JSON; what nothing protects has no header to say it. */
const senmlJson = 110;

/**
 * Simulated devices are of epoch 0.
 * @param secret the device's own, 32 bytes
 * @throws {Error} in one line when a key is missing
 */
export function deviceSender({ profile, ...keys }: Keyed, secret: Uint8Array): Sender {
  const { device, topics } = profile;
  return {
    id: device.id,
    epoch: 0,
    ...(device.kid !== undefined && { kid: Buffer.from(device.kid, "hex") }),
    accepts: accepted(topics, keys, secret),
  };
}

function accepted({ up, format }: Profile["topics"], keys: KeyPairs, secret: Uint8Array): Accepted {
  switch (up.protection) {
    case "none":
      return { protection: "none", contentType: format === "json" ? senmlJson : null };
    case "stamp":
      return { protection: "stamp", algorithm: numberOf(stampAlgorithms, up.algorithm), secret };
    case "seal":
      return { protection: "seal", algorithm: numberOf(sealAlgorithms, up.algorithm), secret };
    case "sign":
      return { protection: "sign", publicKey: signerOf(keys) };
    case "sealTo":
      return {
        protection: "sealTo",
        recipientKid: Buffer.from(up.recipientKid, "utf8"),
        privateKey: privateKey(keys.recipientKey, "recipient's private"),
        signer: up.sign ? signerOf(keys) : null,
      };
  }
}

function signerOf({ signKey }: KeyPairs): KeyObject {
  return createPublicKey(privateKey(signKey, "device's signing"));
}

function ownKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }));
}

/** base64url of the uncompressed point, as a profile names a recipient. */
function pointOf(privateKeyDer: Uint8Array): string {
  const { x, y } = createPublicKey(privateKey(privateKeyDer, "")).export({ format: "jwk" });
  const coordinates = [x!, y!].map((part) => Buffer.from(part, "base64url"));
  return Buffer.concat([Buffer.of(4), ...coordinates]).toString("base64url");
}
