/**
 * A JSON Web Token (RFC 7519) that a device makes to log in: signed JSON in the compact form of RFC 7515 §7.1, by
 * HS256 or ES256 (RFC 7518 §3.2, §3.4). It makes tokens and reads none. The time is the caller's, who must know it.
 */
import { utf8Encode } from "../cbor/utf8.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { base64urlLength, writeBase64url } from "./base64url.js";

export type TokenAlgorithm = "HS256" | "ES256";

/** Of an HS256 key: no shorter than the hash (RFC 7518 §3.2), no longer than its block. */
export const minTokenKeyBytes = 32;
export const maxTokenKeyBytes = 64;

export interface Claims {
  /** Whose token it is. */
  readonly subject: string;
  /** Unix time, whole seconds. */
  readonly issuedAtSeconds: number;
  readonly lifetimeSeconds: number;
  /** Whom it is for. */
  readonly audience?: string | undefined;
}

const dot = 0x2e;

/**
 * @param key for HS256 from `importMacKey`, for ES256 from `importSigningKey`
 * @returns the token in ASCII, which lets its bearer in until it expires: the caller zeroes it
 * @throws {RangeError} for a time or lifetime that is not a whole number above 0
 */
export function signToken(crypto: Crypto, algorithm: TokenAlgorithm, key: Key, claims: Claims): Uint8Array {
  const header = utf8Encode(`{"alg":"${algorithm}","typ":"JWT"}`);
  const payload = utf8Encode(claimsJson(claims));
  const signatureLength = base64urlLength(algorithm === "HS256" ? 32 : 64);
  const inputLength = base64urlLength(header.length) + 1 + base64urlLength(payload.length);
  const token = new Uint8Array(inputLength + 1 + signatureLength);
  let at = writeBase64url(header, token, 0);
  token[at++] = dot;
  at = writeBase64url(payload, token, at);
  const input = token.subarray(0, at);
  const signature = algorithm === "HS256" ? crypto.hmac(key, input) : crypto.sign(key, input);
  token[at++] = dot;
  writeBase64url(signature, token, at);
  signature.fill(0);
  return token;
}

function claimsJson({ subject, issuedAtSeconds, lifetimeSeconds, audience }: Claims): string {
  checkSeconds(issuedAtSeconds, "issuedAtSeconds");
  checkSeconds(lifetimeSeconds, "lifetimeSeconds");
  const exp = issuedAtSeconds + lifetimeSeconds;
  return JSON.stringify({
    sub: subject,
    ...(audience !== undefined && { aud: audience }),
    iat: issuedAtSeconds,
    exp,
  });
}

function checkSeconds(seconds: number, name: string): void {
  if (!Number.isSafeInteger(seconds) || seconds <= 0)
    throw new RangeError(`${name} must be a whole number above 0`);
}
