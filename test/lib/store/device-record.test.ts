import { crc32 } from "../../../lib/crc32.js";
import { deriveSecretId } from "../../../lib/sealed/keys.js";
import { deriveNextSecret, epochOfSalt } from "../../../lib/sealed/next-secret.js";
import {
  type DeviceRecord,
  deviceRecordBytes,
  encodeDeviceRecord,
  openDeviceRecord,
  raiseReservation,
  readReservation,
  rekeyedRecord,
  replaceFactorySecret,
} from "../../../lib/store/device-record.js";
import { bytes, equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";

const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const record: DeviceRecord = { epoch: 0x01020304, reservedEnd: 2 ** 32 + 1024, fromFactory: false };

test("a record has one layout", () => {
  const expected =
    "44520100010203040001000004000000" +
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
    "1438eb4c";
  bytes(encodeDeviceRecord(secret, record), expected);
});

test("an intact record gives a key handle, and its bytes are wiped", ({ crypto }) => {
  const data = encodeDeviceRecord(secret, { ...record, fromFactory: true });
  const device = openDeviceRecord(crypto, data)!;
  equal(device.epoch, record.epoch);
  equal(device.reservedEnd, record.reservedEnd);
  equal(device.fromFactory, true);
  const same = crypto.importSecret(secret);
  equal(device.secretId, deriveSecretId(crypto, same, record.epoch));
  equal(data, new Uint8Array(deviceRecordBytes));
  same.close();
  device.secret.close();
});

test("any part unreadable means unprovisioned", ({ crypto }) => {
  equal(openDeviceRecord(crypto, undefined), undefined);
  const good = encodeDeviceRecord(secret, record);
  for (let length = 0; length < good.length; length++)
    equal(openDeviceRecord(crypto, good.slice(0, length)), undefined, `cut to ${length}`);
  for (let i = 0; i < good.length; i++)
    for (const bit of [1, 0x80]) {
      const data = good.slice();
      data[i]! ^= bit;
      equal(openDeviceRecord(crypto, data), undefined, `flip at ${i}`);
      ok(
        data.every((byte) => byte === 0),
        "wiped all the same",
      );
    }
  const zeros = good.slice();
  zeros.fill(0, 16, 48);
  new DataView(zeros.buffer).setUint32(48, crc32(zeros, 0, 48));
  equal(openDeviceRecord(crypto, zeros), undefined, "a secret of zeros");
  for (const blank of [0, 255])
    equal(openDeviceRecord(crypto, new Uint8Array(deviceRecordBytes).fill(blank)), undefined);
});

test("the reservation rises in place, and only rises", ({ crypto }) => {
  const data = encodeDeviceRecord(secret, { ...record, reservedEnd: 1024 });
  equal(raiseReservation(data, 2048), true);
  equal(readReservation(data.slice()), 2048);
  equal(raiseReservation(data, 2047), false);
  equal(raiseReservation(data, 2 ** 40 + 1), false);
  equal(raiseReservation(data, 2048), true);
  const device = openDeviceRecord(crypto, data)!;
  equal(device.reservedEnd, 2048);
  equal(device.epoch, record.epoch);
  device.secret.close();
  equal(raiseReservation(new Uint8Array(deviceRecordBytes), 4096), false);
  equal(readReservation(new Uint8Array(deviceRecordBytes)), undefined);
  equal(readReservation(undefined), undefined);
});

test("a record that could not be is not written", () => {
  throws(() => encodeDeviceRecord(new Uint8Array(32), record), RangeError);
  throws(() => encodeDeviceRecord(secret.subarray(1), record), RangeError);
  throws(() => encodeDeviceRecord(secret, { ...record, epoch: 2 ** 32 }), RangeError);
  throws(() => encodeDeviceRecord(secret, { ...record, reservedEnd: 2 ** 40 + 1 }), RangeError);
  throws(() => encodeDeviceRecord(secret, { ...record, reservedEnd: -1 }), RangeError);
  encodeDeviceRecord(secret, { ...record, reservedEnd: 2 ** 40 });
});

const salt = fromHex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");

test("a re-keyed record has the next secret, a higher epoch, the same reservation and the id of the secret before", ({
  crypto,
}) => {
  const before = encodeDeviceRecord(secret, { ...record, fromFactory: true });
  const data = rekeyedRecord(crypto, before, record.epoch + 1, salt)!;
  equal(data.length, deviceRecordBytes + 4);
  equal(data[2], 2);
  const present = crypto.importSecret(secret);
  const expected = deriveNextSecret(crypto, present, record.epoch + 1, salt);
  bytes(data.subarray(16, 48), hex(expected));
  bytes(data.subarray(48, 52), hex(deriveSecretId(crypto, present, record.epoch)));
  const device = openDeviceRecord(crypto, data.slice())!;
  equal(device.epoch, record.epoch + 1);
  equal(device.reservedEnd, record.reservedEnd);
  equal(device.fromFactory, false);
  equal(device.formerId, deriveSecretId(crypto, present, record.epoch));
  equal(raiseReservation(data, record.reservedEnd + 1024), true, "its reservation rises as any other's");
  equal(readReservation(data.slice()), record.reservedEnd + 1024);
  const again = openDeviceRecord(crypto, rekeyedRecord(crypto, data, record.epoch + 2, salt)!)!;
  equal(again.formerId, device.secretId);
  for (const key of [present, device.secret, again.secret]) key.close();
});

test("the epoch only rises, and what is no record makes none", ({ crypto }) => {
  const data = encodeDeviceRecord(secret, record);
  equal(rekeyedRecord(crypto, data, record.epoch, salt), undefined);
  equal(rekeyedRecord(crypto, data, record.epoch - 1, salt), undefined);
  equal(rekeyedRecord(crypto, new Uint8Array(deviceRecordBytes), 9, salt), undefined);
  const rekeyed = rekeyedRecord(crypto, data, record.epoch + 1, salt)!;
  for (let length = 0; length < rekeyed.length; length++)
    equal(openDeviceRecord(crypto, rekeyed.slice(0, length)), undefined, `cut to ${length}`);
  for (let i = 0; i < rekeyed.length; i++) {
    const other = rekeyed.slice();
    other[i]! ^= 1;
    equal(openDeviceRecord(crypto, other), undefined, `flip at ${i}`);
  }
});

const ownSalt = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
const salted: DeviceRecord = { ...record, epoch: epochOfSalt(ownSalt), salt: ownSalt };

test("a secret that replaced a factory image's has its salt in the record", ({ crypto }) => {
  const data = encodeDeviceRecord(secret, salted);
  const expected =
    "445203007878f979000100000400000000" +
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
  bytes(data.subarray(0, 64), expected);
  for (let i = 0; i < data.length; i++) {
    const off = data.slice();
    off[i]! ^= 1;
    equal(openDeviceRecord(crypto, off), undefined, `flip at ${i}`);
    equal(openDeviceRecord(crypto, data.slice(0, i)), undefined, `cut to ${i}`);
  }
  equal(raiseReservation(data, 2 ** 33), true);
  const device = openDeviceRecord(crypto, data.slice())!;
  equal(device.salt, ownSalt);
  equal(device.reservedEnd, 2 ** 33);
  device.secret.close();
  const rekeyed = openDeviceRecord(crypto, rekeyedRecord(crypto, data, 2 ** 31, ownSalt)!)!;
  equal(rekeyed.salt, undefined, "whoever re-keys it knows the new secret");
  rekeyed.secret.close();
});

test("a salt is of its epoch, and of no factory image", () => {
  throws(() => encodeDeviceRecord(secret, { ...salted, epoch: salted.epoch + 1 }), RangeError);
  throws(() => encodeDeviceRecord(secret, { ...salted, fromFactory: true }), RangeError);
  throws(() => encodeDeviceRecord(secret, { ...salted, salt: ownSalt.subarray(1) }), RangeError);
});

test("each replacement of a factory image's secret gives another", ({ crypto }) => {
  const open = () =>
    openDeviceRecord(crypto, encodeDeviceRecord(secret, { ...record, reservedEnd: 5, fromFactory: true }))!;
  const seen = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const factory = open();
    const written = replaceFactorySecret(crypto, factory);
    const bare = written.slice(16, 48);
    const own = openDeviceRecord(crypto, written)!;
    equal(own.fromFactory, false);
    equal(own.reservedEnd, 5);
    equal(own.epoch, epochOfSalt(own.salt!));
    equal(deriveNextSecret(crypto, factory.secret, own.epoch, own.salt!), bare);
    seen.add(String(bare)).add(String(own.secretId)).add(String(own.salt));
    own.secret.close();
    factory.secret.close();
  }
  equal(seen.size, 9);
});
