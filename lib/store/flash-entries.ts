/**
 * How a device's flash is laid out: the key-value entries that provisioning writes and the firmware reads,
 * the same on a board and in the simulator. The profile is separate from every secret, so that it can be
 * read back and shown. This file does no I/O; the device record's bytes come from its own codec.
 */
import { maxTokenKeyBytes, minTokenKeyBytes } from "../auth/jwt.js";
import { utf8Encode } from "../cbor/utf8.js";
import { maxProfileBytes, type Profile } from "./profile.js";
import { type Protection, signs } from "./protection.js";

/** The path given to `embedded:storage/key-value`: on ESP32 the NVS namespace. */
export const flashDomain = "dormouse";

/** NVS keys have at most 15 characters. */
export const flashKeys = {
  profile: "profile",
  /** Secret, epoch and counter reservation: one checksummed record. */
  record: "record",
  /** Given by Improv together with `wifiPassword`; a profile that names its network itself goes without. */
  wifiSsid: "wifi-ssid",
  wifiPassword: "wifi-password",
  brokerPassword: "broker-password",
  /** Shared bytes for HS256; for ES256 a P-256 private key, DER. */
  jwtKey: "jwt-key",
  /** The root certificate, DER. */
  ca: "ca",
  /** A certificate revocation list, DER. */
  crl: "crl",
  /** The device's certificate, DER; with those between it and the CA, PEM. */
  certificate: "tls-cert",
  /** Its private key, DER (PKCS #8). */
  key: "tls-key",
  /** The pre-shared key's bytes. */
  psk: "tls-psk",
  /** The device's own P-256 private key that its messages are signed with, DER (PKCS #8). */
  signKey: "sign-key",
  /** See time-floor.ts; only the device writes it. */
  timeFloor: "time-floor",
  /** See losses-record.ts; only the device writes it. */
  losses: "losses",
  /** See settings.ts and pins.ts: what commands have put over the profile. Only the device writes them. */
  settings: "settings",
  pins: "pins",
} as const;

/** What the device has taken of the `index`th controller of its profile; only the device writes it. */
export function windowKey(index: number): string {
  return `window-${index}`;
}

/** A segment of the outbox; only the device writes it. */
export function spillKey(slot: number): string {
  return `spill-${slot}`;
}

export interface FlashSecrets {
  /** The encoded device record. */
  readonly record: Uint8Array;
  /** Empty: an open network, nothing is stored. */
  readonly wifiPassword: string;
  /** Exactly when the profile's auth says so. */
  readonly brokerPassword: string | null;
  readonly jwtKey: Uint8Array | null;
  /** One root certificate, DER; with plain TCP and with a PSK there is none, with pins there may be none. */
  readonly ca: Uint8Array | null;
  /** Only beside a CA. */
  readonly crl: Uint8Array | null;
  /** With its key, exactly when the profile's identity is a certificate. */
  readonly certificate: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** 16 to 64 bytes, exactly when the profile's identity is a PSK. */
  readonly psk: Uint8Array | null;
  /** P-256, PKCS #8 in DER, exactly when the profile's messages are signed. */
  readonly signKey: Uint8Array | null;
}

export type FlashEntry = { readonly domain: typeof flashDomain; readonly key: string } & (
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "buffer"; readonly value: Uint8Array }
);

/**
 * The entries of a freshly provisioned device.
 * @throws {RangeError} when the profile is larger than flash entries may be, or what it needs for TLS, to log in or to
 *   sign is not there
 */
export function flashEntries(profile: Profile, secrets: FlashSecrets): FlashEntry[] {
  const json = JSON.stringify(withTrust(profile, secrets));
  if (utf8Encode(json).length > maxProfileBytes)
    throw new RangeError(`the profile takes more than ${maxProfileBytes} bytes`);
  checkTls(profile.broker.tls, secrets);
  checkAccount(profile.broker, secrets);
  checkSigning(profile.topics.up, secrets);
  const domain = flashDomain;
  const entries: FlashEntry[] = [];
  const string = (key: string, value: string): void => {
    if (value !== "") entries.push({ domain, key, type: "string", value });
  };
  const buffer = (key: string, value: Uint8Array | null): void => {
    if (value !== null) entries.push({ domain, key, type: "buffer", value });
  };
  string(flashKeys.profile, json);
  buffer(flashKeys.record, secrets.record);
  string(flashKeys.wifiPassword, secrets.wifiPassword);
  // As bytes: the device zeroes them after use, which text cannot be.
  buffer(
    flashKeys.brokerPassword,
    secrets.brokerPassword === null ? null : utf8Encode(secrets.brokerPassword),
  );
  buffer(flashKeys.jwtKey, secrets.jwtKey);
  buffer(flashKeys.signKey, secrets.signKey);
  for (const name of tlsEntries) buffer(flashKeys[name], secrets[name]);
  return entries;
}

/** The profile knows what of the trust is in flash, so that the loss of an entry is noticed. */
function withTrust(profile: Profile, { ca, crl }: FlashSecrets): Profile {
  const { broker } = profile;
  if (broker.tls === false) return profile;
  const tls = { ...broker.tls, ...(ca && { ca: true as const }), ...(crl && { crl: true as const }) };
  return { ...profile, broker: { ...broker, tls } };
}

const tlsEntries = ["ca", "crl", "certificate", "key", "psk"] as const;

function checkTls(tls: Profile["broker"]["tls"], secrets: FlashSecrets): void {
  const { ca, crl, certificate, key, psk } = secrets;
  if (tls === false) {
    if (tlsEntries.some((name) => secrets[name] !== null))
      throw new RangeError("plain TCP needs no certificate and no key");
    return;
  }
  const byPsk = tls.identity === "psk";
  if (byPsk && (ca || crl)) throw new RangeError("a PSK goes without CA and CRL");
  if (!byPsk && !ca && tls.pins.length === 0)
    throw new RangeError("TLS needs a CA certificate, pins or a PSK");
  if (crl && !ca) throw new RangeError("a CRL needs its CA certificate");
  const certified = tls.identity === "certificate";
  if (certified !== (certificate !== null) || certified !== (key !== null))
    throw new RangeError("certificate and key must be there with that identity, and only then");
  if (byPsk !== (psk !== null))
    throw new RangeError("the PSK must be there with that identity, and only then");
  if (psk && (psk.length < 16 || psk.length > 64)) throw new RangeError("a PSK must have 16 to 64 bytes");
}

function checkAccount({ auth, jwt }: Profile["broker"], { brokerPassword, jwtKey }: FlashSecrets): void {
  if ((auth === "password") !== (brokerPassword !== null) || brokerPassword === "")
    throw new RangeError("the broker's password must be there with that auth, and only then");
  if ((auth === "jwt") !== (jwtKey !== null))
    throw new RangeError("the token's key must be there with that auth, and only then");
  if (!jwtKey || jwt?.algorithm !== "HS256") return;
  if (jwtKey.length < minTokenKeyBytes || jwtKey.length > maxTokenKeyBytes)
    throw new RangeError(`an HS256 key must have ${minTokenKeyBytes} to ${maxTokenKeyBytes} bytes`);
}

function checkSigning(up: Protection, { signKey }: FlashSecrets): void {
  if (signs(up) !== (signKey !== null))
    throw new RangeError("the signing key must be there when messages are signed, and only then");
}
