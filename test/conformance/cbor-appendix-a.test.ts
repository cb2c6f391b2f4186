/** RFC 8949 appendix A, as published in cbor/test-vectors. */
import assert from "node:assert/strict";
import { decode } from "../../lib/cbor/decode.js";
import { encode } from "../../lib/cbor/encode.js";
import { CborError, CborFloat, type CborValue } from "../../lib/cbor/value.js";
import { readShared, sharedTest } from "./shared.js";

interface Case {
  readonly hex: string;
  readonly roundtrip: boolean;
  readonly decoded?: unknown;
  readonly diagnostic?: string;
}

/** Deterministic, but beyond what lib/cbor carries: 64-bit integers and simple values without a meaning. */
const beyond = ["1bffffffffffffffff", "3bffffffffffffffff", "f0", "f818", "f8ff"];

function plain(value: CborValue): unknown {
  if (value instanceof CborFloat) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

sharedTest(
  "RFC 8949 appendix A: what is deterministic is read, all else refused",
  "cbor/appendix_a.json",
  () => {
    const cases = readShared("cbor/appendix_a.json") as Case[];
    assert.equal(cases.length, 82);
    for (const { hex, roundtrip, decoded, diagnostic } of cases) {
      const data = Uint8Array.from(Buffer.from(hex, "hex"));
      if (!roundtrip || beyond.includes(hex)) {
        assert.throws(() => decode(data), CborError, hex);
        continue;
      }
      const value = decode(data);
      assert.equal(Buffer.from(encode(value)).toString("hex"), hex);
      // Bignums come as tags 2 and 3 around bytes; their JSON value is past what JSON.parse keeps exact.
      if (decoded !== undefined && diagnostic === undefined && !/^c[23]/.test(hex))
        assert.deepEqual(plain(value), decoded, hex);
    }
  },
);
