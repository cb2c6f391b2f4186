/**
 * One door for senders and one for receivers, whatever the protection. A key is for one protection, algorithm and
 * topic: what a message claims about itself never decides how it is judged.
 */
import type { Crypto } from "../crypto/crypto.js";
import type { Frozen } from "./frozen.js";
import type { SealKey, SignKey, StampKey } from "./keys.js";
import type { Check } from "./opened.js";
import { openSeal, seal } from "./seal.js";
import { type SealToKey, sealTo } from "./seal-to.js";
import { openSign, sign } from "./sign.js";
import { openStamp, stamp } from "./stamp.js";
import { openSealTo, type SealToOpener } from "./unseal.js";

export type SenderKey = StampKey | SealKey | SignKey | SealToKey;
export type ReceiverKey = StampKey | SealKey | SignKey | SealToOpener;

/**
 * The message to publish on the key's topic.
 * @returns new bytes, owned by the caller.
 * @throws RangeError for a content type that the protection does not carry, or a key that this provider cannot use
 */
export function protect(crypto: Crypto, key: SenderKey, message: Frozen): Uint8Array {
  switch (key.protection) {
    case "stamp":
      return stamp(crypto, key, message);
    case "seal":
      return seal(crypto, key, message);
    case "sign":
      return sign(crypto, key, message);
    case "sealTo":
      return sealTo(crypto, key, message);
  }
}

/**
 * What `message`, received on the key's topic, is. Every message that `protect` would not have written is bad. Never
 * throws for what is in `message`.
 */
export function open(crypto: Crypto, key: ReceiverKey, message: Uint8Array): Check {
  switch (key.protection) {
    case "stamp":
      return openStamp(crypto, key, message);
    case "seal":
      return openSeal(crypto, key, message);
    case "sign":
      return openSign(crypto, key, message);
    case "sealTo":
      return openSealTo(crypto, key, message);
  }
}

/** Zeroises what of the key is secret, a signer's included. */
export function closeKey(key: SenderKey | ReceiverKey): void {
  if (key.protection !== "sealTo") {
    key.key.close();
    return;
  }
  if ("agreementKey" in key) key.agreementKey.close();
  if (key.signer && typeof key.signer !== "function") key.signer.key.close();
}
