/**
 * What a user may say about a TLS connection, its defaults and its checks. Pure: the time comes in.
 * The server is always authenticated, by certificate, by pinned key or by PSK: no option leaves that out.
 * Byte arrays belong to the caller and are not needed after TLSSocket's constructor.
 */
import type { Secret } from "dormouse/native/crypto";
import { type Failure, failure } from "../failure.js";
import { type PeerName, peerName } from "./host-name.js";
import {
  type Bytes,
  checkBytes,
  checkFlag,
  checkMembers,
  checkObject,
  checkOneOf,
  checkPrintable,
  checkWhole,
} from "./option-checks.js";
import { parsePin } from "./pins.js";

export type TLSVersion = "1.2" | "1.3";
/** What Date.now() is worth: nothing, as much as an unauthenticated time server, or as much as the server's certificate. */
export type Clock = "unknown" | "sntp" | "trusted";

export interface TLSOptions {
  /** Whom the certificate must be for: a host name or an IP address. Also sent as SNI when it is a name. */
  readonly hostName: string;
  /** CA certificates, each one in DER or any number in PEM. */
  readonly ca?: Bytes | readonly Bytes[];
  /**
   * SHA-256 of public keys (RFC 7469 §2.4), 2 to 8 different ones, as sha256/BASE64, sha256//BASE64 or
   * pin-sha256="BASE64". With `ca`, one must be on the verified path. Alone, the server's own key must match one
   * (its name is not checked then: the key is the identity), or that of a CA it sends and its path leads to.
   */
  readonly pins?: readonly string[];
  /** Certificate revocation list of a CA in `ca`, DER or PEM. */
  readonly crl?: Bytes;
  /** The client's certificate, with those between it and the CA, and its key; DER or PEM. */
  readonly identity?: { readonly certificate: Bytes; readonly key: Bytes };
  /**
   * A key shared with the server, 16 to 64 bytes, in place of all certificates. The identity is sent in the
   * clear: 1 to 128 printable ASCII characters. `forwardSecrecy` false (default true) also allows TLS 1.2's
   * static PSK, where the firmware has it.
   */
  readonly psk?: { readonly identity: string; readonly key: Uint8Array; readonly forwardSecrecy?: boolean };
  /** Default 1.2. */
  readonly minVersion?: TLSVersion;
  /** Default 1.3. */
  readonly maxVersion?: TLSVersion;
  /** Application protocols (RFC 7301), the most wanted first; at most 4. */
  readonly alpn?: readonly string[];
  /** Largest record to ask a TLS 1.2 server for (RFC 6066 §4). Default 2048. */
  readonly maxFragmentBytes?: 512 | 1024 | 2048;
  /** Unix time, whole seconds: it is certainly this late. No certificate that ended before is accepted. Default 0. */
  readonly timeFloorSeconds?: number;
  /** Default trusted. A clock that shows a time before the floor is unknown whatever is said here. */
  readonly clock?: Clock;
  /**
   * Without a known time: with `accept` (the default) only the floor is judged; with `refuse` only a server whose
   * own key is pinned, or that has the PSK, is accepted, and all else ends in clock-unknown.
   */
  readonly withoutClock?: "accept" | "refuse";
  /** Take up an earlier session. Not refused by the server, it saves certificates and their check. */
  readonly resumption?: {
    /** Seals the saved session: use one for nothing else. Open until the socket's last saveSession(). */
    readonly secret: Secret;
    /** What saveSession() gave; what cannot be used is passed over. */
    readonly saved?: Uint8Array;
    /** Since the last full handshake, across any number of resumptions. Default 86400, at most 604800. */
    readonly maxAgeSeconds?: number;
    /** Larger sessions are not saved. Default 1024. */
    readonly maxBytes?: number;
  };
  /**
   * What to send first: with the ClientHello as 0-RTT (RFC 8446 §2.3) if the resumed session allows it, else
   * when the handshake is done. It arrives once from here, but whoever reads the wire can send 0-RTT data again.
   */
  readonly earlyData?: Bytes;
}

