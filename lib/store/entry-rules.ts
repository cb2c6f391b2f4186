/**
 * Which entries a profile needs beside it in flash, and which it must not have: one set of rules for whoever provisions a
 * device and for the device itself, which looks before it commits. By presence and length alone: what the entries say is
 * not looked into here. Something that nobody uses is refused too: it would be a secret that nobody knows of.
 */
import { maxTokenKeyBytes, minTokenKeyBytes } from "../auth/jwt.js";
import type { Profile } from "./profile.js";
import { signs } from "./protection.js";

/** Of flashKeys, what belongs to a profile. */
export const profileEntries = Object.freeze([
  "wifiSsid",
  "wifiPassword",
  "brokerPassword",
  "jwtKey",
  "ca",
  "crl",
  "certificate",
  "key",
  "psk",
  "signKey",
] as const);

export type ProfileEntry = (typeof profileEntries)[number];

/** The bytes of each entry; undefined, or no member: it is not there. */
export type EntrySizes = { readonly [name in ProfileEntry]?: number | undefined };

export interface EntryProblem {
  /** What is missing can be added; what is too much, or has the wrong length, is of another profile. */
  readonly kind: "missing" | "wrong";
  /** One line for the operator. */
  readonly detail: string;
}

const missing = (detail: string): EntryProblem => ({ kind: "missing", detail });
const wrong = (detail: string): EntryProblem => ({ kind: "wrong", detail });

/** The first thing that is not as the profile asks; undefined when all is. */
export function entriesProblem(profile: Profile, sizes: EntrySizes): EntryProblem | undefined {
  return (
    networkProblem(profile.wifi, sizes) ??
    tlsProblem(profile.broker.tls, sizes) ??
    accountProblem(profile.broker, sizes) ??
    presence(signs(profile.topics.up), sizes.signKey, "the signing key", "when messages are signed")
  );
}

/** There exactly when it must be. */
function presence(needed: boolean, size: number | undefined, what: string, when: string) {
  const problem = `${what} must be there ${when}, and only then`;
  if (needed) return size === undefined ? missing(problem) : undefined;
  return size === undefined ? undefined : wrong(problem);
}

/** A password may be there or not: whether the network is open nobody says. */
function networkProblem({ improv }: Profile["wifi"], { wifiSsid }: EntrySizes): EntryProblem | undefined {
  return presence(
    improv === true,
    wifiSsid,
    "the network that Improv has set",
    "when the profile names none",
  );
}

const tlsEntries = Object.freeze(["ca", "crl", "certificate", "key", "psk"] as const);

function tlsProblem(tls: Profile["broker"]["tls"], sizes: EntrySizes): EntryProblem | undefined {
  const { ca, crl, certificate, key, psk } = sizes;
  if (tls === false) {
    for (const name of tlsEntries)
      if (sizes[name] !== undefined) return wrong("plain TCP needs no certificate and no key");
    return undefined;
  }
  const byPsk = tls.identity === "psk";
  if (byPsk && (ca !== undefined || crl !== undefined)) return wrong("a PSK goes without CA and CRL");
  if (!byPsk && ca === undefined && tls.pins.length === 0)
    return missing("TLS needs a CA certificate, pins or a PSK");
  if (crl !== undefined && ca === undefined) return missing("a CRL needs its CA certificate");
  const certified = tls.identity === "certificate";
  return (
    presence(certified, certificate, "the certificate", "with that identity") ??
    presence(certified, key, "the certificate's key", "with that identity") ??
    presence(byPsk, psk, "the PSK", "with that identity") ??
    (psk !== undefined && (psk < 16 || psk > 64) ? wrong("a PSK must have 16 to 64 bytes") : undefined)
  );
}

function accountProblem({ auth, jwt }: Profile["broker"], sizes: EntrySizes): EntryProblem | undefined {
  const { brokerPassword, jwtKey } = sizes;
  const problem =
    presence(auth === "password", brokerPassword, "the broker's password", "with that auth") ??
    presence(auth === "jwt", jwtKey, "the token's key", "with that auth");
  if (problem) return problem;
  if (brokerPassword === 0) return wrong("the broker's password must not be empty");
  if (jwtKey === undefined || jwt?.algorithm !== "HS256") return undefined;
  return jwtKey < minTokenKeyBytes || jwtKey > maxTokenKeyBytes
    ? wrong(`an HS256 key must have ${minTokenKeyBytes} to ${maxTokenKeyBytes} bytes`)
    : undefined;
}

/**
 * Whether the profile says of CA and CRL what is in flash, so that the loss of an entry is noticed later.
 * @returns what is not as the profile says; undefined when all is
 */
export function trustProblem({ broker }: Profile, { ca, crl }: EntrySizes): EntryProblem | undefined {
  if (broker.tls === false) return undefined;
  return (
    presence(broker.tls.ca === true, ca, "a CA certificate", "when the profile says so") ??
    presence(broker.tls.crl === true, crl, "a CRL", "when the profile says so")
  );
}
