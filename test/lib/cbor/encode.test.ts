import { encode } from "../../../lib/cbor/encode.js";
import { CborTagged, type CborValue } from "../../../lib/cbor/value.js";
import { bytes, test, throws } from "../../device/harness.js";
import { samples } from "./samples.js";

test("a value has one encoding: shortest form, definite length, keys sorted", () => {
  for (const [value, hex] of samples) bytes(encode(value), hex, hex);
});

test("text keys are sorted by their UTF-8, not by UTF-16 units", () => {
  const map = new Map<string, CborValue>([
    ["\u{10000}", 2],
    ["\uffffx", 1],
  ]);
  bytes(encode(map), "a264efbfbf780164f090808002");
});

test("what CBOR cannot carry here is the caller's mistake", () => {
  throws(() => encode((() => 0) as unknown as CborValue), TypeError);
  throws(() => encode({ a: 1 } as unknown as CborValue), TypeError);
  throws(() => encode([Symbol("x") as unknown as CborValue]), TypeError);
  throws(() => encode(new Map([[1.5, 0]])), RangeError);
  throws(() => encode(new Map([[true as unknown as number, 0]])), TypeError);
  throws(() => encode(new CborTagged(-1, 0)), RangeError);
  throws(() => encode("\ud800"), RangeError);
});
