/** Stands in for what lib/sealed is about to have: of the four protections, stamps. */
import type { AeadAlgorithm, Crypto, Key } from "../lib/crypto/crypto.js";
import type { Sender as PlainSender } from "../lib/sealed/keys.js";
import { claimedKid, verifyStamp } from "../lib/sealed/stamp.js";

export interface Sender extends PlainSender {
  readonly kid?: Uint8Array;
}
export type StampAlgorithm = 4 | 5;
export interface StampKey {
  readonly protection: "stamp";
  readonly alg: StampAlgorithm;
  readonly kid: Uint8Array;
  readonly topicBytes: Uint8Array;
  readonly key: Key;
}
export interface SealKey {
  readonly protection: "seal";
  readonly alg: AeadAlgorithm;
  readonly kid: Uint8Array;
  readonly topicBytes: Uint8Array;
  readonly key: Key;
  readonly contextIv: Uint8Array;
}
export interface SignKey {
  readonly protection: "sign";
  readonly kid: Uint8Array;
  readonly topicBytes: Uint8Array;
  readonly key: Key;
}
export interface SealToOpener {
  readonly protection: "sealTo";
  readonly recipientKid: Uint8Array;
  readonly agreementKey: Key;
  readonly topic: string;
  readonly signerOf?: (kid: Uint8Array) => SignKey | undefined;
}
export type ReceiverKey = StampKey | SealKey | SignKey | SealToOpener;

export interface Claim {
  readonly protection: "stamp" | "seal" | "sign" | "sealTo";
  readonly kid?: Uint8Array;
  readonly recipientKid?: Uint8Array;
}

export interface Verified {
  readonly counter: number;
  readonly payload: Uint8Array;
  readonly contentType?: number;
  readonly identity: Uint8Array;
  readonly kid: Uint8Array;
}

export type Check =
  | { readonly verdict: "verified"; readonly message: Verified }
  | { readonly verdict: "unauthenticated"; readonly payload: Uint8Array; readonly contentType?: number }
  | { readonly verdict: "bad"; readonly reason: "malformed" | "unknown-key" | "not-authentic" };

export function claimed(message: Uint8Array): Claim | undefined {
  const kid = claimedKid(message);
  return kid && { protection: "stamp", kid };
}

export function open(crypto: Crypto, key: ReceiverKey, message: Uint8Array): Check {
  if (key.protection !== "stamp") throw new TypeError("stamps only, for now");
  const check = verifyStamp(crypto, key, message);
  if (check.verdict === "bad") return check;
  const { counter, payload, tag, contentType } = check.message;
  const found = { counter, payload, identity: tag, kid: key.kid };
  return {
    verdict: "verified",
    message: contentType === undefined ? found : { ...found, contentType },
  };
}
