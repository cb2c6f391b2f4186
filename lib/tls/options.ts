/**
 * What a user may say about a TLS connection, its defaults and its checks. Pure: the time comes in.
 * There is no option that leaves out the check of the certificate or of its name.
 * Pins, CRL, client identity, PSK, resumption and key log will be further members of TLSOptions.
 */
import { type PeerName, peerName } from "./host-name.js";

export type TLSVersion = "1.2" | "1.3";

export interface TLSOptions {
  /** Whom the certificate must be for: a host name or an IP address. Also sent as SNI when it is a name. */
  readonly hostName: string;
  /** CA certificates, each one in DER or any number in PEM. The bytes are not needed after the constructor. */
  readonly ca: Uint8Array | ArrayBuffer | readonly (Uint8Array | ArrayBuffer)[];
  /** Default 1.2. */
  readonly minVersion?: TLSVersion;
  /** Default 1.3. */
  readonly maxVersion?: TLSVersion;
  /** Application protocols (RFC 7301), the most wanted first; at most 4. */
  readonly alpn?: readonly string[];
  /** Unix time before which it certainly is not: certificates are judged at max(device clock, this). Default 0. */
  readonly timeFloorSeconds?: number;
  /** Largest record to ask a TLS 1.2 server for (RFC 6066 §4). Default 2048. */
  readonly maxFragmentBytes?: 512 | 1024 | 2048;
}

/** The same, checked and in the form the native session takes. */
export interface SessionParameters {
  readonly peer: PeerName;
  readonly ca: readonly (Uint8Array | ArrayBuffer)[];
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly alpn: readonly string[];
  readonly validAtSeconds: number;
  readonly maxFragmentBytes: number;
}

function versionNumber(version: TLSVersion): number {
  if (version === "1.2") return 0x0303;
  if (version === "1.3") return 0x0304;
  throw new RangeError("TLS version must be 1.2 or 1.3");
}

/**
 * @param nowMs the device's clock; a device that does not know the time says 1970
 * @throws TypeError or RangeError for what the caller got wrong
 */
export function sessionParameters(options: TLSOptions, nowMs: number): SessionParameters {
  if (typeof options.hostName !== "string") throw new TypeError("tls.hostName is needed");
  const ca = Array.isArray(options.ca) ? options.ca : [options.ca];
  if (ca.length === 0 || !ca.every((one) => one instanceof Uint8Array || one instanceof ArrayBuffer))
    throw new TypeError("tls.ca must be one or more CA certificates");
  const minVersion = versionNumber(options.minVersion ?? "1.2");
  const maxVersion = versionNumber(options.maxVersion ?? "1.3");
  if (minVersion > maxVersion) throw new RangeError("tls.minVersion is above tls.maxVersion");
  const alpn = options.alpn ?? [];
  if (alpn.length > 4 || !alpn.every((name) => name.length <= 255 && /^[\x21-\x7e]+$/.test(name)))
    throw new RangeError("tls.alpn must be at most 4 protocol names");
  const floor = options.timeFloorSeconds ?? 0;
  if (!(floor >= 0 && floor <= Number.MAX_SAFE_INTEGER)) throw new RangeError("tls.timeFloorSeconds");
  const maxFragmentBytes = options.maxFragmentBytes ?? 2048;
  if (![512, 1024, 2048].includes(maxFragmentBytes)) throw new RangeError("tls.maxFragmentBytes");
  return {
    peer: peerName(options.hostName),
    ca,
    minVersion,
    maxVersion,
    alpn,
    validAtSeconds: Math.max(Math.floor(nowMs / 1000), floor),
    maxFragmentBytes,
  };
}
