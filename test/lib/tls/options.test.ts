import { sessionParameters, type TLSOptions } from "../../../lib/tls/options.js";
import { equal, test, throws } from "../../device/harness.js";

const ca = new Uint8Array(1);
const least: TLSOptions = { hostName: "broker.example", ca };

function refuses(more: object, error: new (message?: string) => Error): void {
  throws(() => sessionParameters({ ...least, ...more } as TLSOptions, 0), error);
}

test("the defaults are TLS 1.2 to 1.3, no ALPN, records of 2048", () => {
  equal(sessionParameters(least, 5_999), {
    peer: { kind: "name", name: "broker.example" },
    ca: [ca],
    minVersion: 0x0303,
    maxVersion: 0x0304,
    alpn: [],
    validAtSeconds: 5,
    maxFragmentBytes: 2048,
  });
});

test("certificates are judged at the later of device clock and floor", () => {
  const at = (nowMs: number) => sessionParameters({ ...least, timeFloorSeconds: 1000 }, nowMs).validAtSeconds;
  equal(at(0), 1000);
  equal(at(999_999), 1000);
  equal(at(1_000_000), 1000);
  equal(at(1_001_000), 1001);
});

test("what the caller gets wrong is thrown", () => {
  refuses({ hostName: undefined }, TypeError);
  refuses({ hostName: "" }, RangeError);
  refuses({ ca: undefined }, TypeError);
  refuses({ ca: [] }, TypeError);
  refuses({ ca: "-----BEGIN CERTIFICATE-----" }, TypeError);
  refuses({ minVersion: "1.1" }, RangeError);
  refuses({ minVersion: "1.3", maxVersion: "1.2" }, RangeError);
  refuses({ alpn: ["a", "b", "c", "d", "e"] }, RangeError);
  refuses({ alpn: [""] }, RangeError);
  refuses({ alpn: ["a b"] }, RangeError);
  refuses({ alpn: ["a".repeat(256)] }, RangeError);
  refuses({ timeFloorSeconds: -1 }, RangeError);
  refuses({ timeFloorSeconds: Number.NaN }, RangeError);
  refuses({ maxFragmentBytes: 4096 }, RangeError);
});
