/** What Node says about a connection, as one of the failures of docs/errors.md; and what a person at a terminal can do. */
import { type Failure, type FailureKind, failure } from "../../lib/failure.js";
import { OperatorError } from "../report.js";
import { printableLine } from "./printable.js";

/** A session ended before it was asked to. */
export class SessionError extends OperatorError {
  override name = "SessionError";

  constructor(readonly failure: Failure) {
    super(failureLine(failure));
  }
}

/** The broker refused a message or a subscription; the session goes on. */
export class RefusedError extends SessionError {
  override name = "RefusedError";
}

/** As docs/errors.md has it, for those who have a command line and no profile. */
const actions: Partial<Readonly<Record<FailureKind, string>>> = {
  "name-unresolved": "check -h and this machine's DNS",
  "connect-failed": "check that the broker listens on that host and port, and that no firewall is between",
  "connection-lost": "look into the broker's log",
  "tls-untrusted":
    "give --cafile with the CA that issued the broker's certificate, or --pin; if that is what you gave, someone else answers",
  "tls-pin-mismatch": "ask the broker's operator whether its key is new; if not, someone else answers",
  "tls-name": "use the name in the certificate with -h, or let the broker have a certificate for this one",
  "tls-expired": "renew the broker's certificate",
  "tls-not-yet-valid": "check this machine's clock",
  "tls-version": "enable TLS 1.2 or 1.3 on the broker",
  "tls-no-common-suite": "enable ECDHE with AES-GCM or ChaCha20-Poly1305 on the broker, with --psk ECDHE-PSK",
  "tls-client-auth-refused": "give --cert and --key of the CA that the broker's listener demands",
  "tls-psk-refused": "give --psk-identity and --psk as in the broker's PSK file",
  "tls-alpn": "leave --tls-alpn out, or let the listener accept it",
  "tls-timeout": "check that a TLS listener answers on that port",
  "tls-refused": "look that alert up in the broker's log",
  "tls-protocol": "check that the port is the broker's TLS port",
  "protocol-error": "check what stands between here and the broker; -d shows the packets",
  deadline: "check that an MQTT broker answers on that port, with TLS or without",
};

/** One line, fit for a terminal. */
export function failureLine({ kind, detail }: Failure): string {
  const action = actions[kind];
  return printableLine(`${kind}: ${detail}${action === undefined ? "" : `; ${action}`}`);
}

type Meaning = readonly [FailureKind, string];

const systemErrors: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: ["connect-failed", "refuses the connection: nothing listens there"],
  ENOTFOUND: ["name-unresolved", "is no known host name"],
  EAI_AGAIN: ["name-unresolved", "cannot be looked up: the name server does not answer"],
  EHOSTUNREACH: ["connect-failed", "cannot be reached"],
  ENETUNREACH: ["connect-failed", "cannot be reached"],
  EADDRNOTAVAIL: ["connect-failed", "cannot be reached"],
  ETIMEDOUT: ["connect-failed", "does not answer"],
  ECONNRESET: ["connection-lost", "reset the connection"],
  EPIPE: ["connection-lost", "closed the connection"],
  NO_PINNED_KEY: [
    "tls-pin-mismatch",
    "has none of the pinned keys (dormouse pin HOST:PORT shows those it has)",
  ],
  NO_SHARED_KEY: ["tls-psk-refused", "shows a certificate instead of the PSK"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["tls-name", "has a certificate for another name"],
  CERT_HAS_EXPIRED: ["tls-expired", "has a certificate that has expired"],
  CERT_NOT_YET_VALID: ["tls-not-yet-valid", "has a certificate that is not valid yet"],
  CERT_REVOKED: ["tls-revoked", "has a certificate that is revoked"],
  INVALID_PURPOSE: ["tls-untrusted", "has a certificate that is not for servers"],
};

/** OpenSSL's reasons, in capitals. An alert is the other side's. */
const tlsErrors: readonly (readonly [RegExp, FailureKind, string])[] = [
  [
    /UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION|ALERT_PROTOCOL_VERSION/,
    "tls-version",
    "speaks no TLS version allowed here",
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/, "tls-protocol", "does not speak TLS"],
  [
    /ALERT_HANDSHAKE_FAILURE|ALERT_INSUFFICIENT_SECURITY/,
    "tls-no-common-suite",
    "accepts no cipher suite of those offered",
  ],
  [/ALERT_NO_APPLICATION_PROTOCOL/, "tls-alpn", "refuses the application protocol"],
  [/ALERT_UNKNOWN_PSK_IDENTITY/, "tls-psk-refused", "does not know the PSK identity"],
  [
    /ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(UNKNOWN|EXPIRED|REVOKED)|ACCESS_DENIED)/,
    "tls-client-auth-refused",
    "wants a client certificate, or another one",
  ],
];

/** With another key than the broker's these are how it ends; without a PSK they mean what they say. */
const pskErrors =
  /ALERT_(DECRYPT_ERROR|BAD_RECORD_MAC|ILLEGAL_PARAMETER|HANDSHAKE_FAILURE)|DECRYPTION_FAILED|BAD_RECORD/;

/** Where a connection stood when it failed. */
export interface Scene {
  /** What the line begins with, e.g. `broker.example:8883`. */
  readonly address: string;
  readonly inHandshake: boolean;
  /** A suite was found, and the broker's certificate seen. */
  readonly keysAgreed: boolean;
  readonly psk: boolean;
}

export function transportFailure(error: Error, { address, inHandshake, keysAgreed, psk }: Scene): Failure {
  const { code = "", errno, reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
  const because = (kind: FailureKind, detail: string) => failure(kind, `${address} ${detail}`, errno ?? 0);
  if (code === "ECONNRESET" && inHandshake)
    return because("connection-lost", "ended the connection before TLS stood: it may be no TLS port");
  const known = systemErrors[code];
  if (known) return because(...known);
  const name = code.startsWith("ERR_SSL_")
    ? code
    : (reason ?? "").toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
  if (psk && pskErrors.test(name))
    return because("tls-psk-refused", "has another PSK for this identity, or none");
  // In TLS 1.2 nothing else says that a client's certificate is missing (RFC 5246 §7.4.6).
  if (keysAgreed && /ALERT_HANDSHAKE_FAILURE/.test(name))
    return because("tls-client-auth-refused", "wants a client certificate");
  for (const [pattern, kind, detail] of tlsErrors) if (pattern.test(name)) return because(kind, detail);
  const words = reason ?? error.message;
  if (name.includes("ALERT")) return because("tls-refused", `refuses the handshake: ${words}`);
  if (code.startsWith("ERR_SSL_")) return because("tls-protocol", `breaks TLS: ${words}`);
  if (/CERT|ISSUER|SIGNATURE|INVALID_CA|CHAIN|PATH_LENGTH/.test(code))
    return because("tls-untrusted", `has a certificate that is not trusted here: ${words}`);
  return because("connect-failed", `cannot be spoken to: ${words}`);
}
