/**
 * Stamps: COSE_Mac0 (RFC 9052 §6.2) with HMAC, in the strict profile of docs/sealed-payloads.md. The topic is
 * authenticated as external AAD. The receiver refuses every message that `stamp` would not have written.
 */
import { CborError } from "../cbor/value.js";
import { constantTimeEqual } from "../cose/constant-time.js";
import { decodeMac0, encodeMac0, hmacTagLength, mac0Tag, verifyMac0 } from "../cose/mac0.js";
import type { Crypto } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { type ContentType, decodeProtected, encodeProtected, type ProtectedHeader } from "./header.js";
import type { StampKey } from "./keys.js";

declare const verified: unique symbol;

/** A message whose tag was right. Only `verifyStamp` makes one; its bytes are views of the message. */
export interface Verified {
  readonly [verified]: true;
  readonly counter: number;
  readonly payload: Uint8Array;
  readonly contentType?: ContentType;
  readonly tag: Uint8Array;
}

/** Not of this profile; of another sender, epoch or algorithm; or not authentic. */
export type BadReason = "malformed" | "unknown-key" | "not-authentic";

export type StampCheck =
  | { readonly verdict: "verified"; readonly message: Verified }
  | { readonly verdict: "bad"; readonly reason: BadReason };

/**
 * The message to publish on the key's topic; the same bytes for the same arguments, always.
 * @returns new bytes, owned by the caller.
 */
export function stamp(crypto: Crypto, key: StampKey, message: Frozen): Uint8Array {
  const { counter, plaintext, contentType } = message;
  const header: ProtectedHeader = { alg: key.alg, kid: key.kid, counter };
  const protectedBytes = encodeProtected(contentType === undefined ? header : { ...header, contentType });
  const tag = mac0Tag(crypto, key.key, key.alg, protectedBytes, key.topicBytes, plaintext);
  return encodeMac0(protectedBytes, plaintext, tag);
}

/**
 * Whether `message`, received on the key's topic, is a stamp of the key's sender. Says nothing about replay:
 * hand the result to the window.
 */
export function verifyStamp(crypto: Crypto, key: StampKey, message: Uint8Array): StampCheck {
  const parsed = parse(message);
  if (!parsed) return { verdict: "bad", reason: "malformed" };
  const { mac0, header } = parsed;
  if (header.alg !== key.alg || !constantTimeEqual(header.kid, key.kid))
    return { verdict: "bad", reason: "unknown-key" };
  if (!verifyMac0(crypto, key.key, mac0, key.topicBytes)) return { verdict: "bad", reason: "not-authentic" };
  const { counter, contentType } = header;
  const content = { counter, payload: mac0.payload, tag: mac0.tag };
  const result = (contentType === undefined ? content : { ...content, contentType }) as Verified;
  return { verdict: "verified", message: result };
}

/** The kid a message claims, to find its key by; undefined when it is no stamp. Nothing is verified yet. */
export function claimedKid(message: Uint8Array): Uint8Array | undefined {
  return parse(message)?.header.kid;
}

function parse(message: Uint8Array) {
  try {
    const mac0 = decodeMac0(message);
    const header = decodeProtected(mac0.protectedBytes);
    if (mac0.unprotected.size !== 0 || mac0.tag.length !== hmacTagLength(header.alg)) return undefined;
    return { mac0, header };
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}
