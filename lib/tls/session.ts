/**
 * The native session with lib's types: made from checked parameters, and its state as a union in which each
 * state carries its own data. Still without a transport.
 */
import { Session } from "dormouse/native/tls";
import type { Failure } from "../failure.js";
import { cipherSuiteName } from "./cipher-suites.js";
import type { SessionParameters, TLSVersion } from "./options.js";
import { tlsFailure } from "./tls-failure.js";

/** What was agreed on, for the report. */
export interface Secured {
  readonly version: TLSVersion;
  readonly cipherSuite: string;
  /** ALPN, if the server chose one. */
  readonly protocol: string | undefined;
  /** Subject of the server's verified certificate. */
  readonly peer: string;
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

export type SessionState =
  | { readonly kind: "handshaking" }
  | { readonly kind: "open" }
  | { readonly kind: "closed-by-peer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** A session that has started: its ClientHello waits to be drained. @throws RangeError for a CA that does not parse */
export function startSession(parameters: SessionParameters): Session {
  const { minVersion, maxVersion, validAtSeconds, maxFragmentBytes } = parameters;
  const session = new Session(minVersion, maxVersion, validAtSeconds, maxFragmentBytes);
  try {
    if (parameters.peer.kind === "name") session.expectName(parameters.peer.name);
    else session.expectAddress(parameters.peer.address);
    for (const certificates of parameters.ca) session.trust(certificates);
    for (const protocol of parameters.alpn) session.offer(protocol);
    session.start();
    return session;
  } catch (error) {
    session.close(); // at once: the collector does not know how much C heap hangs on it
    throw error;
  }
}

export function sessionState(session: Session): SessionState {
  switch (session.state) {
    case 1:
      return { kind: "handshaking" };
    case 2:
      return { kind: "open" };
    case 3:
      return { kind: "closed-by-peer" };
    case 4:
      return { kind: "failed", failure: tlsFailure(session.failure()) };
    default:
      throw new Error("the TLS session has not started");
  }
}

/** Only for an open session. */
export function securedBy(session: Session): Secured {
  const [version, suite, protocol, peer, notBeforeSeconds, notAfterSeconds] = session.secured();
  return {
    version: version === 0x0304 ? "1.3" : "1.2",
    cipherSuite: cipherSuiteName(suite),
    protocol,
    peer,
    notBeforeSeconds,
    notAfterSeconds,
  };
}
