/** Numbers that IANA's COSE registries give to what this project uses. */

/** Common header labels, RFC 9052 §3.1. */
export const label = { alg: 1, crit: 2, contentType: 3, kid: 4, iv: 5, partialIv: 6 } as const;

/** Algorithms, RFC 9053. */
export const algorithm = {
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
} as const;

/** CBOR tags of the messages, RFC 9052 §2. */
export const cborTag = { mac0: 17 } as const;
