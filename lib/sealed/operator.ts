/**
 * The operator's signature within a command that demands it: a COSE_Sign1 that is the payload of a stamp or seal,
 * bound to that message's topic and kid, and carrying its counter. So a controller can neither use it twice nor for
 * another device.
 */
import { encode } from "../cbor/encode.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import { coseSign1, plainCbor } from "./header.js";
import { bad, type Check, type Verified } from "./opened.js";
import { maxKidBytes } from "./seal-to.js";
import { openSigned, signPayload } from "./signed.js";

export interface OperatorKey {
  /** 1 to 32 bytes, which the operator chose. */
  readonly kid: Uint8Array;
  /** Signing at the operator, verifying on the device. */
  readonly key: Key;
}

/** The message around the signature: the topic it goes to, and its kid. */
export interface Outer {
  readonly topic: string;
  readonly kid: Uint8Array;
}

/**
 * @param message the command itself, content type 60, with the counter of the message that will carry it.
 * @returns the payload of that message, whose content type is 18
 * @throws RangeError for another content type, or a kid of no or too many bytes
 */
export function signOperator(
  crypto: Crypto,
  operator: OperatorKey,
  outer: Outer,
  message: Frozen,
): Uint8Array {
  if (message.contentType !== plainCbor) throw new RangeError("an operator signs commands only");
  checkKid(operator.kid);
  return signPayload(crypto, operator.key, operator.kid, aadOf(outer), message);
}

/**
 * What the operator signed within `message`, which came on `topic` and has been verified itself.
 * @returns the command as verified message, with the identity of the signature
 */
export function openOperator(crypto: Crypto, operator: OperatorKey, topic: string, message: Verified): Check {
  if (message.contentType !== coseSign1) return bad("malformed");
  const aad = aadOf({ topic, kid: message.kid });
  const check = openSigned(crypto, operator.key, operator.kid, aad, message.payload);
  if (check.verdict !== "verified") return check;
  const { contentType, counter } = check.message;
  // Signed for another use, or carried by another message than it was signed for.
  if (contentType !== plainCbor) return bad("malformed");
  if (counter !== message.counter) return bad("not-authentic");
  return check;
}

function aadOf({ topic, kid }: Outer): Uint8Array {
  return encode([topic, kid]);
}

function checkKid({ length }: Uint8Array): void {
  if (length < 1 || length > maxKidBytes)
    throw new RangeError(`an operator's kid has 1 to ${maxKidBytes} bytes`);
}
