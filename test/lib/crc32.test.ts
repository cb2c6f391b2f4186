import { crc32 } from "../../lib/crc32.js";
import { equal, fromHex, test } from "../device/harness.js";

test("the check value of CRC-32, whole and in parts", () => {
  const data = fromHex("313233343536373839");
  equal(crc32(data), 0xcbf43926);
  equal(crc32(data, 4, 9, crc32(data, 0, 4)), 0xcbf43926);
  equal(crc32(new Uint8Array(0)), 0);
  equal(crc32(new Uint8Array(32)), 0x190a55ad);
  equal(crc32(new Uint8Array(32).fill(255)), 0xff6cab0b);
});
