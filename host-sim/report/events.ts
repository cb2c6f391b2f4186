/** What a run tells, one event at a time: the lines of `--json`, and what the terminal picture is drawn from. */
import type { Meters } from "../device.js";
import type { EnergySummary } from "../energy/account.js";
import type { CommandResult } from "../world/command-result.js";
import type { Measurement } from "../world/senml-reading.js";
import type { Verdict } from "../world/verdict.js";

interface At {
  /** Virtual wall clock, milliseconds since the epoch. */
  readonly at: number;
  /** Of a fleet's summary: "*". */
  readonly device: string;
  /** Counts boots from 1. */
  readonly wake: number;
}

/** What something would take on a board: an estimate (docs/energy.md). */
export interface Estimated {
  /** The simulated time, and what a board computes beyond it. */
  readonly ms: number;
  readonly microcoulombs: number;
}

/** Without the idling before it. */
export interface RoundEstimate extends Estimated {
  readonly idleMicrocoulombs: number;
}

/** What a wake came to, however it ended. */
export interface WakeCost {
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly flashWrites: number;
  readonly heap: Meters;
  readonly estimated: Estimated & {
    /** In the sleep that follows. */
    readonly sleepMicrocoulombs: number;
    /** Of the whole, what came after the last phase that ended. */
    readonly rest: Estimated;
  };
}

export type RunEvent = At &
  (
    | { readonly event: "wake"; readonly cause: string; readonly board: string }
    /** Somebody has given the board its identity, at its serial port. */
    | { readonly event: "provisioned"; readonly name: string }
    /** What is done to the board, or was. */
    | { readonly event: "fault"; readonly name: string; readonly detail: string }
    | {
        readonly event: "phase";
        readonly name: string;
        readonly ms: number;
        readonly detail?: string;
        /** Of the phase `secure`: an earlier TLS session was taken up. */
        readonly resumed?: boolean;
        readonly bytecodes: number;
        readonly estimated: Estimated;
      }
    | {
        readonly event: "sent";
        readonly counter: number;
        readonly bytes: number;
        readonly retry?: boolean;
        /** It answers a command, and holds no readings. */
        readonly result?: boolean;
        /** The first reading's sequence number, and how many there are. */
        readonly first?: number;
        readonly readings?: number;
      }
    /** A reading is in the outbox. */
    | { readonly event: "queued"; readonly sequence: number }
    /** What waited in RTC memory alone is in flash now. */
    | { readonly event: "spilled"; readonly readings: number; readonly segment: number }
    /** Given up for want of room: now, and in all since RTC memory was last lost. */
    | { readonly event: "dropped"; readonly readings: number; readonly total: number }
    /** Taken and lost, or perhaps lost. */
    | { readonly event: "gap"; readonly readings: number }
    | { readonly event: "acked"; readonly counter: number; readonly result?: boolean }
    | {
        readonly event: "command";
        /** What became of it: lib/commands. */
        readonly status: string;
        readonly controller: string;
        /** Absent when the device did not come to read it. */
        readonly name?: string;
        readonly counter?: number;
      }
    | {
        /** Settings that were on trial: the broker was reached with them, or those before are back. */
        readonly event: "settings";
        readonly status: "confirmed" | "rolled-back";
      }
    | {
        readonly event: "received";
        readonly verdict: Verdict;
        readonly topic: string;
        /** As the profile names it; absent with `bad`. */
        readonly protection?: string;
        readonly counter?: number;
        readonly reading?: readonly Measurement[];
        /** Of a command. */
        readonly result?: CommandResult;
        readonly detail?: string;
      }
    | {
        readonly event: "sleep";
        readonly ms: number;
        readonly awakeMs: number;
        /** After power-on: how long it then attended to its port and its button, which is not in `awakeMs`. */
        readonly attendMs?: number;
        readonly bytecodes: number;
        readonly cost: WakeCost;
      }
    | {
        /** A round of a board that stays awake is over; the next one begins after so long, or when something comes. */
        readonly event: "idle";
        readonly ms: number;
        /** Of the round. */
        readonly estimated: RoundEstimate;
      }
    | {
        /** The wake ended without sleep. */
        readonly event: "reset";
        readonly reason: "restart" | "power-cut" | "brown-out" | "off";
        readonly awakeMs: number;
        /** See BootEnd. */
        readonly effects: number;
        readonly cost: WakeCost;
      }
    | {
        readonly event: "error";
        readonly kind: string;
        readonly code: number;
        readonly detail: string;
        /** What was being done; absent when the wake itself ended with it. */
        readonly phase?: string;
        readonly bytecodes?: number;
        /** Of the phase up to the error. */
        readonly estimated?: Estimated;
        /** When the wake ended with it. */
        readonly cost?: WakeCost;
      }
    | ({ readonly event: "summary" } & Summary)
  );

export interface Summary {
  readonly devices: number;
  readonly wakes: number;
  /** Distinct messages sent; a retry of the same bytes is not another. */
  readonly published: number;
  readonly acked: number;
  /** Absent where messages are judged. Then nothing below that counts verdicts counts anything. */
  readonly judged?: false;
  /** Distinct fresh messages, wills not counted: the broker sends those. */
  readonly verified: number;
  /** Messages that nobody vouches for: by the profile they are not to be verified. */
  readonly unauthenticated: number;
  /** Messages found to be conflict, stale or bad. */
  readonly rejected: number;
  /** What the messages were protected with; null when none came that could be opened. */
  readonly protection: string | null;
  /** TLS handshakes that came about, and how many of them took up an earlier session. */
  readonly handshakes: number;
  readonly resumed: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly awakeMsMedian: number;
  readonly bytecodesMedian: number;
  readonly heap: Meters;
  /** What was done to the devices on purpose, how often; absent when nothing was. */
  readonly faults?: number;
  /** Absent before the first wake has ended. */
  readonly energy?: EnergySummary;
}

export interface Reporter {
  report(event: RunEvent): void;
  /** Log lines of the device that are not events, and what the simulator says of itself. */
  note(text: string): void;
}
