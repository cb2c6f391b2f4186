/**
 * A TLS 1.2/1.3 client session over mbedTLS without a transport: bytes in, bytes out. It opens no socket,
 * reads no clock and decides nothing; lib/tls does. Only AEAD suites with forward secrecy are offered
 * (RFC 9325), the server's certificate is always required and its name always checked.
 *
 * Order: construct, expectName or expectAddress, trust, offer, start; then feed, drain, read and write.
 * Pins, CRL, client identity, PSK and resumption will be further calls before `start`.
 *
 * A call on a closed session throws TypeError. A buffer passed in belongs to the caller and is not kept.
 */
export class Session {
  /**
   * @param minVersion 0x0303 (TLS 1.2) or 0x0304 (TLS 1.3)
   * @param validAtSeconds Unix time at which certificates must be valid
   * @param maxFragmentBytes what to ask a TLS 1.2 server for (RFC 6066 §4): 512, 1024 or 2048; not asked
   *   when TLS 1.3 is allowed, which has record_size_limit (RFC 8449) instead
   * @throws RangeError for a value that is not allowed; Error when memory is short
   */
  constructor(minVersion: number, maxVersion: number, validAtSeconds: number, maxFragmentBytes: number);
  /** Frees keys and buffers. Sends nothing. May be called twice. */
  close(): void;
  /** The host name for SNI, to be found among the certificate's dNSNames. @throws RangeError */
  expectName(name: string): void;
  /** 4 or 16 bytes, to be found among the certificate's iPAddresses; no SNI. @throws RangeError */
  expectAddress(address: Uint8Array): void;
  /** CA certificates: one in DER, or any number in PEM; copied. @throws RangeError when one does not parse */
  trust(certificates: Uint8Array | ArrayBuffer): void;
  /** One more ALPN protocol, the most wanted first; at most 4. @throws RangeError */
  offer(protocol: string): void;
  /** Makes the ClientHello. @throws TypeError without trust or a name */
  start(): void;
  /** Takes ciphertext and goes on as far as it reaches. Gives how many bytes were taken: none while `readable`. */
  feed(bytes: Uint8Array | ArrayBuffer): number;
  /** Up to `maxBytes` of ciphertext to send; undefined when there is none. */
  drain(maxBytes: number): ArrayBuffer | undefined;
  /** Up to `maxBytes` of plaintext; undefined when there is none. */
  read(maxBytes: number): ArrayBuffer | undefined;
  /** Makes one record. Gives how many bytes it took: at most `writable`. */
  write(bytes: Uint8Array | ArrayBuffer): number;
  /** Queues close_notify; nothing can be written afterwards. */
  shutdown(): void;
  /** [reason (TlsReason in tls-session.h), code, X.509 flags, text]; reason 0 unless the state is 4. */
  failure(): [reason: number, code: number, verifyFlags: number, text: string];
  /** What was agreed on; version 0 before the session is open. Times are Unix seconds. */
  secured(): [
    version: number,
    cipherSuite: number,
    protocol: string | undefined,
    peer: string,
    notBefore: number,
    notAfter: number,
  ];
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
