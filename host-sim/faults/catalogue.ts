/** The faults of the simulated world by name: what each takes, and what it does to the board, in words. */

/** A phase of the wake in which a fault can strike: those that wait for somebody. */
export const waitingPhases = [
  "join",
  "clock",
  "resolve",
  "connect",
  "secure",
  "session",
  "drain",
  "commands",
  "close",
] as const;

const talkingPhases = ["connect", "secure", "session", "drain", "commands", "close"] as const;

/** The phases at whose end power can fail. */
export const allPhases = ["sense", "queue", ...waitingPhases, "persist"] as const;

export type FaultPhase = (typeof allPhases)[number];

export interface FaultForm {
  /** What stands behind `=`; absent: nothing may. */
  readonly value?: "percent" | "duration" | "seconds" | "bytes" | "certificate";
  readonly valueNeeded?: boolean;
  /** What may stand behind `@`; absent: nothing may. */
  readonly phases?: readonly FaultPhase[];
  /** `@` may also be a number, or a range to draw one from. */
  readonly counts?: "effect" | "bytecode";
  readonly whereNeeded?: boolean;
  /** Without WAKES it holds in every wake, not in the second alone: it is how things are, not what befalls them. */
  readonly lasting?: boolean;
  /** For the documentation and the terminal. */
  readonly does: string;
}

export const faultForms = {
  "no-ap": { does: "no access point is in sight" },
  "wrong-password": { does: "the access point has another password" },
  "ap-moved": { does: "another access point has taken the old one's place, on another channel" },
  "lease-expired": { does: "the board's address belongs to another now" },
  "dns-fail": { does: "the name server does not know the broker" },
  "dns-wrong": { does: "the name server gives an address where nobody answers" },
  "sntp-fail": { does: "the time server does not answer" },
  "sntp-wrong": { value: "seconds", valueNeeded: true, does: "the time server's time is wrong" },
  "clock-lost": { does: "the board's clock starts again in 1970" },
  "clock-wrong": {
    value: "seconds",
    valueNeeded: true,
    does: "the board's clock has gone wrong in its sleep",
  },
  refuse: { does: "the broker refuses connections" },
  reset: {
    phases: talkingPhases,
    whereNeeded: true,
    does: "the broker's answer is lost, and the connection reset",
  },
  stall: { phases: waitingPhases, whereNeeded: true, does: "nobody answers any more" },
  loss: { value: "percent", valueNeeded: true, lasting: true, does: "the link loses segments" },
  delay: { value: "duration", valueNeeded: true, lasting: true, does: "the link is slow, each way" },
  "broker-restart": { does: "the broker was restarted while the board slept" },
  "bad-certificate": {
    value: "certificate",
    does: "somebody answers for the broker with a certificate of their own",
  },
  "flash-full": { does: "flash takes no more" },
  "flash-lost": { does: "flash forgets what is written, and says nothing" },
  "rtc-stuck": { does: "RTC memory keeps what it holds, whatever is written" },
  "rtc-lost": { does: "RTC memory comes up empty" },
  "rtc-torn": { does: "RTC memory comes up with noise in it" },
  "tls-memory": { value: "bytes", valueNeeded: true, does: "TLS gets no more memory than that" },
  "power-cut": { phases: allPhases, counts: "effect", does: "the power goes" },
  brownout: { phases: allPhases, counts: "bytecode", does: "the supply sags, and the board resets" },
  gpio: { value: "duration", does: "somebody touches the pin, and the board wakes before its time" },
} as const satisfies { readonly [name: string]: FaultForm };

export type FaultName = keyof typeof faultForms;

export const faultNames = Object.keys(faultForms) as FaultName[];

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(faultForms, name);
}

/** What a certificate can be wrong by. */
export const certificateWrongs = ["issuer", "name", "expired"] as const;

export type CertificateWrong = (typeof certificateWrongs)[number];
