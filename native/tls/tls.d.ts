/**
 * A TLS 1.2/1.3 client session over mbedTLS without a transport: bytes in, bytes out. It opens no socket,
 * reads no clock and decides nothing; lib/tls does. Only AEAD suites with forward secrecy are offered
 * (RFC 9325), unless a PSK is told to do without. The server is always authenticated: by certificate, by the
 * pinned key, or by the PSK.
 *
 * Order: construct; then what is expected, trusted and offered, in any order; resume; start; then feed, drain,
 * read and write. A call on a closed session throws TypeError. A buffer passed in belongs to the caller and is
 * not kept; certificates and keys are one in DER, or PEM.
 */
import type { Secret } from "dormouse/native/crypto";

type Bytes = Uint8Array | ArrayBuffer;

export class Session {
  /**
   * @param minVersion 0x0303 (TLS 1.2) or 0x0304 (TLS 1.3)
   * @param floorSeconds Unix time that it certainly is, or later
   * @param nowSeconds Unix time at which certificates must be valid; 0 when it is unknown; -1 when it is
   *   unknown and needed: then only a server whose own key is pinned is accepted
   * @param maxFragmentBytes what to ask a TLS 1.2 server for (RFC 6066 §4): 512, 1024 or 2048; not asked
   *   when TLS 1.3 is allowed, which has record_size_limit (RFC 8449) instead
   * @throws RangeError for a value that is not allowed; Error when memory is short
   */
  constructor(
    minVersion: number,
    maxVersion: number,
    floorSeconds: number,
    nowSeconds: number,
    maxFragmentBytes: number,
  );
  /** Frees keys and buffers. Sends nothing. May be called twice. */
  close(): void;
  /** The host name for SNI, to be found among the certificate's dNSNames. @throws RangeError */
  expectName(name: string): void;
  /** 4 or 16 bytes, to be found among the certificate's iPAddresses; no SNI. @throws RangeError */
  expectAddress(address: Uint8Array): void;
  /** CA certificates, any number in PEM; copied. @throws RangeError when one does not parse */
  trust(certificates: Bytes): void;
  /** A certificate revocation list of a CA that is trusted. @throws RangeError when it does not parse */
  revoke(list: Bytes): void;
  /** SHA-256 of a SubjectPublicKeyInfo (RFC 7469 §2.4) on the verified path; at most 8. @throws RangeError */
  pin(digest: Uint8Array): void;
  /**
   * The client's certificate, then those between it and the CA, and its key: P-256, or RSA of 2048 bits or more.
   * @throws RangeError for a key that is encrypted, too weak, or not the certificate's
   */
  identify(certificates: Bytes, privateKey: Bytes): void;
  /**
   * A pre-shared key of 16 to 64 bytes in place of certificates: TLS 1.3 with ECDHE, TLS 1.2 as
   * ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256.
   * @param forwardSecrecy false also offers TLS 1.2's PSK_WITH_AES_128_GCM_SHA256, where this build has it
   * @throws RangeError
   */
  preshare(identity: Uint8Array, key: Uint8Array, forwardSecrecy: boolean): void;
  /** One more ALPN protocol, the most wanted first; at most 4. @throws RangeError */
  offer(protocol: string): void;
  /**
   * The last call before start, and what makes tickets be asked for: without it there is nothing to `save`.
   * Refused by the server, the offer costs nothing: the full handshake follows.
   * @param saved what `save` gave; empty when there is none yet
   * @returns false when it does not open with `secret`, was made under other settings, or is too old
   */
  resume(saved: Uint8Array, secret: Secret, maxAgeSeconds: number): boolean;
  /**
   * Makes the ClientHello.
   * @param early what to send with it as 0-RTT data (RFC 8446 §2.3); whoever reads the wire can send it again
   * @returns how many bytes of `early` went out: all, or none
   * @throws TypeError without trust or a name
   */
  start(early?: Bytes): number;
  /** Takes ciphertext and goes on as far as it reaches. Gives how many bytes were taken: none while `readable`. */
  feed(bytes: Bytes): number;
  /** Up to `maxBytes` of ciphertext to send; undefined when there is none. */
  drain(maxBytes: number): ArrayBuffer | undefined;
  /** Up to `maxBytes` of plaintext; undefined when there is none. */
  read(maxBytes: number): ArrayBuffer | undefined;
  /** Makes one record. Gives how many bytes it took: at most `writable`. */
  write(bytes: Bytes): number;
  /** Queues close_notify; nothing can be written afterwards. */
  shutdown(): void;
  /**
   * The session for `resume`, sealed under a key derived from `secret`, with the time of its last full handshake
   * and a fingerprint of all settings bound in.
   * @returns undefined when there is none, or it takes more than `maxBytes`
   */
  save(secret: Secret, maxBytes: number): ArrayBuffer | undefined;
  /**
   * [reason (TlsReason in tls-session.h), code, X.509 flags, text, what was seen]; reason 0 unless the state is 4.
   * `seen` is printable ASCII: the server's pin, its names, or a date, where that is what differed.
   */
  failure(): [reason: number, code: number, verifyFlags: number, text: string, seen: string];
  /** What was agreed on; version 0 before the session is open. Times are Unix seconds, 0 without a certificate;
   * `notBefore` also 0 when only the certificate's own pinned key vouches for it. `matchedPins` has one bit for each `pin`,
   * the first lowest: those on the verified path of the last full handshake, that of the session resumed included. */
  secured(): [
    version: number,
    cipherSuite: number,
    protocol: string | undefined,
    peer: string,
    notBefore: number,
    notAfter: number,
    resumed: boolean,
    earlyAccepted: boolean,
    matchedPins: number,
  ];
  /** Whether `save` has something: in TLS 1.2 once open, in TLS 1.3 once a ticket came. */
  readonly resumable: boolean;
  /** 0 configuring, 1 handshaking, 2 open, 3 closed by the peer's close_notify, 4 failed. */
  readonly state: number;
  /** How many bytes of ciphertext can be used now: feed no more, and nothing is left over. */
  readonly wanted: number;
  /** Bytes of ciphertext that wait to be drained. */
  readonly pending: number;
  /** Bytes of plaintext that wait to be read. */
  readonly readable: number;
  /** Bytes of plaintext that one `write` takes now. */
  readonly writable: number;
}

/**
 * The number (RFC 5280 §5.2.3) of one certificate revocation list in DER, -1 when it has none.
 * @returns undefined when it is no such list
 */
export function crlNumber(list: Bytes): number | undefined;

/**
 * Whether `list` is signed by a CA in `ca` that may, or by `issuer`, a CA that one of those has signed; all in DER.
 */
export function crlIsOf(list: Bytes, ca: Bytes, issuer?: Bytes): boolean;
