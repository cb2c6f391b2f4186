/** node:crypto as the third provider in tests, with deterministic signatures, to compare with those of mbedTLS. */
import { nodeCrypto as hostCrypto } from "../backend/node-crypto.js";
import type { Crypto, Key } from "../lib/crypto/crypto.js";
import { signDeterministically } from "./node-ecdsa.js";

export const nodeCrypto: Crypto = {
  ...hostCrypto,
  sign: (key, data) => signDeterministically((key as Key & { readonly bytes: Uint8Array }).bytes, data),
};
