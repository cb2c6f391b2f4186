import { decode } from "../../../lib/cbor/decode.js";
import { CborError, type CborMap } from "../../../lib/cbor/value.js";
import {
  decodeCounter,
  encodeCounter,
  encodeProtected,
  protectedFields,
} from "../../../lib/sealed/header.js";
import { encodeKid } from "../../../lib/sealed/keys.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";
import { casesOf, type HeaderCase } from "./vectors.js";

test("the protected header is that of the vectors, both ways", (platform) => {
  for (const vector of casesOf<HeaderCase>(platform.vectors("sealed/protected-header"))) {
    const { alg, senderId, epoch, counter, contentType } = vector;
    const kid = encodeKid({ id: senderId, epoch });
    const header = { alg, kid, counter, ...(contentType && { contentType }) };
    bytes(encodeProtected(header), vector.protected);
    equal(protectedFields(decode(fromHex(vector.protected)) as CborMap), header);
    bytes(encodeCounter(counter), vector.counterBytes);
  }
});

test("a counter ends at 2^40 - 1", () => {
  bytes(encodeCounter(2 ** 40 - 1), "ffffffffff");
  for (const counter of [2 ** 40, -1, 0.5, Number.NaN]) throws(() => encodeCounter(counter), RangeError);
});

test("a counter has one form", () => {
  equal(decodeCounter(fromHex("00")), 0);
  equal(decodeCounter(fromHex("0100")), 256);
  for (const hex of ["", "0000", "0001", "00ffffffff", "010000000000"])
    throws(() => decodeCounter(fromHex(hex)), CborError);
});
