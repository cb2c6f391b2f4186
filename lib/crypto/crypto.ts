/**
 * The cryptography that lib asks for; who provides it is decided by the shell: the native module on a board
 * and in the simulator, noble as portable reference, node:crypto on hosts. All three give the same bytes; noble
 * signs nothing.
 */

/** An opaque key. On the device a native handle: the collector never copies the key's bytes. */
export interface Key {
  /** Zeroises the key. Any later use throws. */
  close(): void;
}

export interface Crypto {
  /** Cryptographically strong random bytes. */
  random(byteLength: number): Uint8Array;
  /** SHA-256 (FIPS 180-4), 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
  /** Imports a secret as HKDF input keying material. The caller keeps, and should zero, `bytes`. */
  importSecret(bytes: Uint8Array): Key;
  /** HKDF-SHA-256 (RFC 5869), salt absent, straight into an HMAC key that leaves the handle never. */
  deriveMacKey(secret: Key, info: Uint8Array, byteLength: number): Key;
  /**
   * HKDF-SHA-256 (RFC 5869), salt absent, for values that JavaScript must see: no secret keys, but a context IV, or
   * a password that goes into CONNECT.
   */
  deriveBytes(secret: Key, info: Uint8Array, byteLength: number): Uint8Array;
  /** Imports an HMAC key that somebody else shares. The caller keeps, and should zero, `bytes`. */
  importMacKey(bytes: Uint8Array): Key;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes. `key` is from `deriveMacKey` or `importMacKey`. */
  hmac(key: Key, data: Uint8Array): Uint8Array;
  /**
   * Imports a P-256 private key, see p256-key.ts. The caller keeps, and should zero, `der`.
   * @throws {RangeError} for anything else, and where there is no P-256 (noble, ESP8266)
   */
  importSigningKey(der: Uint8Array): Key;
  /** ES256 (RFC 7518 §3.4, RFC 9053 §2.1), deterministic (RFC 6979): r, then s, 64 bytes. */
  sign(key: Key, data: Uint8Array): Uint8Array;
}
