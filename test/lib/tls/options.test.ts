import type { Failure } from "../../../lib/failure.js";
import { type SessionParameters, sessionParameters, type TLSOptions } from "../../../lib/tls/options.js";
import { equal, ok, test, throws } from "../../device/harness.js";

const ca = new Uint8Array(1);
const least: TLSOptions = { hostName: "broker.example", ca };
const key = new Uint8Array(16);
const pins = [`sha256/${"A".repeat(43)}=`, `sha256/${"A".repeat(42)}E=`];
const secret = {} as never;

function checked(more: Partial<TLSOptions>, nowMs = 0): SessionParameters | Failure {
  return sessionParameters({ ...least, ...more }, nowMs);
}

function parameters(options: TLSOptions, nowMs = 0): SessionParameters {
  const result = sessionParameters(options, nowMs);
  ok(!("kind" in result), "the options are accepted");
  return result;
}

function refuses(more: object, error: new (message?: string) => Error): void {
  throws(() => checked(more as Partial<TLSOptions>), error, /^tls[. ]|^not a host name/);
}

test("the defaults are TLS 1.2 to 1.3, no ALPN, records of 2048, a clock that is right", () => {
  equal(checked({}, 5_999), {
    peer: { kind: "name", name: "broker.example" },
    ca: [ca],
    pins: [],
    crl: undefined,
    identity: undefined,
    psk: undefined,
    minVersion: 0x0303,
    maxVersion: 0x0304,
    alpn: [],
    maxFragmentBytes: 2048,
    floorSeconds: 0,
    nowSeconds: 5,
    clock: "trusted",
    resumption: undefined,
    earlyData: undefined,
  });
});

test("a clock below the floor is unknown, whatever was said of it", () => {
  for (const clock of [undefined, "trusted", "sntp", "unknown"] as const) {
    const at = (nowMs: number) => {
      const stated = clock && { clock };
      const result = parameters({ ...least, timeFloorSeconds: 1000, ...stated }, nowMs);
      return [result.floorSeconds, result.clock, result.nowSeconds];
    };
    equal(at(999_999), [1000, "unknown", 0]);
    const known = clock !== "unknown";
    equal(at(1_000_000), [1000, clock ?? "trusted", known ? 1000 : 0]);
    equal(at(1_001_999), [1000, clock ?? "trusted", known ? 1001 : 0]);
  }
});

test("the first second of 1970 is a time like any other, if the clock is said to be right", () => {
  equal(parameters(least, 0).nowSeconds, 1);
  equal(parameters({ ...least, clock: "unknown" }, 0).nowSeconds, 0);
});

test("who must know the time is refused without it; pins and PSK do without", () => {
  const wary = { withoutClock: "refuse", timeFloorSeconds: 1000 } as const;
  const kind = (options: TLSOptions, nowMs: number) => (sessionParameters(options, nowMs) as Failure).kind;
  equal(kind({ ...least, ...wary }, 999_000), "clock-unknown");
  equal(kind({ ...least, ...wary, clock: "unknown" }, 1_000_000), "clock-unknown");
  equal(kind({ ...least, ...wary, clock: "sntp" }, 1_000_000), undefined);
  equal(kind({ ...least, ...wary, withoutClock: "accept" }, 0), undefined);
  equal(kind({ ...least, ...wary, pins }, 0), undefined);
  equal(kind({ hostName: "a", pins, ...wary }, 0), undefined);
  equal(kind({ hostName: "a", psk: { identity: "a", key }, ...wary }, 0), undefined);
  // the caller's mistakes come first: they are there with any clock
  refuses({ ...wary, minVersion: "1.0" }, RangeError);
});

test("a server is known by CA, by pins, by both, or by PSK alone", () => {
  const psk = { identity: "dormouse-1", key };
  equal(parameters({ hostName: "a", pins }).pins.length, 2);
  equal(parameters({ ...least, pins }).ca, [ca]);
  equal(parameters({ hostName: "a", psk }).psk, {
    identity: Uint8Array.of(0x64, 0x6f, 0x72, 0x6d, 0x6f, 0x75, 0x73, 0x65, 0x2d, 0x31),
    key,
    forwardSecrecy: true,
  });
  throws(() => sessionParameters({ hostName: "a" }, 0), TypeError, /ca, pins or psk/);
  refuses({ psk }, RangeError);
  for (const more of [{ pins }, { crl: ca }, { identity: { certificate: ca, key } }])
    throws(() => sessionParameters({ hostName: "a", psk, ...more }, 0), RangeError, /excludes/);
});

test("a CRL needs the CA that signed it", () => {
  equal(parameters({ ...least, crl: ca }).crl, ca);
  throws(() => sessionParameters({ hostName: "a", pins, crl: ca }, 0), RangeError, /crl needs/);
});

