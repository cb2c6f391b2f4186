/**
 * An image as NVS encryption stores it (ESP-IDF Programming Guide, "NVS Encryption"): each written entry by itself is a
 * sector of XTS-AES-256, whose number is where in the partition it begins. Headers and bitmaps stay as they are.
 */
import { createCipheriv } from "node:crypto";
import { crc32 } from "../../lib/crc32.js";
import { entryBytes, writtenEntries } from "./page.js";

const nvsKeyBytes = 64;

/**
 * @param file what Espressif's `nvs_partition_gen.py generate-key` writes: two keys of 32 bytes and their CRC-32
 * @returns the keys, a view of `file`
 * @throws {RangeError} when it is anything else
 */
export function readNvsKeys(file: Uint8Array): Uint8Array {
  const keys = file.subarray(0, nvsKeyBytes);
  const stored = file.subarray(nvsKeyBytes, nvsKeyBytes + 4);
  const crc = crc32(keys, 0, keys.length, 0xffff_ffff);
  const isWhole =
    stored.length === 4 && new DataView(stored.buffer, stored.byteOffset, 4).getUint32(0, true) === crc;
  if (!isWhole || keys.every((byte) => byte === 0xff))
    throw new RangeError("holds no keys for NVS encryption");
  return keys;
}

/** @param image is changed; what it was is nowhere else */
export function encryptImage(image: Uint8Array, keys: Uint8Array): void {
  for (const at of writtenEntries(image)) {
    const sector = new Uint8Array(16);
    new DataView(sector.buffer).setUint32(0, at, true);
    const cipher = createCipheriv("aes-256-xts", keys, sector);
    image.set(cipher.update(image.subarray(at, at + entryBytes)), at);
    cipher.final();
  }
}