/** The same, checked, in the form the native session takes. */
export interface SessionParameters {
  readonly peer: PeerName;
  readonly ca: readonly Bytes[];
  readonly pins: readonly Uint8Array[];
  readonly crl: Bytes | undefined;
  readonly identity: { readonly certificate: Bytes; readonly key: Bytes } | undefined;
  readonly psk: Presharing | undefined;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly alpn: readonly string[];
  readonly maxFragmentBytes: number;
  readonly floorSeconds: number;
  /** 0 when the clock is unknown; -1 when only a server whose own key is pinned is accepted then. */
  readonly nowSeconds: number;
  readonly clock: Clock;
  readonly resumption: Resumption | undefined;
  readonly earlyData: Bytes | undefined;
}

export interface Presharing {
  readonly identity: Uint8Array;
  readonly key: Uint8Array;
  readonly forwardSecrecy: boolean;
}

export interface Resumption {
  readonly secret: Secret;
  readonly saved: Uint8Array | undefined;
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
}

const members = [
  "hostName",
  "ca",
  "pins",
  "crl",
  "identity",
  "psk",
  "minVersion",
  "maxVersion",
  "alpn",
  "maxFragmentBytes",
  "timeFloorSeconds",
  "clock",
  "withoutClock",
  "resumption",
  "earlyData",
];

/**
 * @param nowMs the device's clock; a device that does not know the time says 1970
 * @returns clock-unknown when the options refuse to connect without the time
 * @throws TypeError or RangeError for what the caller got wrong
 */
export function sessionParameters(options: TLSOptions, nowMs: number): SessionParameters | Failure {
  checkMembers(options, "tls", members);
  if (typeof options.hostName !== "string") throw new TypeError("tls.hostName must be a string");
  const parameters: SessionParameters = {
    peer: peerName(options.hostName),
    ca: authorities(options.ca),
    pins: pinned(options.pins),
    crl: optionalBytes(options.crl, "tls.crl"),
    identity: clientIdentity(options.identity),
    psk: sharedKey(options.psk),
    minVersion: versionNumber(options.minVersion ?? "1.2", "tls.minVersion"),
    maxVersion: versionNumber(options.maxVersion ?? "1.3", "tls.maxVersion"),
    alpn: protocols(options.alpn ?? []),
    maxFragmentBytes: checkOneOf(options.maxFragmentBytes ?? 2048, "tls.maxFragmentBytes", [512, 1024, 2048]),
    floorSeconds: floor(options),
    nowSeconds: nowOf(options, nowMs),
    clock: clockOf(options, nowMs),
    resumption: resumption(options.resumption),
    earlyData: optionalBytes(options.earlyData, "tls.earlyData"),
  };
  checkTogether(parameters);
  return refusal(options, parameters) ?? parameters;
}

function floor({ timeFloorSeconds = 0 }: TLSOptions): number {
  return checkWhole(timeFloorSeconds, "tls.timeFloorSeconds", 0, Number.MAX_SAFE_INTEGER);
}

function clockOf(options: TLSOptions, nowMs: number): Clock {
  const { clock = "trusted" } = options;
  checkOneOf(clock, "tls.clock", ["unknown", "sntp", "trusted"]);
  return nowMs < floor(options) * 1000 ? "unknown" : clock;
}

/** As native/tls wants it: 0 and -1 are no times. */
function nowOf(options: TLSOptions, nowMs: number): number {
  if (clockOf(options, nowMs) !== "unknown") return Math.max(1, Math.floor(nowMs / 1000));
  return options.withoutClock === "refuse" ? -1 : 0;
}

/** What is wrong only beside something else. */
function checkTogether({ ca, pins, crl, identity, psk, minVersion, maxVersion }: SessionParameters): void {
  if (minVersion > maxVersion) throw new RangeError("tls.minVersion is above tls.maxVersion");
  if (psk && (ca.length > 0 || pins.length > 0 || crl || identity))
    throw new RangeError("tls.psk excludes ca, pins, crl and identity");
  if (!psk && ca.length === 0 && pins.length === 0)
    throw new TypeError("tls needs ca, pins or psk: without one nobody can tell who the server is");
  if (crl && ca.length === 0) throw new RangeError("tls.crl needs tls.ca");
}

