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
  const numbers = (event: RunEvent, own: number) => {
    if (event.event === "queued") return { sequence };
    if (event.event === "acked") return { counter };
    if (event.event !== "sent") return {};
    return { counter, ...(event.first !== undefined && { first: sequence - (own - event.first) }) };
  };
  for (let wake = 1; wake <= wakes; wake++)
    for (const [n, device] of (devices ?? [events[0]!.device]).entries()) {
      const pattern = byWake.get(like(wake))!;
      const shift = from + (wake - 1) * intervalMs + n * 1000 - pattern[0]!.at;
      const own = pattern.find((event) => event.event === "queued")?.sequence ?? 0;
      if (own > 0 && n === 0) sequence++;
      for (const event of pattern) {
        if (event.event === "sent" && n === 0) counter++;
        history.event({ ...event, at: event.at + shift, device, wake, ...numbers(event, own) } as RunEvent);
      }
    }
  const summary = events.find((event) => event.event === "summary");
  if (summary) history.event(summary);
  return history;
}
