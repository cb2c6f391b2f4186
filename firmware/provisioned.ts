/**
 * What provisioning wrote to flash, and the one thing the device itself writes there: the counter's
 * reservation. The secret leaves this file as a key handle only.
 */

import KeyValue from "embedded:storage/key-value";
import type { Crypto } from "dormouse/crypto/crypto";
import { type Failure, failure } from "dormouse/failure";
import {
  type Device,
  openDeviceRecord,
  raiseReservation,
  readReservation,
} from "dormouse/store/device-record";
import { flashDomain, flashKeys, windowKey } from "dormouse/store/flash-entries";
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

function readString(key: string): string | undefined {
  const store = strings();
  const value = store.read(key);
  store.close();
  return value as string | undefined;
}

/** The identity; a failure when there is none. The caller closes `secret`. */
export function openDevice(crypto: Crypto): Device | Failure {
  const device = openDeviceRecord(crypto, readBuffer(flashKeys.record));
  return device ?? failure("unprovisioned", "no intact device record in flash: provision the board");
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

/** Unix seconds: it is certainly this late. It rises with what an authenticated server shows, and never falls. */
export function timeFloor(): number {
  return Math.max(builtAtSeconds, decodeTimeFloor(readBuffer(flashKeys.timeFloor)));
}

/** One write to flash each time the broker's certificate is renewed. A failure costs no more than the old floor. */
export function raiseTimeFloor(seconds: number): void {
  if (seconds <= timeFloor()) return;
  const store = buffers();
  try {
    store.write(flashKeys.timeFloor, encodeTimeFloor(seconds));
  } catch {
    // flash is full or worn: the counter's reservation, which matters, reports it
  } finally {
    store.close();
  }
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
  const store = buffers();
  try {
    store.write(windowKey(index), record);
  } catch {
    // flash is full or worn: it says something else then
  } finally {
    store.close();
  }
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
