/**
 * Cryptography over PSA (mbedTLS 3.6 and 4): keys stay in the library, JavaScript holds a handle. A key is
 * destroyed by `close`, by the collector, or with the machine, whichever comes first; a call on a closed key
 * throws TypeError. Buffers passed in belong to the caller and are not kept.
 */

/** HKDF input keying material. */
export class Secret {
  /** @throws RangeError for no bytes at all */
  constructor(bytes: Uint8Array);
  /**
   * ECDH's shared x coordinate (RFC 9053 §6.3.1), which never leaves the library.
   * @param point the other's public key, uncompressed, 65 bytes
   * @throws RangeError for anything else, a point that is not on the curve among it
   */
  constructor(key: AgreementKey, point: Uint8Array);
  /** Zeroises the secret. May be called twice. */
  close(): void;
  /**
   * HKDF-SHA-256 (RFC 5869) for values that JavaScript must see. `salt`: none unless given.
   * @throws RangeError unless 1 ≤ byteLength ≤ 8160
   */
  deriveBytes(info: Uint8Array, byteLength: number, salt?: Uint8Array): ArrayBuffer;
}

/** An HMAC-SHA-256 key; its bytes are never seen again. */
export class MacKey {
  /**
   * Takes the key as it is.
   * @throws RangeError unless it has 1 to 8160 bytes
   */
  constructor(bytes: Uint8Array);
  /**
   * Derives the key by HKDF-SHA-256 (RFC 5869), inside the library. `salt`: none unless given.
   * @throws RangeError unless 1 ≤ byteLength ≤ 8160; TypeError when `secret` is closed
   */
  constructor(secret: Secret, info: Uint8Array, byteLength: number, salt?: Uint8Array);
  close(): void;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes. */
  hmac(data: Uint8Array): ArrayBuffer;
}

/** A key for one AEAD algorithm, by COSE's number (RFC 9053 §4): 1, 3, 10 or 24. */
export class AeadKey {
  /**
   * Takes the key as it is.
   * @throws RangeError for another length than the algorithm's, and for another algorithm
   */
  constructor(bytes: Uint8Array, alg: number);
  /**
   * Derives the key by HKDF-SHA-256 (RFC 5869), inside the library. `salt`: none unless given.
   * @throws RangeError for another algorithm; TypeError when `secret` is closed
   */
  constructor(secret: Secret, alg: number, info: Uint8Array, salt?: Uint8Array);
  close(): void;
  /**
   * The ciphertext, and behind it the tag.
   * @throws RangeError for a nonce of another length than the algorithm's, and more text than it can take
   */
  encrypt(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): ArrayBuffer;
  /** Undefined when it is not authentic, and then nothing of the plaintext is left. @throws RangeError as `encrypt` */
  decrypt(nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): ArrayBuffer | undefined;
}

/** A P-256 private key for ES256, deterministic (RFC 6979). */
export class SigningKey {
  /**
   * @param bytes the private number, 32 bytes, big-endian
   * @throws RangeError for anything else, and where the firmware has no P-256
   */
  constructor(bytes: Uint8Array);
  close(): void;
  /** ECDSA with SHA-256 over `data`: r, then s, 32 bytes each, big-endian. */
  sign(data: Uint8Array): ArrayBuffer;
}

/** A P-256 public key for ES256. */
export class VerifyingKey {
  /**
   * @param point uncompressed (SEC 1 §2.3.3), 65 bytes
   * @throws RangeError for anything else, a point that is not on the curve, and where the firmware has no P-256
   */
  constructor(point: Uint8Array);
  close(): void;
  /** Whether `signature` (r, then s, 32 bytes each) is one of `data`; anything else is none. */
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

/** A P-256 private key for ECDH: `new Secret(key, point)`. */
export class AgreementKey {
  /** Makes a new one. @throws RangeError where the firmware has no P-256 */
  constructor();
  /** As SigningKey. */
  constructor(bytes: Uint8Array);
  close(): void;
  /** The public key, uncompressed, 65 bytes. */
  point(): ArrayBuffer;
}

/** From the generator that the hardware seeds. @throws RangeError unless 0 ≤ byteLength ≤ 65536 */
export function random(byteLength: number): ArrayBuffer;
/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(data: Uint8Array): ArrayBuffer;
