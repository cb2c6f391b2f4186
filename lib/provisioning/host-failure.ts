/** What can go wrong for the host that provisions: a closed set, and what its operator does about each. */
import type { ErrorKind } from "./messages.js";

/** A device's refusal, or what the host finds itself. */
export type HostFailureKind =
  | ErrorKind
  /** Nothing came back, however often it was asked. */
  | "no-answer"
  /** The port went away. */
  | "port-gone"
  /** What came back is no answer of this protocol, or of another version of it. */
  | "not-understood"
  /** The profile has Wi-Fi set by Improv, and nobody has set it. */
  | "no-wifi"
  /** The device made a certificate request that it should not have, or says that it holds something else. */
  | "not-as-told"
  /** The device does not have the key that it should. */
  | "proof-failed";

export class HostFailure extends Error {
  override name = "HostFailure";
  readonly kind: HostFailureKind;
  /** What the operator does. */
  readonly action: string;

  /** @param detail what happened, in a few words and without a secret */
  constructor(kind: HostFailureKind, detail = meaning(kind), action = actions[kind]) {
    super(detail);
    this.kind = kind;
    this.action = action;
  }
}

function meaning(kind: HostFailureKind): string {
  switch (kind) {
    case "no-answer":
      return "the board does not answer";
    case "port-gone":
      return "the board was unplugged, or went away";
    case "not-understood":
      return "what the board answers cannot be understood";
    default:
      return `the board refuses: ${kind}`;
  }
}

/** docs/errors.md, in the words that fit behind a colon. */
const actions: { readonly [kind in HostFailureKind]: string } = {
  "bad-request": "use a dormouse command of the version that the board's firmware has",
  "unknown-request": "use a dormouse command of the version that the board's firmware has",
  "unknown-entry": "use a dormouse command of the version that the board's firmware has",
  "not-begun": "the board began anew meanwhile: check its power supply and cable, and provision again",
  "wrong-order": "something else spoke to the board, or it began anew: end that, and provision again",
  "too-long": "make the profile, certificate or list that it names shorter",
  "bad-value": "mend what it names, and provision again",
  incomplete: "put what it names into the profile, and provision again",
  mismatch: "give it the certificate and key that belong together, and provision again",
  "no-p256": "use a profile without P-256 keys (a PSK and stamps or seals), or another board",
  "storage-failed":
    "erase the board's flash, flash the firmware and provision again; replace it if it happens again",
  "too-often": "wait a minute, and ask again",
  locked:
    "it changes nothing without a person: press and let go its reset button, then hold its button (BOOT, FLASH) for 5 s within 10 s; that erases its keys",
  "no-answer":
    "check that its firmware is Dormouse's, the port and --baud are right, and reset it: once provisioned it answers in the first 10 s only",
  "port-gone": "plug it in, and do it again",
  "not-understood": "use a dormouse command of the version that the board's firmware has",
  "no-wifi": "set its Wi-Fi first by a page that speaks Improv, or write wifi.ssid into the profile",
  "not-as-told": "do not use this board: erase its flash, flash the firmware and provision again",
  "proof-failed":
    "it is not the board that was provisioned, or it was provisioned elsewhere: provision it again",
};
Object.freeze(actions);
