/** Long runs out of short ones: the events of real wakes, one after the other with other numbers and times. */
import type { RunEvent } from "../../../host-sim/report/events.js";
import { History } from "../../../host-sim/report/history/history.js";

export interface LongRun {
  readonly wakes: number;
  readonly intervalMs: number;
  /** Which of the run's wakes (from 1) a wake is to be like. */
  readonly like: (wake: number) => number;
  readonly devices?: readonly string[];
}

/** @param events of a run of one device, its summary last */
export function longRun(events: readonly RunEvent[], { wakes, intervalMs, like, devices }: LongRun): History {
  const byWake = new Map<number, RunEvent[]>();
  for (const event of events)
    if (event.event !== "summary") byWake.set(event.wake, [...(byWake.get(event.wake) ?? []), event]);
  const from = events[0]!.at;
  const history = new History();
  let sequence = 0;
  let counter = 0;
  for (let wake = 1; wake <= wakes; wake++)
    for (const [n, device] of (devices ?? [events[0]!.device]).entries()) {
      const pattern = byWake.get(like(wake))!;
      const shift = from + (wake - 1) * intervalMs + n * 1000 - pattern[0]!.at;
      for (const event of pattern) {
        if (event.event === "queued" && n === 0) sequence++;
        if (event.event === "sent" && n === 0) counter++;
        const numbers =
          event.event === "queued"
            ? { sequence }
            : event.event === "sent"
              ? { counter, ...(event.first !== undefined && { first: sequence }) }
              : event.event === "acked"
                ? { counter }
                : {};
        history.event({ ...event, at: event.at + shift, device, wake, ...numbers } as RunEvent);
      }
    }
  const summary = events.find((event) => event.event === "summary");
  if (summary) history.event(summary);
  return history;
}