test("pins are 2 to 8 different ones", () => {
  const [first = "", second = ""] = pins;
  const many = Array.from("AEIMQUYcg", (last) => `sha256/${"A".repeat(42)}${last}=`);
  equal(parameters({ ...least, pins: many.slice(0, 8) }).pins.length, 8);
  refuses({ pins: many }, RangeError);
  refuses({ pins: [] }, RangeError);
  refuses({ pins: [first] }, RangeError);
  refuses({ pins: [first, second, first] }, RangeError);
  refuses({ pins: [first, first.replace("/", "//")] }, RangeError);
  refuses({ pins: first }, TypeError);
  throws(() => checked({ pins: [first, "sha256/AAAA"] }), RangeError);
  throws(() => checked({ pins: [first, 1] as never }), TypeError);
});

test("resumption has a day by default and a week at most", () => {
  equal(parameters({ ...least, resumption: { secret } }).resumption, {
    secret,
    saved: undefined,
    maxAgeSeconds: 86_400,
    maxBytes: 1024,
  });
  const aged = (maxAgeSeconds: number) => ({ resumption: { secret, maxAgeSeconds } });
  equal(parameters({ ...least, ...aged(604_800) }).resumption?.maxAgeSeconds, 604_800);
  refuses(aged(604_801), RangeError);
  refuses(aged(0), RangeError);
  refuses(aged(1.5), RangeError);
  refuses({ resumption: {} }, TypeError);
  refuses({ resumption: { secret, saved: "saved" } }, TypeError);
  refuses({ resumption: { secret, maxBytes: 0 } }, RangeError);
  refuses({ resumption: null }, TypeError);
});

test("an option that nobody knows is refused: it may be a check misspelt", () => {
  refuses({ pin: pins }, TypeError);
  refuses({ resumption: { secret, maxAge: 1 } }, TypeError);
  refuses({ identity: { certificate: ca, key, password: "x" } }, TypeError);
  throws(
    () => sessionParameters({ hostName: "a", psk: { identity: "a", key, pfs: true } as never }, 0),
    TypeError,
  );
});

test("what the caller gets wrong is thrown", () => {
  throws(() => sessionParameters(undefined as never, 0), TypeError);
  refuses({ hostName: undefined }, TypeError);
  throws(() => checked({ hostName: "" }), RangeError);
  refuses({ ca: [] }, TypeError);
  refuses({ ca: "-----BEGIN CERTIFICATE-----" }, TypeError);
  refuses({ ca: new Uint8Array(0) }, RangeError);
  refuses({ crl: "-----BEGIN X509 CRL-----" }, TypeError);
  refuses({ identity: { certificate: ca } }, TypeError);
  refuses({ identity: { certificate: ca, key: "key" } }, TypeError);
  refuses({ minVersion: "1.1" }, RangeError);
  refuses({ minVersion: "1.3", maxVersion: "1.2" }, RangeError);
  refuses({ alpn: "mqtt" }, TypeError);
  refuses({ alpn: [1] }, TypeError);
  refuses({ alpn: ["a", "b", "c", "d", "e"] }, RangeError);
  refuses({ alpn: [""] }, RangeError);
  refuses({ alpn: ["a b"] }, RangeError);
  refuses({ alpn: ["a".repeat(256)] }, RangeError);
  refuses({ timeFloorSeconds: -1 }, RangeError);
  refuses({ timeFloorSeconds: Number.NaN }, RangeError);
  refuses({ timeFloorSeconds: "1" }, TypeError);
  refuses({ clock: "ntp" }, RangeError);
  refuses({ withoutClock: "allow" }, RangeError);
  refuses({ maxFragmentBytes: 4096 }, RangeError);
  refuses({ earlyData: "hello" }, TypeError);
  refuses({ earlyData: new Uint8Array(0) }, RangeError);
});

test("a PSK has 16 to 64 bytes, its identity 1 to 128 printable characters", () => {
  const sharing = (identity: unknown, bytes: unknown, more = {}) =>
    sessionParameters({ hostName: "a", psk: { identity, key: bytes, ...more } as never }, 0);
  for (const length of [16, 64]) sharing("a", new Uint8Array(length));
  for (const length of [0, 15, 65]) throws(() => sharing("a", new Uint8Array(length)), RangeError);
  throws(() => sharing("a", "00".repeat(16)), TypeError);
  for (const length of [1, 128]) sharing("a".repeat(length), key);
  for (const identity of ["", "a".repeat(129), "a\n", "ä"]) throws(() => sharing(identity, key), RangeError);
  throws(() => sharing(1, key), TypeError);
  throws(() => sharing("a", key, { forwardSecrecy: 0 }), TypeError);
});