function refusal(options: TLSOptions, { clock, pins, psk }: SessionParameters): Failure | undefined {
  const { withoutClock = "accept" } = options;
  checkOneOf(withoutClock, "tls.withoutClock", ["accept", "refuse"]);
  if (withoutClock === "accept" || clock !== "unknown" || pins.length > 0 || psk) return undefined;
  return failure("clock-unknown", "the time is not known, and no certificate is accepted without it");
}

function versionNumber(version: TLSVersion, name: string): number {
  return checkOneOf(version, name, ["1.2", "1.3"]) === "1.2" ? 0x0303 : 0x0304;
}

function protocols(names: readonly string[]): readonly string[] {
  if (!Array.isArray(names)) throw new TypeError("tls.alpn must be an array");
  if (names.length > 4) throw new RangeError("tls.alpn has more than 4 protocols");
  for (let i = 0; i < names.length; i++) {
    checkPrintable(names[i], "tls.alpn", 255);
    if (names[i]!.includes(" ")) throw new RangeError("tls.alpn has a name with a space");
  }
  return names;
}

function authorities(ca: TLSOptions["ca"]): readonly Bytes[] {
  if (ca === undefined) return [];
  const list: readonly Bytes[] = Array.isArray(ca) ? ca : [ca];
  if (list.length === 0) throw new TypeError("tls.ca is empty");
  for (let i = 0; i < list.length; i++) checkBytes(list[i], "tls.ca");
  return list;
}

function pinned(pins: TLSOptions["pins"]): readonly Uint8Array[] {
  if (pins === undefined) return [];
  if (!Array.isArray(pins)) throw new TypeError("tls.pins must be an array");
  // RFC 7469 §4.3: without a second one, the loss of a key locks all devices out
  if (pins.length < 2 || pins.length > 8) throw new RangeError("tls.pins must be 2 to 8 pins");
  const digests: Uint8Array[] = [];
  for (let i = 0; i < pins.length; i++) {
    const digest = parsePin(pins[i]);
    for (let j = 0; j < i; j++)
      if (sameBytes(digest, digests[j]!)) throw new RangeError("tls.pins has the same pin twice");
    digests.push(digest);
  }
  return digests;
}

/** Of one length. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function optionalBytes(bytes: Bytes | undefined, name: string): Bytes | undefined {
  return bytes === undefined ? undefined : checkBytes(bytes, name);
}

function clientIdentity(identity: TLSOptions["identity"]): SessionParameters["identity"] {
  if (identity === undefined) return undefined;
  checkMembers(identity, "tls.identity", ["certificate", "key"]);
  checkBytes(identity.certificate, "tls.identity.certificate");
  checkBytes(identity.key, "tls.identity.key");
  return identity;
}

function sharedKey(psk: TLSOptions["psk"]): SessionParameters["psk"] {
  if (psk === undefined) return undefined;
  checkMembers(psk, "tls.psk", ["identity", "key", "forwardSecrecy"]);
  checkPrintable(psk.identity, "tls.psk.identity", 128);
  if (!(psk.key instanceof Uint8Array)) throw new TypeError("tls.psk.key must be a Uint8Array");
  if (psk.key.length < 16 || psk.key.length > 64) throw new RangeError("tls.psk.key must be 16 to 64 bytes");
  const forwardSecrecy = checkFlag(psk.forwardSecrecy ?? true, "tls.psk.forwardSecrecy");
  return { identity: ascii(psk.identity), key: psk.key, forwardSecrecy };
}

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function resumption(given: TLSOptions["resumption"]): Resumption | undefined {
  if (given === undefined) return undefined;
  checkMembers(given, "tls.resumption", ["secret", "saved", "maxAgeSeconds", "maxBytes"]);
  const { secret, saved, maxAgeSeconds = 86_400, maxBytes = 1024 } = given;
  checkObject(secret, "tls.resumption.secret");
  if (saved !== undefined && !(saved instanceof Uint8Array))
    throw new TypeError("tls.resumption.saved must be a Uint8Array");
  checkWhole(maxAgeSeconds, "tls.resumption.maxAgeSeconds", 1, 604_800);
  checkWhole(maxBytes, "tls.resumption.maxBytes", 1, 65_535);
  return { secret, saved, maxAgeSeconds, maxBytes };
}
