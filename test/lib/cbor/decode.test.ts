import { decode } from "../../../lib/cbor/decode.js";
import { encode } from "../../../lib/cbor/encode.js";
import { CborError } from "../../../lib/cbor/value.js";
import { bytes, equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";
import { samples } from "./samples.js";

/** Either refused, or accepted and then the one encoding of what it says. */
function acceptsOnlyItsOwn(data: Uint8Array): void {
  let value: ReturnType<typeof decode>;
  try {
    value = decode(data);
  } catch (error) {
    ok(error instanceof CborError, `a CborError, not ${String(error)}, for ${hex(data)}`);
    return;
  }
  bytes(encode(value), hex(data), "accepted");
}

test("decoding gives back what was encoded", () => {
  for (const [value, text] of samples) {
    const decoded = decode(fromHex(text));
    if (!(value instanceof Map)) equal(decoded, value, text);
    bytes(encode(decoded), text);
  }
});

test("every truncation is refused", () => {
  for (const [, text] of samples)
    for (let length = 0; length < text.length / 2; length++)
      throws(() => decode(fromHex(text).subarray(0, length)), CborError);
});

test("every flip of a bit is refused or is another value's one encoding", () => {
  for (const [, text] of samples) {
    const data = fromHex(text);
    for (let i = 0; i < data.length; i++)
      for (let bit = 0; bit < 8; bit++) {
        data[i]! ^= 1 << bit;
        acceptsOnlyItsOwn(data);
        data[i]! ^= 1 << bit;
      }
  }
});

test("what has a shorter or another form is refused, its neighbour accepted", () => {
  const pairs: [bad: string, good: string][] = [
    ["1817", "1818"],
    ["1900ff", "190100"],
    ["1a0000ffff", "1a00010000"],
    ["1b00000000ffffffff", "1b0000000100000000"],
    ["1b0020000000000000", "1b001fffffffffffff"],
    ["3b001fffffffffffff", "3b001ffffffffffffe"],
    ["3817", "3818"],
    ["5800", "40"],
    ["7800", "60"],
    ["9800", "80"],
    ["b800", "a0"],
    ["d81100", "d100"],
    ["1c", "17"],
    ["0000", "00"],
    ["5f4101ff", "4101"],
    ["7f6161ff", "6161"],
    ["9fff", "80"],
    ["bfff", "a0"],
    ["ff", "f7"],
    ["f0", "f4"],
    ["f8ff", "f5"],
    ["f814", "f4"],
    ["f818", "f6"],
    ["f97e01", "f97e00"],
    ["fa7fc00000", "f97e00"],
    ["fa3fc00000", "f93e00"],
    ["fb3ff8000000000000", "f93e00"],
    ["fb47efffffe0000000", "fa7f7fffff"],
    ["a201000100", "a201000200"],
    ["a202000100", "a201000200"],
    ["a220000000", "a200002000"],
    ["a26161006000", "a26000616100"],
    ["a1400a", "a1600a"],
    ["a1f400", "a10000"],
    ["a1f9800000", "a10000"],
    ["a18000", "a10080"],
    ["61ff", "6161"],
    ["63eda080", "63ed9f80"],
    ["62c0af", "62c3af"],
  ];
  for (const [bad, good] of pairs) {
    throws(() => decode(fromHex(bad)), CborError);
    bytes(encode(decode(fromHex(good))), good);
  }
});

test("a length that the bytes do not bear out is refused, and costs nothing", () => {
  for (const text of [
    "5b001fffffffffffff",
    "5affffffff00",
    "7affffffff00",
    "9affffffff00",
    "9b001fffffffffffff00",
  ])
    throws(() => decode(fromHex(text)), CborError, /cut short/);
  for (const text of ["baffffffff0000", "bb001fffffffffffff"]) throws(() => decode(fromHex(text)), CborError);
});

test("nesting stops at the limit", () => {
  bytes(encode(decode(fromHex("818181818181818100"))), "818181818181818100");
  throws(() => decode(fromHex("81818181818181818100")), CborError, /deep/);
  throws(() => decode(fromHex("c1c1c1c1c1c1c1c1c100")), CborError, /deep/);
  throws(() => decode(fromHex("8100"), { maxDepth: 0 }), CborError, /deep/);
  equal(decode(fromHex("8100"), { maxDepth: 1 }), [0]);
});

test("more items than allowed are refused, however they are nested", () => {
  for (const [text, items] of [
    ["00", 1],
    ["83000000", 4],
    ["828000", 3],
    ["a10000", 3],
    ["c18100", 3],
  ] as const) {
    decode(fromHex(text), { maxDepth: 8, maxItems: items });
    throws(() => decode(fromHex(text), { maxDepth: 8, maxItems: items - 1 }), CborError, /items/);
  }
});

test("byte strings are views of the input", () => {
  const data = fromHex("43010203");
  const value = decode(data) as Uint8Array;
  data[1] = 9;
  equal(value[0], 9);
});

test("longer forms are taken where they are asked for, and nothing else that is wrong", () => {
  const limits = { maxDepth: 8, longForms: true };
  for (const [hex, value] of [
    ["1800", 0],
    ["1b0000000000000001", 1],
    ["fb3ff8000000000000", 1.5],
    ["780161", "a"],
  ] as const) {
    throws(() => decode(fromHex(hex)), CborError);
    equal(decode(fromHex(hex), limits), value);
  }
  for (const hex of ["1bffffffffffffffff", "9fff", "7801", "a202000100", "f818"])
    throws(() => decode(fromHex(hex), limits), CborError);
});
