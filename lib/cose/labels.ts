/** Numbers that IANA's COSE registries give to what this project uses. */

/** Header labels: the common ones of RFC 9052 §3.1, those of recipients of RFC 9053 §5 and §6.3. */
export const label = Object.freeze({
  alg: 1,
  crit: 2,
  contentType: 3,
  kid: 4,
  iv: 5,
  partialIv: 6,
  ephemeralKey: -1,
  salt: -20,
  partyUIdentity: -21,
  partyUNonce: -22,
  partyUOther: -23,
  partyVIdentity: -24,
  partyVNonce: -25,
  partyVOther: -26,
} as const);

/** Algorithms, RFC 9053. */
export const algorithm = Object.freeze({
  /** HMAC 256/64: SHA-256, the tag cut to 8 bytes. */
  hmac256Tag64: 4,
  /** HMAC 256/256. */
  hmac256: 5,
  a128gcm: 1,
  a256gcm: 3,
  aesCcm16Tag64Key128: 10,
  chacha20Poly1305: 24,
  /** IV-GENERATION in the registry: the AlgorithmID of a KDF context whose output is a Context IV. */
  ivGeneration: 34,
  /** ECDSA with SHA-256; here on P-256 only. */
  es256: -7,
  /** The recipient's key is the content's key. */
  direct: -6,
  /** direct+HKDF-SHA-256. */
  directHkdf256: -10,
  /** ECDH-ES + HKDF-256. */
  ecdhEsHkdf256: -25,
} as const);

/** CBOR tags of the messages, RFC 9052 §2. */
export const cborTag = Object.freeze({
  encrypt0: 16,
  mac0: 17,
  sign1: 18,
  encrypt: 96,
  mac: 97,
  sign: 98,
} as const);

/** COSE_Key parameters and values for an EC2 key on P-256, RFC 9052 §7.1, RFC 9053 §7.1.1. */
export const keyLabel = Object.freeze({ kty: 1, crv: -1, x: -2, y: -3 } as const);
export const ec2 = 2;
export const p256 = 1;
