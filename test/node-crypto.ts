/** node:crypto as the third provider in tests, with deterministic signatures, to compare with those of mbedTLS. */
import { nodeCrypto as hostCrypto } from "../backend/node-crypto.js";
import type { Crypto, Key } from "../lib/crypto/crypto.js";
import { signDeterministically } from "./node-ecdsa.js";

export const nodeCrypto: Crypto = {
  ...hostCrypto,
  sign: (key, data) => {
    const { use, bytes } = key as Key & { readonly use?: string; readonly bytes: Uint8Array };
    if (use !== "sign") throw new TypeError("not a signing key");
    return signDeterministically(bytes, data);
  },
};
