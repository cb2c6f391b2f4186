/**
 * What can go wrong outside the program: a closed set of kinds. docs/errors.md gives one operator action
 * for each. A caller's mistake is not a failure: it throws TypeError or RangeError.
 */
export type FailureKind =
  | "unprovisioned"
  | "profile-invalid"
  | "sensor-failed"
  | "network-unavailable"
  | "name-unresolved"
  | "clock-unknown"
  | "connect-failed"
  | "connection-lost"
  | "clock-suspect"
  | "tls-untrusted"
  | "tls-pin-mismatch"
  | "tls-name"
  | "tls-expired"
  | "tls-not-yet-valid"
  | "tls-revoked"
  | "tls-version"
  | "tls-no-common-suite"
  | "tls-client-auth-refused"
  | "tls-psk-refused"
  | "tls-alpn"
  | "tls-timeout"
  | "tls-truncated"
  | "tls-record-overflow"
  | "tls-memory"
  | "tls-refused"
  | "tls-protocol"
  | "tls-credentials"
  | "broker-refused"
  | "protocol-error"
  | "deadline"
  | "storage-failed"
  | "counter-exhausted"
  | "commands-blocked"
  | "out-of-memory"
  | "internal";

export interface Failure {
  readonly kind: FailureKind;
  /** The number the layer below gave (errno, TLS alert, mbedTLS error, MQTT reason code), 0 if none. */
  readonly code: number;
  /** One line for the operator. Never a secret. */
  readonly detail: string;
}

export function failure(kind: FailureKind, detail: string, code = 0): Failure {
  return { kind, code, detail };
}
