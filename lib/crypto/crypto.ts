/**
 * The cryptography that lib asks for; who provides it is decided by the shell: the native module on a board
 * and in the simulator, noble as portable reference, node:crypto on hosts. All give the same bytes. noble has no
 * P-256, nor has an ESP8266, and AES only where there is room for its tables.
 */

/** An opaque key, for one use. On the device a native handle: the collector never copies the key's bytes. */
export interface Key {
  /** Zeroises the key. Any later use throws. */
  close(): void;
}

/**
 * COSE's numbers (RFC 9053 §4): A128GCM, A256GCM, AES-CCM-16-64-128, ChaCha20/Poly1305. Keys of 16, 32, 16 and 32
 * bytes, nonces of 12, 12, 13 and 12, tags of 16, 16, 8 and 16.
 */
export type AeadAlgorithm = 1 | 3 | 10 | 24;

export interface Crypto {
  /** Cryptographically strong random bytes. */
  random(byteLength: number): Uint8Array;
  /** SHA-256 (FIPS 180-4), 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;

  /** Imports a secret as HKDF input keying material. The caller keeps, and should zero, `bytes`. */
  importSecret(bytes: Uint8Array): Key;
  /** HKDF-SHA-256 (RFC 5869), straight into an HMAC key that leaves the handle never. `salt`: none unless given. */
  deriveMacKey(secret: Key, info: Uint8Array, byteLength: number, salt?: Uint8Array): Key;
  /** The same, straight into a key for `encrypt` and `decrypt`. */
  deriveAeadKey(secret: Key, info: Uint8Array, alg: AeadAlgorithm, salt?: Uint8Array): Key;
  /**
   * HKDF-SHA-256 (RFC 5869) for values that JavaScript must see: no secret keys, but a context IV, or a password that
   * goes into CONNECT.
   */
  deriveBytes(secret: Key, info: Uint8Array, byteLength: number, salt?: Uint8Array): Uint8Array;

  /** Imports an HMAC key that somebody else shares. The caller keeps, and should zero, `bytes`. */
  importMacKey(bytes: Uint8Array): Key;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes. `key` is from `deriveMacKey` or `importMacKey`. */
  hmac(key: Key, data: Uint8Array): Uint8Array;

  /** Imports a key that somebody else shares. The caller keeps, and should zero, `bytes`. @throws {RangeError} for another length */
  importAeadKey(bytes: Uint8Array, alg: AeadAlgorithm): Key;
  /** @returns the ciphertext, as long as `plaintext`, and behind it the tag. @throws {RangeError} for a nonce of another length */
  encrypt(key: Key, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** @returns undefined when it is not authentic: not a byte of the plaintext is given out before that is known */
  decrypt(key: Key, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;

  /**
   * Imports a P-256 private key, see p256-key.ts. The caller keeps, and should zero, `der`.
   * @throws {RangeError} for anything else, and where there is no P-256
   */
  importSigningKey(der: Uint8Array): Key;
  /** ES256 (RFC 7518 §3.4, RFC 9053 §2.1): r, then s, 64 bytes; on the device deterministic (RFC 6979). */
  sign(key: Key, data: Uint8Array): Uint8Array;
  /**
   * @param point a P-256 public key, uncompressed: 04, x, y, 65 bytes (SEC 1 §2.3.3)
   * @throws {RangeError} for anything else, a point that is not on the curve among it, and where there is no P-256
   */
  importVerifyingKey(point: Uint8Array): Key;
  /** Whether `signature`, r and s, is one of `data` by ES256. */
  verify(key: Key, data: Uint8Array, signature: Uint8Array): boolean;

  /** A new P-256 key pair for `agree`. @throws {RangeError} where there is no P-256 */
  generateAgreementKey(): Key;
  /** As importSigningKey, for `agree`. */
  importAgreementKey(der: Uint8Array): Key;
  /** The public key of an agreement key, uncompressed, 65 bytes. */
  agreementPoint(key: Key): Uint8Array;
  /**
   * ECDH (RFC 9053 §6.3.1): the shared x coordinate, as a secret for `derive…`, which the caller closes.
   * @throws {RangeError} for a point that is not on the curve
   */
  agree(key: Key, point: Uint8Array): Key;
}
