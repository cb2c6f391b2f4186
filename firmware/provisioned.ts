/**
 * What provisioning wrote to flash, and what the device itself writes there: the counter's reservation, what commands
 * change, and a secret of its own in place of a factory image's. The secret leaves this file as a key handle only.
 */

import KeyValue from "embedded:storage/key-value";
import type { Crypto } from "dormouse/crypto/crypto";
import { type Failure, failure } from "dormouse/failure";
import {
  type Device,
  openDeviceRecord,
  raiseReservation,
  readReservation,
  rekeyedRecord,
  replaceFactorySecret,
} from "dormouse/store/device-record";
import { flashDomain, flashKeys, windowKey } from "dormouse/store/flash-entries";
import { decodePins } from "dormouse/store/pins";
import { type Profile, readProfile } from "dormouse/store/profile";
import { needsP256 } from "dormouse/store/protection";
import { decodeTimeFloor, encodeTimeFloor } from "dormouse/store/time-floor";
import { isSmall } from "./board.js";
import { builtAtSeconds } from "./release.js";

const buffers = () => KeyValue.open({ path: flashDomain, format: "buffer" });
const strings = () => KeyValue.open({ path: flashDomain, format: "string" });

function readBuffer(key: string): Uint8Array | undefined {
  const store = buffers();
  const value = store.read(key);
  store.close();
  return value === undefined ? undefined : new Uint8Array(value as ArrayBuffer);
}

/** Flash that is full or worn says something else then: whoever must know reads it back. */
function writeBuffer(key: string, value: Uint8Array): void {
  const store = buffers();
  try {
    store.write(key, value);
  } catch {
    // see above
  } finally {
    store.close();
  }
}

function readString(key: string): string | undefined {
  const store = strings();
  const value = store.read(key);
  store.close();
  return value as string | undefined;
}

/** An entry of bytes; undefined when there is none. */
export function readEntry(name: "settings" | "pins" | "ca" | "crl" | "losses"): Uint8Array | undefined {
  return readBuffer(flashKeys[name]);
}

/** @returns whether flash says so now: else it may say what it said before */
export function writeEntry(name: "settings" | "pins" | "crl" | "losses", data: Uint8Array): boolean {
  writeBuffer(flashKeys[name], data);
  const kept = readBuffer(flashKeys[name]);
  return kept?.length === data.length && data.every((byte, i) => byte === kept[i]);
}

/**
 * Another secret takes the present one's place, in one write.
 * @returns the device as it is from now on, whose secret the caller closes; undefined when it is what it was
 */
export function rekey(crypto: Crypto, epoch: number, salt: Uint8Array): Device | undefined {
  const before = readBuffer(flashKeys.record);
  const record = before && rekeyedRecord(crypto, before, epoch, salt);
  before?.fill(0);
  if (!record) return undefined;
  writeBuffer(flashKeys.record, record);
  record.fill(0);
  const device = openDeviceRecord(crypto, readBuffer(flashKeys.record));
  if (device?.epoch === epoch) return device;
  device?.secret.close();
  return undefined;
}

/** The identity; a failure when there is none. The caller closes `secret`. */
export function openDevice(crypto: Crypto, profile: Profile): Device | Failure {
  const device = openDeviceRecord(crypto, readBuffer(flashKeys.record));
  if (!device) return failure("unprovisioned", "no intact device record in flash: provision the board");
  return device.fromFactory ? ownDevice(crypto, profile, device) : device;
}

/** Whether the record is there, and intact. */
export function hasIdentity(): boolean {
  return readReservation(readBuffer(flashKeys.record)) !== undefined;
}

/** The first boot from a factory image: nothing is done with its secret but to make another of it. */
function ownDevice(crypto: Crypto, { broker }: Profile, factory: Device): Device | Failure {
  try {
    // The broker could not know it, and so nobody would get to hear of the salt.
    if (broker.auth === "derived")
      return failure("profile-invalid", 'broker.auth must not be "derived" with a factory image');
    const record = replaceFactorySecret(crypto, factory);
    writeBuffer(flashKeys.record, record);
    record.fill(0);
    const device = openDeviceRecord(crypto, readBuffer(flashKeys.record));
    if (device && !device.fromFactory) return device;
    device?.secret.close();
    return failure("storage-failed", "flash does not keep the device's own secret");
  } finally {
    factory.secret.close();
  }
}

