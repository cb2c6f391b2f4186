import { DerReader } from "../../../lib/crypto/der-reader.js";
import { der, derBitString, derInteger, derObjectId } from "../../../lib/crypto/der-writer.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";

test("an element has its length in the shortest form", () => {
  bytes(der(0x30), "3000");
  for (const [length, head] of [
    [127, "307f"],
    [128, "308180"],
    [255, "3081ff"],
    [256, "30820100"],
    [4096, "30821000"],
  ] as const) {
    const element = der(0x30, new Uint8Array(length));
    bytes(element.subarray(0, head.length / 2), head);
    const reader = new DerReader(element);
    equal(reader.read(0x30)?.length, length);
    equal(reader.atEnd, true);
  }
  const part = new Uint8Array(4096);
  throws(() => der(0x30, ...Array.from({ length: 16 }, () => part)), RangeError);
});

test("lengths in another form are refused, and so is what is cut short", () => {
  const refused = ["", "30", "3080", "308100", "30817f", "3082", "308200ff", "308300010000", "3001", "31"];
  for (const hex of refused) {
    const padded = fromHex(hex + (hex.length > 4 ? "00".repeat(300) : ""));
    const reader = new DerReader(padded);
    equal(reader.read(0x30), undefined, hex);
    equal(reader.next, undefined, "nothing is read from then on");
    equal(reader.atEnd, false);
  }
});

test("numbers are as short as they can be, and not below zero", () => {
  bytes(derInteger(fromHex("00")), "020100");
  bytes(derInteger(fromHex("0000")), "020100");
  bytes(derInteger(fromHex("007f")), "02017f");
  bytes(derInteger(fromHex("80")), "02020080");
  bytes(derInteger(fromHex("0000ff01")), "020300ff01");
  bytes(derBitString(fromHex("80")), "03020080");
  bytes(derObjectId("550403"), "0603550403");
});
