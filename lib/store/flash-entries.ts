/**
 * How a device's flash is laid out: the key-value entries that provisioning writes and the firmware reads,
 * the same on a board and in the simulator. The profile is separate from every secret, so that it can be
 * read back and shown. This file does no I/O; the device record's bytes come from its own codec.
 */
import { utf8Encode } from "../cbor/utf8.js";
import { maxProfileBytes, type Profile } from "./profile.js";

/** The path given to `embedded:storage/key-value`: on ESP32 the NVS namespace. */
export const flashDomain = "dormouse";

/** NVS keys have at most 15 characters. */
export const flashKeys = {
  profile: "profile",
  /** Secret, epoch and counter reservation: one checksummed record. */
  record: "record",
  wifiPassword: "wifi-password",
  brokerPassword: "broker-password",
  /** The root certificate, DER. */
  ca: "ca",
} as const;

export interface FlashSecrets {
  /** The encoded device record. */
  readonly record: Uint8Array;
  /** Empty: an open network, nothing is stored. */
  readonly wifiPassword: string;
  readonly brokerPassword: string | null;
  /** One root certificate, DER; null only with plain TCP. */
  readonly ca: Uint8Array | null;
}

export type FlashEntry = { readonly domain: typeof flashDomain; readonly key: string } & (
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "buffer"; readonly value: Uint8Array }
);

/**
 * The entries of a freshly provisioned device.
 * @throws {RangeError} when the profile is larger than flash entries may be, or TLS lacks its CA
 */
export function flashEntries(profile: Profile, secrets: FlashSecrets): FlashEntry[] {
  const json = JSON.stringify(profile);
  if (utf8Encode(json).length > maxProfileBytes)
    throw new RangeError(`the profile takes more than ${maxProfileBytes} bytes`);
  if (profile.broker.tls !== false && secrets.ca === null) throw new RangeError("TLS needs a CA certificate");
  const string = (key: string, value: string): FlashEntry => ({
    domain: flashDomain,
    key,
    type: "string",
    value,
  });
  const buffer = (key: string, value: Uint8Array): FlashEntry => ({
    domain: flashDomain,
    key,
    type: "buffer",
    value,
  });
  const entries = [string(flashKeys.profile, json), buffer(flashKeys.record, secrets.record)];
  if (secrets.wifiPassword !== "") entries.push(string(flashKeys.wifiPassword, secrets.wifiPassword));
  if (secrets.brokerPassword !== null) entries.push(string(flashKeys.brokerPassword, secrets.brokerPassword));
  if (secrets.ca !== null) entries.push(buffer(flashKeys.ca, secrets.ca));
  return entries;
}
