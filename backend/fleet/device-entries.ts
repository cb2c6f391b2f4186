/** What a receiver's keyring gets for a newly provisioned device: docs/receivers.md, "The keyring". */
import { Buffer } from "node:buffer";
import { createPublicKey } from "node:crypto";
import type { Profile } from "../../lib/store/profile.js";
import { type SealSettings, type StampSettings, signs } from "../../lib/store/protection.js";
import type { KeyringJsonEntry } from "../keyring-file.js";

export interface DeviceKeys {
  readonly profile: Profile;
  readonly epoch: number;
  /** 32 bytes; null when an entry with it is there already. */
  readonly secret: Uint8Array | null;
  /** 65 bytes, of a device that signs; null when nobody knows it yet. */
  readonly signPoint: Uint8Array | null;
  /** The secret is that of a factory image, which the device replaces. */
  readonly factory?: boolean;
}

export interface DeviceEntries {
  readonly entries: readonly KeyringJsonEntry[];
  /** Of a device that signs and seals: for the `signers` of its recipient's entry. */
  readonly signer?: KeyringJsonEntry;
}

/** All that a device publishes to. */
export function publishedTopics({ topics: { base, readings }, commands, mqtt }: Profile): string[] {
  return [readings, ...(commands ? [`${base}/result`] : []), ...(mqtt.will ? [`${base}/will`] : [])];
}

export function keyringEntriesOf({
  profile,
  epoch,
  secret,
  signPoint,
  factory = false,
}: DeviceKeys): DeviceEntries {
  const { device, topics, commands } = profile;
  const { up } = topics;
  const published = publishedTopics(profile);
  // What a device makes of a factory image has no short name.
  const kid = factory ? undefined : device.kid;
  const who = {
    device: device.id,
    epoch,
    ...(kid !== undefined && { kid }),
    ...(factory && { factory: true }),
  };
  const entries: KeyringJsonEntry[] = [];
  if (secret)
    entries.push({
      ...who,
      secret: Buffer.from(secret).toString("hex"),
      ...((up.protection === "stamp" || up.protection === "seal") && { topics: all(published, named(up)) }),
      // Commands go under the secret that the device makes of a factory image's.
      ...(commands && !factory && { commands: all([`${topics.base}/command`], named(commands)) }),
    });
  if (!signPoint || !signs(up)) return { entries };
  const key = { ...who, publicKey: pointPem(signPoint) };
  if (up.protection !== "sealTo")
    return { entries: [...entries, { ...key, topics: all(published, "sign") }] };
  return { entries, signer: { ...key, topics: published } };
}

function named({ protection, algorithm }: StampSettings | SealSettings): object {
  return { protection, algorithm };
}

function all(topics: readonly string[], how: unknown): object {
  return Object.fromEntries(topics.map((topic) => [topic, how]));
}

/** SubjectPublicKeyInfo in PEM. @param point 04, x, y (SEC 1 §2.3.3) @throws {RangeError} when it is no point of P-256 */
export function pointPem(point: Uint8Array): string {
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((bytes) =>
    Buffer.from(bytes).toString("base64url"),
  );
  try {
    if (point.length !== 65 || point[0] !== 4) throw new RangeError();
    const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: x!, y: y! }, format: "jwk" });
    return key.export({ type: "spki", format: "pem" }).toString();
  } catch {
    throw new RangeError("is no P-256 public key");
  }
}
