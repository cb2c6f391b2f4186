/** The keys that vectors name, at either end. */
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { type Frozen, thaw } from "../../../lib/sealed/frozen.js";
import type { ContentType } from "../../../lib/sealed/header.js";
import {
  deriveSealKey,
  deriveStampKey,
  type SealAlgorithm,
  type SealKey,
  type SignKey,
  type StampKey,
  signKey,
} from "../../../lib/sealed/keys.js";
import type { SealToKey } from "../../../lib/sealed/seal-to.js";
import type { SealToOpener } from "../../../lib/sealed/unseal.js";
import { fromHex } from "../../device/harness.js";
import {
  channelOf,
  type RecipientCase,
  type RejectFile,
  type SealCase,
  type SealRejects,
  type SignerCase,
  type StampCase,
  senderOf,
} from "./vectors.js";

export function stampKeyOf(crypto: Crypto, vector: StampCase | RejectFile): StampKey {
  const secret = crypto.importSecret(fromHex(vector.secret));
  const key = deriveStampKey(crypto, secret, channelOf(vector), vector.alg);
  secret.close();
  return key;
}

/** noble on a board has no AES: its tables would take more than the board has. */
export function hasAead(crypto: Crypto, alg: SealAlgorithm): boolean {
  try {
    crypto.importAeadKey(new Uint8Array(alg === 1 || alg === 10 ? 16 : 32), alg).close();
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export function sealKeyOf(crypto: Crypto, vector: Omit<SealCase, "contextIv"> | SealRejects): SealKey {
  const secret = crypto.importSecret(fromHex(vector.secret));
  const key = deriveSealKey(crypto, secret, channelOf(vector), vector.alg);
  secret.close();
  return key;
}

export function signingKeyOf(crypto: Crypto, vector: SignerCase, topic: string): SignKey {
  return signKey(senderOf(vector), topic, crypto.importSigningKey(fromHex(vector.signKey)));
}

export function verifyingKeyOf(crypto: Crypto, vector: SignerCase, topic: string): SignKey {
  return signKey(senderOf(vector), topic, crypto.importVerifyingKey(fromHex(vector.point)));
}

export function sealToKeyOf(crypto: Crypto, vector: RecipientCase): SealToKey {
  const { topic, signer } = vector;
  const key = {
    protection: "sealTo",
    recipientKid: fromHex(vector.recipientKid),
    recipientPoint: fromHex(vector.recipientPoint),
    topic,
  } as const;
  return signer ? { ...key, signer: signingKeyOf(crypto, signer, topic) } : key;
}

export function openerOf(crypto: Crypto, vector: RecipientCase): SealToOpener {
  const { topic, signer } = vector;
  const key = {
    protection: "sealTo",
    recipientKid: fromHex(vector.recipientKid),
    agreementKey: crypto.importAgreementKey(fromHex(vector.recipientKey)),
    topic,
  } as const;
  return signer ? { ...key, signer: verifyingKeyOf(crypto, signer, topic) } : key;
}

/** A provider whose next ephemeral key and IV are these. */
export function withRandomness(crypto: Crypto, ephemeralKey: string, iv: string): Crypto {
  return {
    ...crypto,
    generateAgreementKey: () => crypto.importAgreementKey(fromHex(ephemeralKey)),
    random: () => fromHex(iv),
  };
}

export function frozenOf(vector: {
  readonly counter: number;
  readonly payload: string;
  readonly contentType?: ContentType;
}): Frozen {
  const { counter, contentType } = vector;
  return thaw({ counter, plaintext: fromHex(vector.payload), ...(contentType && { contentType }) });
}

/** The same with a later or earlier counter. */
export function recounted(message: Frozen, counter: number): Frozen {
  return thaw({ ...message, counter });
}
