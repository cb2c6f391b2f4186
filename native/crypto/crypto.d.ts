/**
 * Cryptography over PSA (mbedTLS 3.6 and 4): keys stay in the library, JavaScript holds a handle. A key is
 * destroyed by `close`, by the collector, or with the machine, whichever comes first; a call on a closed key
 * throws TypeError. Buffers passed in belong to the caller and are not kept.
 */

/** HKDF input keying material. */
export class Secret {
  /** @throws RangeError for no bytes at all */
  constructor(bytes: Uint8Array);
  /** Zeroises the secret. May be called twice. */
  close(): void;
  /**
   * HKDF-SHA-256 (RFC 5869), salt absent, for values that JavaScript must see.
   * @throws RangeError unless 1 ≤ byteLength ≤ 8160
   */
  deriveBytes(info: Uint8Array, byteLength: number): ArrayBuffer;
}

/** An HMAC-SHA-256 key; its bytes are never seen again. */
export class MacKey {
  /**
   * Takes the key as it is.
   * @throws RangeError unless it has 1 to 8160 bytes
   */
  constructor(bytes: Uint8Array);
  /** Derives the key by HKDF-SHA-256 (RFC 5869), salt absent, inside the library. */
  /** @throws RangeError unless 1 ≤ byteLength ≤ 8160; TypeError when `secret` is closed */
  constructor(secret: Secret, info: Uint8Array, byteLength: number);
  close(): void;
  /** HMAC-SHA-256 (RFC 2104), 32 bytes. */
  hmac(data: Uint8Array): ArrayBuffer;
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

/** From the generator that the hardware seeds. @throws RangeError unless 0 ≤ byteLength ≤ 65536 */
export function random(byteLength: number): ArrayBuffer;
/** SHA-256 (FIPS 180-4), 32 bytes. */
export function sha256(data: Uint8Array): ArrayBuffer;
