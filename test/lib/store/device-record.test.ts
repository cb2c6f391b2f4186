import { crc32 } from "../../../lib/crc32.js";
import { deriveSecretId } from "../../../lib/sealed/keys.js";
import {
  type DeviceRecord,
  deviceRecordBytes,
  encodeDeviceRecord,
  openDeviceRecord,
  raiseReservation,
  readReservation,
} from "../../../lib/store/device-record.js";
import { bytes, equal, ok, test, throws } from "../../device/harness.js";

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
