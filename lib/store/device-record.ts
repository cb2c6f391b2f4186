/**
 * Secret, epoch and counter reservation: one flash record under one checksum, so that they can only be read, or
 * be lost, together. Anything off means unprovisioned. The secret leaves this file only as a key handle.
 *
 *   0  "DR"           4  epoch, u32              14  zero, 2 bytes      48  CRC-32 of all before
 *   2  version, 1     8  reservation end, u48    16  secret, 32 bytes
 *   3  flags: 1 = the secret came with a factory image
 *
 * Version 2 is what a new secret makes of it: the id of the one before at 48, and the CRC-32 at 52. Version 3 is of a
 * secret that replaced a factory image's: the salt that made it at 48, and the CRC-32 at 64. Big-endian throughout.
 */

import { crc32 } from "../crc32.js";
import type { Crypto, Key } from "../crypto/crypto.js";
import { maxCounter } from "../sealed/header.js";
import { deriveSecretId } from "../sealed/keys.js";
import { deriveNextSecret, epochOfSalt, ownSaltBytes } from "../sealed/next-secret.js";

/** Of version 1. */
export const deviceRecordBytes = 52;
export const secretBytes = 32;

const moreAt = 48;
const formerBytes = 4;
const crcBytes = 4;
const factoryFlag = 1;

export interface DeviceRecord {
  readonly epoch: number;
  /** Counters below this one may have been used. */
  readonly reservedEnd: number;
  /** The secret came with a factory image, and is replaced at first boot. */
  readonly fromFactory: boolean;
  /**
   * The id of the secret before this one, which took its place on the device: counters go on from one to the other, and
   * so may what was kept under it.
   */
  readonly formerId?: Uint8Array;
  /** What made this secret of a factory image's; the epoch is of it. */
  readonly salt?: Uint8Array;
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
  if (secret.length !== secretBytes || isBlankSecret(secret))
    throw new RangeError("a secret is 32 random bytes");
  const { epoch, reservedEnd, fromFactory, formerId, salt } = record;
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff)
    throw new RangeError("epoch out of range");
  if (!validEnd(reservedEnd)) throw new RangeError("reservation out of range");
  if (formerId && formerId.length !== formerBytes) throw new RangeError("a secret's id has 4 bytes");
  if (salt && (salt.length !== ownSaltBytes || formerId || fromFactory || epoch !== epochOfSalt(salt)))
    throw new RangeError("not a salt of this epoch");
  const more = formerId ?? salt;
  const data = new Uint8Array(deviceRecordBytes + (more ? more.length : 0));
  const view = viewOf(data);
  view.setUint16(0, 0x4452);
  view.setUint8(2, formerId ? 2 : salt ? 3 : 1);
  if (more) data.set(more, moreAt);
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

/**
 * The record that takes the place of `data`, a record as read from flash: a new secret out of the present one, under a
 * higher epoch, with the same reservation. The caller writes it, and zeroes both.
 * @param salt 16 to 64 bytes
 * @returns undefined when `data` is no intact record, or `epoch` is not higher
 */
export function rekeyedRecord(
  crypto: Crypto,
  data: Uint8Array,
  epoch: number,
  salt: Uint8Array,
): Uint8Array | undefined {
  const record = read(data);
  if (!record || epoch <= record.epoch) return undefined;
  const present = crypto.importSecret(data.subarray(16, 48));
  const formerId = deriveSecretId(crypto, present, record.epoch);
  const secret = deriveNextSecret(crypto, present, epoch, salt);
  present.close();
  const next = encodeDeviceRecord(secret, {
    epoch,
    reservedEnd: record.reservedEnd,
    fromFactory: false,
    formerId,
  });
  secret.fill(0);
  return next;
}

/**
 * The record of the secret that replaces a factory image's: no message was ever protected by that one, nor by this,
 * whatever an earlier flashing of the same image has sent.
 * @param factory as opened; it stays open
 * @returns what the caller writes to flash, and zeroes
 */
export function replaceFactorySecret(crypto: Crypto, factory: Device): Uint8Array {
  let salt: Uint8Array;
  let epoch: number;
  do {
    salt = crypto.random(ownSaltBytes);
    epoch = epochOfSalt(salt);
  } while (epoch === factory.epoch);
  const secret = deriveNextSecret(crypto, factory.secret, epoch, salt);
  const { reservedEnd } = factory;
  const record = encodeDeviceRecord(secret, { epoch, reservedEnd, fromFactory: false, salt });
  secret.fill(0);
  return record;
}

/** The reservation in `data`, a record as read from flash, which is zeroed; undefined when it is not intact. */
export function readReservation(data: Uint8Array | undefined): number | undefined {
  const reservedEnd = data && read(data)?.reservedEnd;
  data?.fill(0);
  return reservedEnd;
}

/** By length; undefined for none. */
function versionOf(data: Uint8Array): number | undefined {
  switch (data.length - deviceRecordBytes) {
    case 0:
      return 1;
    case formerBytes:
      return 2;
    case ownSaltBytes:
      return 3;
  }
  return undefined;
}

function read(data: Uint8Array): DeviceRecord | undefined {
  const version = versionOf(data);
  if (version === undefined) return undefined;
  const view = viewOf(data);
  if (view.getUint16(0) !== 0x4452 || view.getUint8(2) !== version || view.getUint16(14) !== 0)
    return undefined;
  const end = data.length - crcBytes;
  if (view.getUint32(end) !== crc32(data, 0, end)) return undefined;
  const flags = view.getUint8(3);
  const reservedEnd = view.getUint16(8) * 2 ** 32 + view.getUint32(10);
  if (flags > factoryFlag || !validEnd(reservedEnd) || isBlankSecret(data.subarray(16, 48))) return undefined;
  const record = { epoch: view.getUint32(4), reservedEnd, fromFactory: flags === factoryFlag };
  if (version === 1) return record;
  const more = data.slice(moreAt, end);
  if (version === 2) return { ...record, formerId: more };
  if (record.fromFactory || record.epoch !== epochOfSalt(more)) return undefined;
  return { ...record, salt: more };
}

function setReservation(data: Uint8Array, reservedEnd: number): void {
  const view = viewOf(data);
  view.setUint16(8, Math.floor(reservedEnd / 2 ** 32));
  view.setUint32(10, reservedEnd % 2 ** 32);
  const end = data.length - crcBytes;
  view.setUint32(end, crc32(data, 0, end));
}

function validEnd(reservedEnd: number): boolean {
  return Number.isSafeInteger(reservedEnd) && reservedEnd >= 0 && reservedEnd <= maxCounter + 1;
}

/** What flash has where nothing was written, or was erased, is none. */
export function isBlankSecret(secret: Uint8Array): boolean {
  let any = 0;
  for (const byte of secret) any |= byte;
  return any === 0;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}
