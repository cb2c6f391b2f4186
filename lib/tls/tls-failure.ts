/** From what the native session says to a failure an operator can act upon. */
import { type Failure, failure } from "../failure.js";
import { alertName } from "./alerts.js";

/** TlsReason of native/tls/tls-session.h. */
const reason = { untrusted: 1, name: 2, dates: 3, alert: 4, local: 5, memory: 6 } as const;

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
];

/** One line, the gravest fault first. */
export function certificateText(flags: number): string {
  const faults = certificateFaults.filter(([flag]) => flags & flag).map(([, text]) => text);
  return `the server's certificate is refused: ${faults.join(", ") || `flags 0x${flags.toString(16)}`}`;
}

/**
 * @param native the result of Session.failure() in state 4
 */
export function tlsFailure([why, code, verifyFlags, text]: readonly [
  number,
  number,
  number,
  string,
]): Failure {
  switch (why) {
    case reason.untrusted:
      return failure("certificate-untrusted", certificateText(verifyFlags), verifyFlags);
    case reason.name:
      return failure("certificate-name", certificateText(verifyFlags), verifyFlags);
    case reason.dates:
      return failure("certificate-dates", certificateText(verifyFlags), verifyFlags);
    case reason.alert:
      return failure("tls-failed", `the server refused: ${alertName(code)}`, code);
    case reason.memory:
      return failure("tls-failed", "out of memory for TLS", code);
    default:
      return failure("tls-failed", `${text} (${hex(code)})`, code);
  }
}

/** mbedTLS's codes are negative and known by their hexadecimal form. */
function hex(code: number): string {
  return `${code < 0 ? "-" : ""}0x${Math.abs(code).toString(16).padStart(4, "0")}`;
}