export function openProfile(): Profile | Failure {
  const json = readString(flashKeys.profile);
  if (json === undefined) return failure("unprovisioned", "no profile in flash: provision the board");
  const profile = readProfile(json);
  if (!("kind" in profile) && isSmall() && needsP256(profile.topics.up, profile.commands))
    return failure(
      "profile-invalid",
      "it needs P-256, to sign or to check who has signed: an ESP8266 has none",
    );
  return profile;
}

/** What TLS trusts and shows. The caller zeroes `key` and `psk`. */
export interface Credentials {
  readonly ca?: Uint8Array | undefined;
  readonly crl?: Uint8Array | undefined;
  readonly certificate?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
  readonly psk?: Uint8Array | undefined;
}

export function openCredentials(identity: "none" | "certificate" | "psk"): Credentials {
  if (identity === "psk") return { psk: readBuffer(flashKeys.psk) };
  const trust = { ca: readBuffer(flashKeys.ca), crl: readBuffer(flashKeys.crl) };
  if (identity === "none") return trust;
  return { ...trust, certificate: readBuffer(flashKeys.certificate), key: readBuffer(flashKeys.key) };
}

/** @returns those of the profile, or what has taken their place; undefined when that cannot be read */
export function openPins(ofProfile: readonly string[]): readonly string[] | undefined {
  if (ofProfile.length === 0) return ofProfile;
  return decodePins(readBuffer(flashKeys.pins), ofProfile)?.pins;
}

/** Unix seconds: it is certainly this late. It rises with what an authenticated server shows, and never falls. */
export function timeFloor(): number {
  return Math.max(builtAtSeconds, decodeTimeFloor(readBuffer(flashKeys.timeFloor)));
}

/** One write to flash each time the broker's certificate is renewed. A failure costs no more than the old floor. */
export function raiseTimeFloor(seconds: number): void {
  if (seconds > timeFloor()) writeBuffer(flashKeys.timeFloor, encodeTimeFloor(seconds));
}

/** As far beyond the firmware's release as anybody may move the floor, seconds: who errs must not lock the device out. */
export const maxFloorAheadSeconds = 10 * 365 * 86_400;

/** Somebody who may has said so. One write to flash a day at most. */
export function timeIsAtLeast(seconds: number): void {
  if (seconds < timeFloor() + 86_400 || seconds >= builtAtSeconds + maxFloorAheadSeconds) return;
  raiseTimeFloor(seconds);
}

/** Of the network that Improv has given; empty when it is lost, and no network has that name. */
export function wifiSsid(): string {
  return readString(flashKeys.wifiSsid) ?? "";
}

/** Empty for an open network. */
export function wifiPassword(): string {
  return readString(flashKeys.wifiPassword) ?? "";
}

/** UTF-8. The caller zeroes it, as `tokenKey` and `signingKey`. */
export function brokerPassword(): Uint8Array | undefined {
  return readBuffer(flashKeys.brokerPassword);
}

export function tokenKey(): Uint8Array | undefined {
  return readBuffer(flashKeys.jwtKey);
}

/** What messages are signed with, PKCS #8 in DER. */
export function signingKey(): Uint8Array | undefined {
  return readBuffer(flashKeys.signKey);
}

/** What was taken of a controller; undefined when that is nothing yet. */
export function readWindow(index: number): Uint8Array | undefined {
  return readBuffer(windowKey(index));
}

/** Writes what was taken of a controller, and gives what flash says now. */
export function writeWindow(index: number, record: Uint8Array): Uint8Array | undefined {
  writeBuffer(windowKey(index), record);
  return readWindow(index);
}

/** Writes a higher reservation and reads it back; gives what flash says now, undefined when it cannot be read. */
export function writeReservation(reservedEnd: number): number | undefined {
  const store = buffers();
  try {
    const record = new Uint8Array(store.read(flashKeys.record) as ArrayBuffer);
    if (raiseReservation(record, reservedEnd)) store.write(flashKeys.record, record);
    record.fill(0);
    return readReservation(new Uint8Array(store.read(flashKeys.record) as ArrayBuffer));
  } finally {
    store.close();
  }
}
