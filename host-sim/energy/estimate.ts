/**
 * How much charge a wake would take on a board: an estimate. The simulated clock knows how long the network took; what
 * a board computes more slowly than this machine is added from the bytecodes executed and the keys used. It keeps
 * nothing from one wake to the next, and measures nothing.
 */
import type { Protection } from "../../lib/store/protection.js";
import type { BoardFigures, SensorFigures } from "./figures.js";

/** What a board spends on something. */
export interface Spent {
  /** How long a board would take: the simulated time, and what it computes beyond that. */
  readonly ms: number;
  readonly microcoulombs: number;
}

/** A phase of the wake, as it was simulated. */
export interface PhaseRun {
  readonly name: string;
  /** On the simulated clock. */
  readonly ms: number;
  /** Executed since the end of the phase before. */
  readonly bytecodes: number;
  /** See p256Uses(). */
  readonly p256: P256Uses;
}

/** How often the P-256 operations were needed that a board does in software. */
export interface P256Uses {
  readonly multiplications: number;
  readonly verifications: number;
}

export const noP256: P256Uses = { multiplications: 0, verifications: 0 };

/** A certificate and its signature in the handshake: what a server whose CA signs its certificate itself sends. */
const fullVerifications = 2;
/** The ephemeral key's two halves. */
const exchangeMultiplications = 2;

/** Of the profile's `broker.tls`. */
export interface TlsSettings {
  readonly identity: "none" | "certificate" | "psk";
  readonly forwardSecrecy: boolean;
}

/**
 * What TLS needed, from what a device says of its handshake.
 * @param detail as in the phase `secure`: version, suite
 */
export function handshakeUses(
  detail: string,
  resumed: boolean,
  { identity, forwardSecrecy }: TlsSettings,
): P256Uses {
  // A resumed TLS 1.2 session has no key exchange; in 1.3 it always has one here (RFC 8446 §2.2, psk_dhe_ke).
  if (resumed) return detail.startsWith("TLS 1.2") ? noP256 : exchange;
  if (identity === "psk") return forwardSecrecy ? exchange : noP256;
  return {
    multiplications: exchangeMultiplications + (identity === "certificate" ? 1 : 0),
    verifications: fullVerifications,
  };
}

const exchange: P256Uses = { multiplications: exchangeMultiplications, verifications: 0 };

/** What protecting one message needs. @param up the profile's `topics.up` */
export function messageMultiplications(up: Protection): number {
  if (up.protection === "sign") return 1;
  if (up.protection === "sealTo") return exchangeMultiplications + (up.sign ? 1 : 0);
  return 0;
}

type Doing = "compute" | "radio" | "idle";

/** The radio is on from `join` to `close`; a connection that is only kept idles. */
const withoutRadio: readonly string[] = ["sense", "queue", "persist", "attend"];
const waiting: readonly string[] = ["idle"];

export class EnergyEstimate {
  readonly #board: BoardFigures;
  readonly #sensor: SensorFigures;

  constructor(board: BoardFigures, sensor: SensorFigures) {
    this.#board = board;
    this.#sensor = sensor;
  }

  /** From the end of deep sleep to the firmware's first line. */
  boot(): Spent {
    const { bootMs, bootMilliamps } = this.#board;
    return { ms: bootMs.value, microcoulombs: bootMs.value * bootMilliamps.value };
  }

  phase(run: PhaseRun): Spent {
    const ms = run.ms + this.#computeMs(run);
    const sensing = run.name === "sense" ? this.#sensor.measurementMicrocoulombs.value : 0;
    return { ms, microcoulombs: ms * this.#milliamps(doing(run.name)) + sensing };
  }

  /** What a wake does outside its phases: before the first, or until it broke off. */
  rest(ms: number, bytecodes: number, radio: boolean): Spent {
    const all = ms + bytecodes / this.#board.bytecodesPerMs.value;
    return { ms: all, microcoulombs: all * this.#milliamps(radio ? "radio" : "compute") };
  }

  sleep(ms: number): number {
    return (ms / 1000) * (this.#board.sleepMicroamps.value + this.#sensor.sleepMicroamps.value);
  }

  #computeMs({ bytecodes, p256 }: PhaseRun): number {
    const { bytecodesPerMs, p256MultiplyMs, p256VerifyMs } = this.#board;
    return (
      bytecodes / bytecodesPerMs.value +
      p256.multiplications * p256MultiplyMs.value +
      p256.verifications * p256VerifyMs.value
    );
  }

  /** mA for 1 ms are 1 µC. */
  #milliamps(doing: Doing): number {
    return this.#board[`${doing}Milliamps`].value;
  }
}

/** Whether a phase has the radio on. */
export function usesRadio(phase: string): boolean {
  return doing(phase) !== "compute";
}

function doing(phase: string): Doing {
  if (withoutRadio.includes(phase)) return "compute";
  return waiting.includes(phase) ? "idle" : "radio";
}
