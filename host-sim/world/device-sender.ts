/** What the run's listener accepts from its device, by the device's profile: one protection, and the keys to it. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Profile } from "../../lib/store/profile.js";
import type { Accepted, Sender } from "./opener.js";
import { sealAlgorithms, stampAlgorithms } from "./seal-keys.js";

/** As `topics.up` of a profile has it. */
export type Protection =
  | { readonly protection: "none" | "sign" }
  | { readonly protection: "stamp" | "seal"; readonly algorithm: string }
  | {
      readonly protection: "sealTo";
      readonly recipientKid: string;
      readonly recipientKey: string;
      readonly sign: boolean;
    };

/** PKCS #8, DER; null: there is none. */
export interface ReceiverKeys {
  /** What the device signs with; only its public half is used. */
  readonly signKey: Uint8Array | null;
  /** Of whom it seals to. */
  readonly recipientKey: Uint8Array | null;
  readonly deviceSecret: Uint8Array;
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
 * @throws {Error} in one line when a key is missing
 */
export function deviceSender({ device, topics }: Profile, keys: ReceiverKeys): Sender {
  const { kid } = device as { readonly kid?: string };
  const { up = { protection: "stamp", algorithm: "hmac-256" }, format } = topics as {
    readonly up?: Protection;
    readonly format?: "cbor" | "json";
  };
  return {
    id: device.id,
    epoch: 0,
    ...(kid !== undefined && { kid: Buffer.from(kid, "hex") }),
    accepts: accepted(up, format === "json" ? senmlJson : null, keys),
  };
}

function accepted(up: Protection, contentType: number | null, keys: ReceiverKeys): Accepted {
  const secret = keys.deviceSecret;
  const signer = () => createPublicKey(privateKey(keys.signKey, "device's signing"));
  switch (up.protection) {
    case "none":
      return { protection: "none", contentType };
    case "stamp":
      return { protection: "stamp", algorithm: numberOf(stampAlgorithms, up.algorithm), secret };
    case "seal":
      return { protection: "seal", algorithm: numberOf(sealAlgorithms, up.algorithm), secret };
    case "sign":
      return { protection: "sign", publicKey: signer() };
    case "sealTo":
      return {
        protection: "sealTo",
        recipientKid: Buffer.from(up.recipientKid, "utf8"),
        privateKey: privateKey(keys.recipientKey, "recipient's private"),
        signer: up.sign ? signer() : null,
      };
  }
}

/** A key pair that is this run's own, for whoever provisions nothing. */
export function ownKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }));
}

/** base64url of the uncompressed point, as a profile names a recipient. */
export function pointOf(privateKeyDer: Uint8Array): string {
  const { x, y } = createPublicKey(privateKey(privateKeyDer, "")).export({ format: "jwk" });
  const coordinates = [x!, y!].map((part) => Buffer.from(part, "base64url"));
  return Buffer.concat([Buffer.of(4), ...coordinates]).toString("base64url");
}
