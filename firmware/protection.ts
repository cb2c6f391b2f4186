/**
 * Protects what the device publishes, as its profile says. Keys are derived or read for one message and closed behind
 * it; of the key that signs JavaScript sees the bytes from flash only, and zeroes them.
 */
import { readBase64url } from "dormouse/auth/base64url";
import { utf8Encode } from "dormouse/cbor/utf8";
import { nativeCrypto } from "dormouse/crypto/native";
import { type Failure, failure } from "dormouse/failure";
import type { Frozen } from "dormouse/sealed/frozen";
import { deriveSealKey, deriveStampKey, type Sender, type SignKey, signKey } from "dormouse/sealed/keys";
import { closeKey, protect, type SenderKey } from "dormouse/sealed/protect";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import { kidBytes, sealAlgorithms, stampAlgorithms } from "dormouse/store/protection";
import { signingKey } from "./provisioned.js";

/** @returns what goes to `topic`, or why the device cannot protect it: then it stays where it is */
export function protectMessage(
  profile: Profile,
  device: Device,
  topic: string,
  message: Frozen,
): Uint8Array | Failure {
  let key: SenderKey | Failure | undefined;
  try {
    key = senderKey(profile, device, topic);
    if (!key) return message.plaintext;
    return "kind" in key ? key : protect(nativeCrypto, key, message);
  } catch (error) {
    if (error instanceof RangeError)
      return failure("profile-invalid", `topics.protection cannot be had: ${error.message}`);
    if (error instanceof TypeError) throw error;
    return failure("out-of-memory", String(error));
  } finally {
    if (key && !("kind" in key)) closeKey(key);
  }
}

/** Undefined: the profile wants no protection. */
function senderKey(
  { device: { id, kid }, topics: { up } }: Profile,
  { secret, epoch, salt }: Device,
  topic: string,
): SenderKey | Failure | undefined {
  const sender: Sender = {
    id,
    epoch,
    ...(kid !== undefined && { kid: kidBytes(kid) }),
    ...(salt && { salt }),
  };
  const channel = { sender, direction: "up", topic } as const;
  switch (up.protection) {
    case "none":
      return undefined;
    case "stamp":
      return deriveStampKey(nativeCrypto, secret, channel, stampAlgorithms[up.algorithm]);
    case "seal":
      return deriveSealKey(nativeCrypto, secret, channel, sealAlgorithms[up.algorithm]);
    case "sign":
      return ownKey(sender, topic);
  }
  const signer = up.sign ? ownKey(sender, topic) : undefined;
  if (signer && "kind" in signer) return signer;
  return {
    protection: "sealTo",
    recipientKid: utf8Encode(up.recipientKid),
    recipientPoint: readBase64url(up.recipientKey),
    topic,
    ...(signer && { signer }),
  };
}

function ownKey(sender: Sender, topic: string): SignKey | Failure {
  const bytes = signingKey();
  if (!bytes) return failure("profile-invalid", "topics.signKey is not in flash");
  try {
    return signKey(sender, topic, nativeCrypto.importSigningKey(bytes));
  } finally {
    bytes.fill(0);
  }
}
