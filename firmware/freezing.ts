/** Gives a message its counter: carries out what lib/sealed's counter asks for, in flash and in RTC memory. */
import type { Failure } from "dormouse/failure";
import { type CounterEvent, type CounterState, reservationSize, step } from "dormouse/sealed/counter";
import type { Draft, Frozen, Numbered } from "dormouse/sealed/frozen";
import { maxCounter } from "dormouse/sealed/header";
import { writeReservation } from "./provisioned.js";

/** What became of a draft: frozen, or a failure; too large when RTC memory has no room for it. */
export type Frost<D extends Draft> = Frozen<D> | Failure | "too large";

/**
 * @param persist writes message and next counter in one step, and reads them back
 * @returns also the counter's state from then on
 */
export function freezeDraft<D extends Draft>(
  counter: CounterState<D>,
  draft: D,
  persist: (message: Numbered<D>, next: number) => Failure | "too large" | undefined,
): { readonly counter: CounterState<D>; readonly frost: Frost<D> } {
  let state = counter;
  let event: CounterEvent<D> | undefined = { type: "freeze", draft };
  let tooLarge = false;
  while (event) {
    const next: ReturnType<typeof step<D>> = step(state, event);
    state = next.state;
    event = undefined;
    for (const effect of next.effects) {
      switch (effect.type) {
        case "write-reservation":
          event = reserve(effect.reservedEnd);
          break;
        case "persist": {
          const written = persist(effect.message, effect.next);
          tooLarge = written === "too large";
          if (written === undefined) event = { type: "persisted" };
          else event = { type: "storage-failed", detail: tooLarge ? "" : (written as Failure).detail };
          break;
        }
        case "frozen":
          return { counter: state, frost: effect.message };
        case "failed":
          return { counter: state, frost: tooLarge ? "too large" : effect.failure };
      }
    }
  }
  throw new Error("the counter neither froze nor failed");
}

/** The counter at its reservation's end, which has been raised; undefined when flash does not keep that. */
export function raiseReservation<D extends Draft>({
  reservedEnd,
}: CounterState<D>): CounterState<D> | undefined {
  const wanted = Math.min(reservedEnd + reservationSize, maxCounter + 1);
  const event: CounterEvent<D> = reserve(wanted);
  if (event.type !== "reserved" || event.reservedEnd !== wanted) return undefined;
  return { at: "ready", next: reservedEnd, reservedEnd: wanted };
}

function reserve<D extends Draft>(reservedEnd: number): CounterEvent<D> {
  try {
    const now = writeReservation(reservedEnd);
    if (now !== undefined) return { type: "reserved", reservedEnd: now };
    return { type: "storage-failed", detail: "the device record cannot be read back" };
  } catch (error) {
    return { type: "storage-failed", detail: String(error) };
  }
}
