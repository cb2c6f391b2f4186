/**
 * How much a protection adds to a plaintext, at most: before a message has its counter, so that it can be made to fit.
 * Each sum follows the message from its first byte to its last (docs/sealed.md).
 */
import { utf8Length } from "../cbor/utf8.js";
import type { Profile } from "./profile.js";
import type { Protection } from "./protection.js";

/** A CBOR head of up to 64 KB; ahead of what is known to be short, one or two bytes. */
const longHead = 3;
/** Label and value of the algorithm; of the content type; of the counter with its five bytes. */
const algBytes = 3;
const contentTypeBytes = 3;
const counterBytes = 7;

/** Tag, array, the protected header's head and the empty unprotected one. */
const frameBytes = 2 + 1 + 2 + 1;

/** Whose messages they are; `salt` as in the device record. */
type Named = Profile["device"] & { readonly salt?: Uint8Array };

function kidBytes({ id, kid, salt }: Named): number {
  // label, head, and either the short name or an array of id, epoch and perhaps salt
  if (kid !== undefined && !salt) return 1 + 2 + kid.length / 2;
  return 1 + 2 + 1 + 2 + utf8Length(id) + 5 + (salt ? 1 + salt.length : 0);
}

/** Map, and what is in it. */
function headerBytes(device: Named): number {
  return 1 + algBytes + contentTypeBytes + kidBytes(device) + counterBytes;
}

function signedBytes(device: Named): number {
  return frameBytes + headerBytes(device) + longHead + 2 + 64;
}

export function protectionBytes(up: Protection, device: Named): number {
  switch (up.protection) {
    case "none":
      return 0;
    case "stamp":
      return frameBytes + headerBytes(device) + longHead + (up.algorithm === "hmac-256" ? 2 + 32 : 1 + 8);
    case "seal":
      return frameBytes + headerBytes(device) + longHead + (up.algorithm === "aes-ccm-16-64-128" ? 8 : 16);
    case "sign":
      return signedBytes(device);
  }
  const contentHeader = 1 + algBytes + contentTypeBytes + (1 + 1 + 12);
  // algorithm and key agreement; the recipient's name; the ephemeral key: type, curve, 32 bytes, a sign
  const recipientHeader = 1 + 3 + (1 + 2 + utf8Length(up.recipientKid)) + (1 + 1 + 2 + 2 + 3 + 32 + 2);
  const recipient = 1 + 1 + 2 + recipientHeader + 1 + 1;
  return frameBytes + contentHeader + longHead + 16 + recipient + (up.sign ? signedBytes(device) : 0);
}
