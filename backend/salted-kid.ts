/**
 * The key identifier of a device whose secret replaced a factory image's: dCBOR([sender id, epoch, salt]). It says how
 * to come from the image's secret to the device's own; whether that is true, only the message's verification tells.
 */
import { decode } from "../lib/cbor/decode.js";
import { utf8Decode } from "../lib/cbor/utf8.js";
import type { CborValue } from "../lib/cbor/value.js";
import { encodeKid, type Sender } from "../lib/sealed/keys.js";
import { epochOfSalt, ownSaltBytes } from "../lib/sealed/next-secret.js";

export type SaltedSender = Sender & { readonly salt: Uint8Array };

export interface SaltedKid {
  readonly sender: SaltedSender;
  /** The same without the salt: what an entry has whose owner knows the device's own secret. */
  readonly plain: Uint8Array;
}

/** @returns undefined for any other key identifier */
export function saltedKid(kid: Uint8Array): SaltedKid | undefined {
  try {
    const parts: CborValue = decode(kid);
    if (!Array.isArray(parts) || parts.length !== 3) return undefined;
    const [bytes, epoch, salt] = parts;
    if (!(bytes instanceof Uint8Array) || !(salt instanceof Uint8Array) || salt.length !== ownSaltBytes)
      return undefined;
    if (epoch !== epochOfSalt(salt)) return undefined;
    const id = utf8Decode(bytes);
    return { sender: { id, epoch, salt: salt.slice() }, plain: encodeKid({ id, epoch }) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
