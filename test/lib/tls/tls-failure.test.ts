import { tlsFailure } from "../../../lib/tls/tls-failure.js";
import { equal, test } from "../../device/harness.js";

test("each reason of the native session has its kind", () => {
  equal(tlsFailure([1, -0x2700, 0x08, ""]).kind, "certificate-untrusted");
  equal(tlsFailure([2, -0x2700, 0x04, ""]).kind, "certificate-name");
  equal(tlsFailure([3, -0x2700, 0x01, ""]).kind, "certificate-dates");
  for (const reason of [4, 5, 6]) equal(tlsFailure([reason, 40, 0, "text"]).kind, "tls-failed");
});

test("a refused certificate tells all its faults, the gravest first", () => {
  equal(tlsFailure([1, -0x2700, 0x0d, ""]), {
    kind: "certificate-untrusted",
    code: 0x0d,
    detail:
      "the server's certificate is refused: it leads to no CA that is trusted here, it is for another name, it has expired",
  });
  equal(tlsFailure([1, -0x2700, 0x400000, ""]).detail, "the server's certificate is refused: flags 0x400000");
});

test("alerts and library codes are named", () => {
  equal(tlsFailure([4, 48, 0, ""]), {
    kind: "tls-failed",
    code: 48,
    detail: "the server refused: unknown_ca",
  });
  equal(tlsFailure([4, 99, 0, ""]).detail, "the server refused: alert 99");
  equal(
    tlsFailure([5, -0x7180, 0, "a record does not authenticate"]).detail,
    "a record does not authenticate (-0x7180)",
  );
});
