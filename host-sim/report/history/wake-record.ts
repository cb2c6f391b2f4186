/** What is kept of one wake. */
import type { Meters } from "../../device.js";

export interface PhaseRecord {
  readonly name: string;
  /** Simulated. */
  readonly ms: number;
  readonly estimatedMs: number;
  readonly microcoulombs: number;
  readonly detail: string;
  readonly failed: boolean;
}

export interface ErrorRecord {
  readonly kind: string;
  readonly detail: string;
  /** Empty: the wake itself. */
  readonly phase: string;
}

/** Times in milliseconds since the epoch on the virtual clock. */
export interface WakeRecord {
  readonly device: string;
  readonly number: number;
  readonly cause: string;
  readonly at: number;
  readonly endedAt: number;
  /** Sleep, a reset's reason, or what the boot died of. */
  readonly ending: string;
  readonly sleepMs: number;
  readonly phases: readonly PhaseRecord[];
  readonly errors: readonly ErrorRecord[];
  /** An error, or no sleep at its end. */
  readonly failed: boolean;
  /** Estimated, with the board's start. */
  readonly estimatedMs: number;
  readonly microcoulombs: number;
  readonly sleepMicrocoulombs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly flashWrites: number;
  readonly heap: Meters;
  readonly sent: number;
  readonly acked: number;
  /** Readings of this device not yet acknowledged, dropped or lost, at the end. */
  readonly waiting: number;
  readonly dropped: number;
  readonly gaps: number;
}
