import type { Clock } from "../../../lib/tls/options.js";
import { tlsFailure } from "../../../lib/tls/tls-failure.js";
import { equal, test } from "../../device/harness.js";

const expired = 0x01;
const future = 0x200;
const provenByFloor = 0x80000000;

test("each reason of the native session has its kind", () => {
  const kinds = Array.from(
    { length: 18 },
    (_, reason) => tlsFailure([reason, -1, expired, "", ""], "trusted").kind,
  );
  equal(kinds, [
    "internal",
    "tls-untrusted",
    "tls-pin-mismatch",
    "tls-name",
    "tls-expired",
    "tls-not-yet-valid",
    "tls-revoked",
    "tls-version",
    "tls-no-common-suite",
    "tls-client-auth-refused",
    "tls-psk-refused",
    "tls-alpn",
    "tls-record-overflow",
    "tls-memory",
    "tls-refused",
    "tls-protocol",
    "clock-unknown",
    "internal",
  ]);
});

test("dates that only the time server finds wrong make its time suspect", () => {
  const kind = (reason: number, flags: number, clock: Clock) =>
    tlsFailure([reason, -0x2700, flags, "", ""], clock).kind;
  equal(kind(4, expired, "sntp"), "clock-suspect");
  equal(kind(5, future, "sntp"), "clock-suspect");
  equal(kind(4, expired | future, "sntp"), "clock-suspect");
  equal(kind(4, expired, "trusted"), "tls-expired");
  equal(kind(4, expired, "unknown"), "tls-expired");
  equal(kind(5, future, "trusted"), "tls-not-yet-valid");
  // the floor proves it: no time server could be right about this certificate
  equal(kind(4, expired | provenByFloor, "sntp"), "tls-expired");
  equal(kind(4, (expired | provenByFloor) >>> 0, "sntp"), "tls-expired");
  // something else is wrong as well
  equal(kind(4, expired | 0x08, "sntp"), "tls-expired");
  equal(kind(1, expired | 0x08, "sntp"), "tls-untrusted");
  equal(kind(3, expired | 0x04, "sntp"), "tls-name");
});

test("a refused certificate tells all its faults, the gravest first, and what it has instead", () => {
  equal(tlsFailure([1, -0x2700, 0x0d, "", ""], "trusted"), {
    kind: "tls-untrusted",
    code: 0x0d,
    detail:
      "the server's certificate is refused: it leads to no CA that is trusted here, it is for another name, it has expired",
  });
  equal(
    tlsFailure([3, -0x2700, 0x04, "", "DNS:a.example"], "trusted").detail,
    "the server's certificate is refused: it is for another name (DNS:a.example)",
  );
  equal(tlsFailure([4, -0x2700, (expired | provenByFloor) >>> 0, "", "2026-01-01"], "trusted"), {
    kind: "tls-expired",
    code: expired,
    detail: "the server's certificate is refused: it has expired (2026-01-01)",
  });
  equal(
    tlsFailure([4, -0x2700, expired, "", "2026-01-01"], "sntp").detail,
    "the server's certificate is refused: it has expired (2026-01-01) by the time server's time",
  );
  equal(
    tlsFailure([1, -0x2700, 0x400000, "", ""], "trusted").detail,
    "the server's certificate is refused: flags 0x400000",
  );
});

test("a pin that does not match is told with the key that came", () => {
  equal(
    tlsFailure([2, -0x2700, 0, "", "sha256/AAA="], "trusted").detail,
    "the server's key is none of those pinned (sha256/AAA=)",
  );
});

test("alerts and library codes are named", () => {
  equal(tlsFailure([14, 48, 0, "", ""], "trusted"), {
    kind: "tls-refused",
    code: 48,
    detail: "the server refused: unknown_ca",
  });
  equal(tlsFailure([14, 99, 0, "", ""], "trusted").detail, "the server refused: alert 99");
  equal(tlsFailure([7, 70, 0, "", ""], "trusted").detail, "the server refused: protocol_version");
  equal(
    tlsFailure([15, -0x7180, 0, "a record does not authenticate", ""], "trusted").detail,
    "a record does not authenticate (-0x7180)",
  );
});
