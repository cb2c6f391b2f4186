/**
 * The native session with lib's types: made from checked parameters, and its state as a union in which each
 * state carries its own data. Still without a transport.
 */
import { Session } from "dormouse/native/tls";
import type { Failure } from "../failure.js";
import { cipherSuiteName } from "./cipher-suites.js";
import type { Clock, SessionParameters, TLSVersion } from "./options.js";
import { tlsFailure } from "./tls-failure.js";

/** What was agreed on, for the report. */
export interface Secured {
  readonly version: TLSVersion;
  readonly cipherSuite: string;
  /** ALPN, if the server chose one. */
  readonly protocol: string | undefined;
  /** Subject of the server's verified certificate; empty with a PSK. */
  readonly peer: string;
  /** The certificate's dates, 0 without one. */
  /** Also 0 when only the pinned key of the certificate itself vouches for it. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  /** An earlier session was taken up: no certificate came, what it said is remembered. */
  readonly resumed: boolean;
  /** The server took the early data with the first flight. */
  readonly earlyDataAccepted: boolean;
  /** One bit for each of `pins`, the first lowest: those on the server's path, then when the session was made. */
  readonly matchedPins: number;
}

export type SessionState =
  | { readonly kind: "handshaking" }
  | { readonly kind: "open" }
  | { readonly kind: "closed-by-peer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * A session that has started: its ClientHello waits to be drained, and after it the early data if it may go.
 * @throws RangeError, in one line, for a certificate, key, CRL or PSK that cannot be used
 */
export function startSession(parameters: SessionParameters): Session {
  const { minVersion, maxVersion, floorSeconds, nowSeconds, maxFragmentBytes } = parameters;
  const session = new Session(minVersion, maxVersion, floorSeconds, nowSeconds, maxFragmentBytes);
  try {
    configure(session, parameters);
    session.start(parameters.earlyData);
    return session;
  } catch (error) {
    session.close(); // at once: the collector does not know how much C heap hangs on it
    throw error;
  }
}

function configure(session: Session, { peer, psk, identity, resumption, ...trust }: SessionParameters): void {
  if (peer.kind === "name") session.expectName(peer.name);
  else session.expectAddress(peer.address);
  for (const certificates of trust.ca) session.trust(certificates);
  if (trust.crl) session.revoke(trust.crl);
  for (const digest of trust.pins) session.pin(digest);
  if (identity) session.identify(identity.certificate, identity.key);
  if (psk) session.preshare(psk.identity, psk.key, psk.forwardSecrecy);
  for (const protocol of trust.alpn) session.offer(protocol);
  // without this no ticket is asked for; what does not open is passed over: the full handshake follows
  if (resumption)
    session.resume(resumption.saved ?? new Uint8Array(0), resumption.secret, resumption.maxAgeSeconds);
}

export function sessionState(session: Session, clock: Clock): SessionState {
  switch (session.state) {
    case 1:
      return { kind: "handshaking" };
    case 2:
      return { kind: "open" };
    case 3:
      return { kind: "closed-by-peer" };
    case 4:
      return { kind: "failed", failure: tlsFailure(session.failure(), clock) };
    default:
      throw new Error("the TLS session has not started");
  }
}

/** Only for an open session. */
export function securedBy(session: Session): Secured {
  const [version, suite, protocol, peer, notBeforeSeconds, notAfterSeconds, resumed, early, matchedPins] =
    session.secured();
  return {
    version: version === 0x0304 ? "1.3" : "1.2",
    cipherSuite: cipherSuiteName(suite),
    protocol,
    peer,
    notBeforeSeconds,
    notAfterSeconds,
    resumed,
    earlyDataAccepted: early,
    matchedPins,
  };
}
