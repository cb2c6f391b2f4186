/**
 * The message counter: no counter ever meets two plaintexts. RTC memory holds the next counter, flash the end of
 * a reservation ahead of it. A counter is given only below the persisted end, and a message is handed out for
 * sending only after it has been persisted together with its counter. Pure: the shell writes, reads back, and
 * answers. One counter serves all topics of a device; it refuses to pass 2^40 - 1.
 */
import { type Failure, failure } from "../failure.js";
import { type Draft, type Frozen, type Numbered, thaw } from "./frozen.js";
import { maxCounter } from "./header.js";

/** Counters that one flash write pays for. */
export const reservationSize = 1024;

interface Position {
  /** The counter of the next message. */
  readonly next: number;
  /** Flash allows counters below this one. */
  readonly reservedEnd: number;
}

export type CounterState<D extends Draft> =
  | (Position & { readonly at: "ready" })
  | (Position & { readonly at: "reserving"; readonly wantedEnd: number; readonly draft: D })
  | (Position & { readonly at: "freezing"; readonly message: Numbered<D> });

export type CounterEvent<D extends Draft> =
  | { readonly type: "freeze"; readonly draft: D }
  /** The reservation was written; `reservedEnd` is what flash says now. */
  | { readonly type: "reserved"; readonly reservedEnd: number }
  /** Message and next counter were written and read back alike. */
  | { readonly type: "persisted" }
  | { readonly type: "storage-failed"; readonly detail: string };

export type CounterEffect<D extends Draft> =
  /** Write this end into the device record; answer `reserved` or `storage-failed`. */
  | { readonly type: "write-reservation"; readonly reservedEnd: number }
  /** Write message and next counter in one step; answer `persisted` or `storage-failed`. */
  | { readonly type: "persist"; readonly next: number; readonly message: Numbered<D> }
  /** The message may be sent, as often as it takes. */
  | { readonly type: "frozen"; readonly message: Frozen<D> }
  | { readonly type: "failed"; readonly failure: Failure };

export interface CounterStep<D extends Draft> {
  readonly state: CounterState<D>;
  readonly effects: readonly CounterEffect<D>[];
}

/** Whether RTC memory's next counter can belong to the reservation that flash holds. */
export function withinReservation(next: number, reservedEnd: number): boolean {
  return (
    Number.isSafeInteger(next) && next >= 0 && next >= reservedEnd - reservationSize && next <= reservedEnd
  );
}

/**
 * The state at boot.
 * @param reservedEnd from the device record in flash.
 * @param rtcNext from RTC memory, if that was trusted. Without it, or when it lies outside the reservation, all
 *   reserved counters count as used.
 */
export function openCounter<D extends Draft>(reservedEnd: number, rtcNext?: number): CounterState<D> {
  const next = rtcNext !== undefined && withinReservation(rtcNext, reservedEnd) ? rtcNext : reservedEnd;
  return { at: "ready", next, reservedEnd };
}

/** @throws RangeError for an event that cannot happen in this state: the shell's mistake. */
export function step<D extends Draft>(state: CounterState<D>, event: CounterEvent<D>): CounterStep<D> {
  switch (state.at) {
    case "ready":
      if (event.type !== "freeze") break;
      return freeze(state, event.draft);
    case "reserving":
      if (event.type === "storage-failed") return fail(state, event.detail);
      if (event.type !== "reserved") break;
      if (event.reservedEnd !== state.wantedEnd) return fail(state, "flash kept another reservation");
      return freeze({ next: state.next, reservedEnd: state.wantedEnd }, state.draft);
    case "freezing":
      // A counter whose message may or may not have been written is never given again.
      if (event.type === "storage-failed") return fail(state, event.detail);
      if (event.type !== "persisted") break;
      return {
        state: { at: "ready", next: state.next, reservedEnd: state.reservedEnd },
        effects: [{ type: "frozen", message: thaw(state.message) }],
      };
  }
  throw new RangeError(`${event.type} while ${state.at}`);
}

function freeze<D extends Draft>({ next, reservedEnd }: Position, draft: D): CounterStep<D> {
  if (next > maxCounter) {
    const exhausted = failure("counter-exhausted", "all counters of this secret are used: provision anew");
    return { state: { at: "ready", next, reservedEnd }, effects: [{ type: "failed", failure: exhausted }] };
  }
  if (next >= reservedEnd) {
    const wantedEnd = Math.min(next + reservationSize, maxCounter + 1);
    return {
      state: { at: "reserving", next, reservedEnd, wantedEnd, draft },
      effects: [{ type: "write-reservation", reservedEnd: wantedEnd }],
    };
  }
  const message: Numbered<D> = { ...draft, counter: next };
  return {
    state: { at: "freezing", next: next + 1, reservedEnd, message },
    effects: [{ type: "persist", next: next + 1, message }],
  };
}

function fail<D extends Draft>({ next, reservedEnd }: Position, detail: string): CounterStep<D> {
  return {
    state: { at: "ready", next, reservedEnd },
    effects: [{ type: "failed", failure: failure("storage-failed", detail) }],
  };
}
