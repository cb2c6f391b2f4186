/** From what the native session says to a failure an operator can act upon. */
import { type Failure, type FailureKind, failure } from "../failure.js";
import { alertName } from "./alerts.js";
import type { Clock } from "./options.js";

/** What Session.failure() gives. */
export type NativeFailure = readonly [
  reason: number,
  code: number,
  verifyFlags: number,
  text: string,
  seen: string,
];

/** In the order of TlsReason in native/tls/tls-session.h, from 1. */
const kinds: readonly FailureKind[] = [
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
];

/** What a certificate can be wrong in: mbedTLS's MBEDTLS_X509_BADCERT_* and BADCRL_*, stable since 2.0. */
const certificateFaults: readonly (readonly [flag: number, text: string])[] = [
  [0x0008, "it leads to no CA that is trusted here"],
  [0x0002, "it is revoked"],
  [0x0004, "it is for another name"],
  [0x0001, "it has expired"],
  [0x0200, "it is not valid yet"],
  [0x0040, "none was sent"],
  [0x0800, "its key usage is not a server's"],
  [0x1000, "its extended key usage is not a server's"],
  [0x4000, "its signature's hash is too weak"],
  [0x8000, "its kind of key is not accepted"],
  [0x10000, "its key is too weak"],
  [0x0010, "the CRL is not signed by its CA"],
  [0x0020, "the CRL has expired"],
  [0x0400, "the CRL is not valid yet"],
];

/** Faults that another time would mend. */
const dateFaults = 0x0001 | 0x0200 | 0x0020 | 0x0400;
/** Set by native/tls: the floor alone proves the fault. */
const provenByFloor = 0x80000000;
/** Set by native/tls, alone: the time is needed and unknown. */
const noTime = 0x40000000;

/**
 * @param clock where the time came from at which the certificate was judged: dates that only an unauthenticated
 *   time server finds wrong are as likely its fault as the certificate's
 */
export function tlsFailure([reason, code, flags, text, seen]: NativeFailure, clock: Clock): Failure {
  const kind = kinds[reason - 1] ?? "internal";
  const faults = flags & ~provenByFloor & ~noTime;
  switch (kind) {
    case "tls-pin-mismatch":
      return failure(kind, `the server's key is none of those pinned${inParentheses(seen)}`, faults);
    case "tls-expired":
    case "tls-not-yet-valid":
      // provenByFloor is the sign bit
      if (clock === "sntp" && flags >= 0 && flags <= 0x7fffffff && (faults & ~dateFaults) === 0)
        return failure("clock-suspect", `${certificateText(faults, seen)} by the time server's time`, faults);
      return failure(kind, certificateText(faults, seen), faults);
    case "clock-unknown":
      return failure(kind, "the time is not known, and no CA's certificate is accepted without it");
    case "tls-untrusted":
      if (faults === 0)
        return failure(kind, `the server's certificate is refused: ${text} (${hex(code)})`, code);
      return failure(kind, certificateText(faults, seen), faults);
    case "tls-name":
    case "tls-revoked":
      return failure(kind, certificateText(faults, seen), faults);
    case "tls-memory":
      return failure(kind, "out of memory for TLS", code);
    default:
      return failure(
        kind,
        code > 0 ? `the server refused: ${alertName(code)}` : `${text} (${hex(code)})`,
        code,
      );
  }
}

/** One line: the faults, the gravest first, and what the certificate has instead. */
export function certificateText(flags: number, seen = ""): string {
  const faults = certificateFaults.filter(([flag]) => flags & flag).map(([, text]) => text);
  const known = faults.join(", ") || `flags 0x${flags.toString(16)}`;
  return `the server's certificate is refused: ${known}${inParentheses(seen)}`;
}

function inParentheses(seen: string): string {
  return seen && ` (${seen})`;
}

/** mbedTLS's codes are negative and known by their hexadecimal form. */
function hex(code: number): string {
  return `${code < 0 ? "-" : ""}0x${Math.abs(code).toString(16).padStart(4, "0")}`;
}
