/** COSE_KDF_Context (RFC 9053 §5.2): what a derived key is for, as the `info` of HKDF. */
import { encode } from "../cbor/encode.js";
import type { CborValue } from "../cbor/value.js";

/** Identity, nonce, other. */
export type Party = readonly [CborValue, CborValue, CborValue];

export const noParty: Party = Object.freeze([null, null, null] as const);

/**
 * @param alg of the derived key's user
 * @param protectedBytes of the recipient; none where there is no recipient structure
 */
export function kdfContext(
  alg: number,
  keyBits: number,
  partyU: Party,
  partyV: Party,
  protectedBytes: Uint8Array,
  publicOther?: Uint8Array,
  privateOther?: Uint8Array,
): Uint8Array {
  const publicInfo: CborValue[] = [keyBits, protectedBytes];
  if (publicOther) publicInfo.push(publicOther);
  const context: CborValue[] = [alg, partyU, partyV, publicInfo];
  if (privateOther) context.push(privateOther);
  return encode(context);
}
