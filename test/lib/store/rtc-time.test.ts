import { encode } from "../../../lib/cbor/encode.js";
import type { CborValue } from "../../../lib/cbor/value.js";
import { decodeTimeSection, encodeTimeSection, type TimeBase } from "../../../lib/store/rtc-time.js";
import { equal, ok, test } from "../../device/harness.js";

const time: TimeBase = {
  wallMs: 1_790_000_000_123,
  setAtMs: 1_789_913_600_000,
  source: "confirmed",
  driftPpm: -41_234,
  driftErrorPpm: 61,
  askAtMs: 1_790_100_000_000,
  sleepMs: 898_712,
};
const values: CborValue[] = [1_790_000_000_123, 86_400_123, 2, -41_234, 61, 99_999_877, 898_712];

test("the time base comes back as it was written, in 36 bytes", () => {
  const data = encodeTimeSection(time);
  equal(data, encode(values));
  equal(decodeTimeSection(data), time);
  ok(data.length <= 36, `${data.length} bytes`);
});

test("a server that is overdue is asked at once", () => {
  equal(decodeTimeSection(encodeTimeSection({ ...time, askAtMs: 0 }))?.askAtMs, time.wallMs);
});

test("the older form is read: nothing is known of the drift, and a server is asked", () => {
  equal(decodeTimeSection(encode([time.wallMs, time.setAtMs, 0])), {
    wallMs: time.wallMs,
    setAtMs: time.setAtMs,
    source: "sntp",
    driftPpm: 0,
    driftErrorPpm: 50_000,
    askAtMs: time.wallMs,
    sleepMs: 0,
  });
});

test("what is no time base is none", () => {
  equal(decodeTimeSection(undefined), undefined);
  const wrong: CborValue[] = [-1, -1, 4, -100_001, 100_001, -1, -1];
  for (const [i, value] of wrong.entries())
    for (const one of [value, null, "1"]) {
      const changed = values.map((right, at) => (at === i ? one : right));
      equal(decodeTimeSection(encode(changed)), undefined, `value ${i} is ${String(one)}`);
    }
  equal(decodeTimeSection(encode(values.slice(0, 6))), undefined);
  equal(decodeTimeSection(encode([...values, 0])), undefined);
});
