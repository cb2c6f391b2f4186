/** Where a TLSSocket stands; each state carries what it needs. */
import type { Session } from "dormouse/native/tls";
import type Timer from "timer";
import { type Failure, failure } from "../failure.js";
import type { Outgoing } from "./outgoing.js";
import type { TCPSocket } from "./tcp.js";

export interface Link {
  readonly session: Session;
  readonly tcp: TCPSocket;
  readonly outgoing: Outgoing;
}

export type State =
  | (Link & { readonly kind: "connecting" })
  | (Link & { readonly kind: "handshaking"; readonly timer: Timer })
  | (Link & { readonly kind: "open" })
  /** What came before can still be read. */
  | { readonly kind: "ended"; readonly failure: Failure | undefined }
  | { readonly kind: "closed" };

export type Linked = State & Link;

/** TCP ended first. Without close_notify nobody can tell the end from an attacker's cut (RFC 8446 §6.1). */
export function lost(state: State): Failure {
  if (state.kind === "connecting") return failure("connect-failed", "no TCP connection came about");
  if (state.kind === "handshaking")
    return failure("connection-lost", "the connection ended during the TLS handshake");
  return failure("tls-truncated", "the connection ended without close_notify: data may be missing");
}
