/** What opening a message can say: a closed set. Whoever gets a `Verified` knows that its key's owner made it. */
import type { CborMap } from "../cbor/value.js";
import { CborError } from "../cbor/value.js";
import type { Headers } from "../cose/message.js";
import { type ContentType, type ProtectedHeader, protectedFields } from "./header.js";

declare const verified: unique symbol;

/**
 * A message that was authentic. Only this folder makes one. `payload` and `kid` are views of the message, or of what
 * was decrypted.
 */
export interface Verified {
  readonly [verified]: true;
  readonly counter: number;
  readonly payload: Uint8Array;
  /** None means SenML as CBOR. */
  readonly contentType?: ContentType;
  /** At least 8 bytes that tell this message from any other with its counter; the same in each of its copies. */
  readonly identity: Uint8Array;
  readonly kid: Uint8Array;
}

/** Not of this profile; of another sender, epoch, recipient or algorithm; or not authentic. */
export type BadReason = "malformed" | "unknown-key" | "not-authentic";

export type Check =
  | { readonly verdict: "verified"; readonly message: Verified }
  /** Sealed to this recipient, by anybody: `payload` may come from anyone who knows the public key. */
  | {
      readonly verdict: "unauthenticated";
      readonly payload: Uint8Array;
      readonly contentType?: ContentType;
    }
  | Bad;

export interface Bad {
  readonly verdict: "bad";
  readonly reason: BadReason;
}

export function bad(reason: BadReason): Bad {
  return { verdict: "bad", reason };
}

/** For this folder, after the cryptography has agreed, and only then. */
export function verifiedMessage(header: ProtectedHeader, payload: Uint8Array, identity: Uint8Array): Check {
  const { counter, contentType, kid } = header;
  const content = { counter, payload, identity, kid };
  return {
    verdict: "verified",
    message: (contentType === undefined ? content : { ...content, contentType }) as Verified,
  };
}

/**
 * The protected header of a message whose unprotected one must be empty.
 * @throws CborError for anything that `encodeProtected` does not write.
 */
export function profileHeader(headers: Headers): ProtectedHeader {
  refuseContent(headers.unprotected);
  return protectedFields(headers.protectedHeader);
}

/** @throws CborError unless the unprotected header is empty, as it always is. */
export function refuseContent(unprotected: CborMap): void {
  if (unprotected.size !== 0) throw new CborError("something unprotected");
}

/** @returns what `read` returns, or undefined when it throws a CborError. */
export function parsed<T>(read: (message: Uint8Array) => T, message: Uint8Array): T | undefined {
  try {
    return read(message);
  } catch (error) {
    if (error instanceof CborError) return undefined;
    throw error;
  }
}
