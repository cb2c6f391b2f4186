/** Runs inside XS: asks the native session itself what it makes of a saved session that is not what it was. */
import type { Secret } from "dormouse/native/crypto";
import { Session } from "dormouse/native/tls";

export interface Opened {
  /** Unchanged. */
  readonly whole: boolean;
  /** With one bit of one byte wrong: how many were tried, one for each byte, and how many were taken up. */
  readonly flips: number;
  readonly flipsOpened: number;
  /** Every shorter length, and one longer. */
  readonly lengths: number;
  readonly lengthsOpened: number;
}

export interface Settings {
  readonly hostName: string;
  readonly ca: Uint8Array;
  readonly minVersion: number;
  readonly maxVersion: number;
}

function opens(
  saved: Uint8Array,
  secret: Secret,
  { hostName, ca, minVersion, maxVersion }: Settings,
): boolean {
  const session = new Session(minVersion, maxVersion, 0, 0, 2048);
  try {
    session.expectName(hostName);
    session.trust(ca);
    return session.resume(saved, secret, 604_800);
  } finally {
    session.close();
  }
}

export function whatOpens(saved: Uint8Array, secret: Secret, settings: Settings): Opened {
  let flipsOpened = 0;
  let lengthsOpened = 0;
  const copy = saved.slice();
  for (let i = 0; i < copy.length; i++) {
    const byte = copy[i]!;
    copy[i] = byte ^ (1 << (i & 7));
    if (opens(copy, secret, settings)) flipsOpened++;
    copy[i] = byte;
  }
  for (let length = 0; length < saved.length; length++)
    if (opens(saved.subarray(0, length), secret, settings)) lengthsOpened++;
  const longer = new Uint8Array(saved.length + 1);
  longer.set(saved);
  if (opens(longer, secret, settings)) lengthsOpened++;
  const whole = opens(saved, secret, settings);
  return { whole, flips: saved.length, flipsOpened, lengths: saved.length + 1, lengthsOpened };
}
