/** How long certificates are valid. */
import type { Validity } from "./issue.js";

const dayMs = 86_400_000;

/** How far behind a peer's clock may be that is to accept at once what was signed just now. */
export const slowClockMs = 3_600_000;

/** Lifetimes in days. Each fits inside its issuer's for as long as the issuer has a device's life left. */
export const lifetimeDays = { root: 7300, issuing: 5475, server: 397, device: 3650 } as const;

/** Begins an hour ago, so that a peer whose clock is a little slow accepts it at once. */
export function validFor(days: number, nowMs: number): Validity {
  // X.509 times have whole seconds.
  const now = Math.floor(nowMs / 1000) * 1000;
  return { notBefore: new Date(now - slowClockMs), notAfter: new Date(now + days * dayMs) };
}
