/**
 * COSE_Sign (RFC 9052 §4.1, §4.4) with ES256 on P-256, for the published vectors: Dormouse sends COSE_Sign1. Refuses a
 * detached payload.
 */
import { encode } from "../cbor/encode.js";
import { CborError, type CborValue } from "../cbor/value.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { algorithm, cborTag, label } from "./labels.js";
import {
  bytesOf,
  decodeHeaders,
  decodeParts,
  type Headers,
  headerValue,
  type Leniency,
  strict,
} from "./message.js";
import { signatureBytes } from "./sign1.js";

export interface Signer extends Headers {
  readonly signature: Uint8Array;
}

export interface Sign extends Headers {
  readonly payload: Uint8Array;
  readonly signers: readonly Signer[];
}

/** Sig_structure of one signer. */
export function signStructure(sign: Sign, signer: Headers, externalAad: Uint8Array): Uint8Array {
  return encode(["Signature", sign.protectedBytes, signer.protectedBytes, externalAad, sign.payload]);
}

/**
 * @returns the parts, views of `message`, none of them verified yet.
 * @throws CborError when this is no COSE_Sign.
 */
export function decodeSign(message: Uint8Array, leniency: Leniency = strict): Sign {
  const [header, unprotected, payload, signers] = decodeParts(message, cborTag.sign, 4, leniency);
  if (!Array.isArray(signers) || signers.length === 0) throw new CborError("no signers");
  const headers = decodeHeaders(header, unprotected, leniency);
  return {
    ...headers,
    payload: bytesOf(payload),
    signers: signers.map((signer) => signerOf(signer, leniency)),
  };
}

function signerOf(item: CborValue, leniency: Leniency): Signer {
  if (!Array.isArray(item) || item.length !== 3) throw new CborError("not a signer");
  return { ...decodeHeaders(item[0], item[1], leniency), signature: bytesOf(item[2]) };
}

/** Whether `signer`'s signature is `key`'s, by the algorithm that its headers name. */
export function verifySigner(
  crypto: Crypto,
  key: Key,
  sign: Sign,
  signer: Signer,
  externalAad: Uint8Array,
): boolean {
  if (headerValue(signer, label.alg) !== algorithm.es256 || signer.signature.length !== signatureBytes)
    return false;
  return crypto.verify(key, signStructure(sign, signer, externalAad), signer.signature);
}
