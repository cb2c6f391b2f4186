/**
 * Secret, epoch and counter reservation: one flash record under one checksum, so that they can only be read, or
 * be lost, together. Anything off means unprovisioned. The secret leaves this file only as a key handle.
 *
 *   0  "DR"           4  epoch, u32              14  zero, 2 bytes      48  CRC-32 of all before
 *   2  version, 1     8  reservation end, u48    16  secret, 32 bytes
 *   3  flags: 1 = the secret came with a factory image
 *
 * Big-endian throughout.
 */

import { crc32 } from "../crc32.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { maxCounter } from "../sealed/header.js";
import { deriveSecretId } from "../sealed/keys.js";

export const deviceRecordBytes = 52;
export const secretBytes = 32;

const version = 1;
const factoryFlag = 1;

export interface DeviceRecord {
  readonly epoch: number;
  /** Counters below this one may have been used. */
  readonly reservedEnd: number;
  /** The secret came with a factory image, and is replaced at first boot. */
  readonly fromFactory: boolean;
}

export interface Device extends DeviceRecord {
  /** The caller closes it. */
  readonly secret: Key;
  /** Tells this secret and epoch from others (see deriveSecretId). */
  readonly secretId: Uint8Array;
}

/**
 * A record to write to flash; the caller zeroes it, and `secret`, once written.
 * @throws RangeError when a field is out of range, or the secret is all zeros.
 */
export function encodeDeviceRecord(secret: Uint8Array, record: DeviceRecord): Uint8Array {
  if (secret.length !== secretBytes || isBlank(secret)) throw new RangeError("a secret is 32 random bytes");
  const { epoch, reservedEnd, fromFactory } = record;
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff)
    throw new RangeError("epoch out of range");
  if (!validEnd(reservedEnd)) throw new RangeError("reservation out of range");
  const data = new Uint8Array(deviceRecordBytes);
  const view = viewOf(data);
  view.setUint16(0, 0x4452);
  view.setUint8(2, version);
  view.setUint8(3, fromFactory ? factoryFlag : 0);
  view.setUint32(4, epoch);
  data.set(secret, 16);
  setReservation(data, reservedEnd);
  return data;
}

/**
 * Reads what flash held under the record's name, and zeroes `data`.
 * @returns undefined when there is no intact record: the device is unprovisioned.
 */
export function openDeviceRecord(crypto: Crypto, data: Uint8Array | undefined): Device | undefined {
  if (data === undefined) return undefined;
  const record = read(data);
  if (!record) {
    data.fill(0);
    return undefined;
  }
  const secret = crypto.importSecret(data.subarray(16, 48));
  data.fill(0);
  return { ...record, secret, secretId: deriveSecretId(crypto, secret, record.epoch) };
}

/**
 * Raises the reservation in `data`, a record as read from flash, in place: no second copy of the secret. The
 * caller writes `data` back and zeroes it.
 * @returns false when `data` is no intact record, or the reservation would fall.
 */
export function raiseReservation(data: Uint8Array, reservedEnd: number): boolean {
  const record = read(data);
  if (!record || !validEnd(reservedEnd) || reservedEnd < record.reservedEnd) return false;
  setReservation(data, reservedEnd);
  return true;
}

/** The reservation in `data`, a record as read from flash, which is zeroed; undefined when it is not intact. */
export function readReservation(data: Uint8Array | undefined): number | undefined {
  const reservedEnd = data && read(data)?.reservedEnd;
  data?.fill(0);
  return reservedEnd;
}

function read(data: Uint8Array): DeviceRecord | undefined {
  if (data.length !== deviceRecordBytes) return undefined;
  const view = viewOf(data);
  if (view.getUint16(0) !== 0x4452 || view.getUint8(2) !== version || view.getUint16(14) !== 0)
    return undefined;
  if (view.getUint32(48) !== crc32(data, 0, 48)) return undefined;
  const flags = view.getUint8(3);
  const reservedEnd = view.getUint16(8) * 2 ** 32 + view.getUint32(10);
  if (flags > factoryFlag || !validEnd(reservedEnd) || isBlank(data.subarray(16, 48))) return undefined;
  return { epoch: view.getUint32(4), reservedEnd, fromFactory: flags === factoryFlag };
}

function setReservation(data: Uint8Array, reservedEnd: number): void {
  const view = viewOf(data);
  view.setUint16(8, Math.floor(reservedEnd / 2 ** 32));
  view.setUint32(10, reservedEnd % 2 ** 32);
  view.setUint32(48, crc32(data, 0, 48));
}

function validEnd(reservedEnd: number): boolean {
  return Number.isSafeInteger(reservedEnd) && reservedEnd >= 0 && reservedEnd <= maxCounter + 1;
}

function isBlank(secret: Uint8Array): boolean {
  let any = 0;
  for (const byte of secret) any |= byte;
  return any === 0;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}
