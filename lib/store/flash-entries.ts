/**
 * How a device's flash is laid out: the key-value entries that provisioning writes and the firmware reads,
 * the same on a board and in the simulator. The profile is separate from every secret, so that it can be
 * read back and shown. This file does no I/O; the device record's bytes come from its own codec.
 */
import { utf8Encode, utf8Length } from "../cbor/utf8.js";
import { type EntrySizes, entriesProblem, type ProfileEntry } from "./entry-rules.js";
import { maxProfileBytes, type Profile } from "./profile.js";

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
  /** See provisioning/former-secrets.ts; it outlives erasing, as the time floor does. */
  formerIds: "former-ids",
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
  /** Exactly when the profile leaves the network to Improv. */
  readonly wifiSsid?: string | undefined;
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
  const json = storedProfile(profile, { ca: secrets.ca !== null, crl: secrets.crl !== null });
  const problem = entriesProblem(profile, sizesOf(secrets));
  if (problem) throw new RangeError(problem.detail);
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
  string(flashKeys.wifiSsid, secrets.wifiSsid ?? "");
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

/**
 * The profile as a device stores it: it knows what of the trust is in flash, so that the loss of an entry is noticed.
 * @param trust what will be there
 * @returns JSON
 * @throws {RangeError} when it is larger than flash entries may be
 */
export function storedProfile(
  profile: Profile,
  { ca, crl }: { readonly ca: boolean; readonly crl: boolean },
): string {
  const { broker } = profile;
  const stored =
    broker.tls === false
      ? profile
      : {
          ...profile,
          broker: { ...broker, tls: { ...broker.tls, ...(ca && { ca }), ...(crl && { crl }) } },
        };
  const json = JSON.stringify(stored);
  if (utf8Length(json) > maxProfileBytes)
    throw new RangeError(`the profile takes more than ${maxProfileBytes} bytes`);
  return json;
}

const tlsEntries = ["ca", "crl", "certificate", "key", "psk"] as const;

function sizesOf(secrets: FlashSecrets): EntrySizes {
  const sizes: { [name in ProfileEntry]?: number } = {};
  for (const name of [...tlsEntries, "jwtKey", "signKey"] as const) {
    const bytes = secrets[name];
    if (bytes !== null) sizes[name] = bytes.length;
  }
  const { wifiSsid, brokerPassword } = secrets;
  if (wifiSsid !== undefined) sizes.wifiSsid = utf8Length(wifiSsid);
  if (brokerPassword !== null) sizes.brokerPassword = utf8Length(brokerPassword);
  return sizes;
}
