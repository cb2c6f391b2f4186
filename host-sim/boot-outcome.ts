/** What a boot's log and its end come to: events for the report, their estimates, and why the next boot happens. */
import type { BootCause, BootEnd } from "./device.js";
import type { WakeEstimate } from "./energy/wake-meter.js";
import type { Estimated, RoundEstimate, RunEvent, WakeCost } from "./report/events.js";

/** An event without what says where and when. */
export type EventFields = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, "at" | "device" | "wake">
    : never
  : never;

export function wakeCost(
  { bytesUp, bytesDown, flashWrites, heap }: BootEnd,
  estimate: WakeEstimate,
): WakeCost {
  const sleepMicrocoulombs = Math.round(estimate.sleepMicrocoulombs);
  const { awakeMs: ms, microcoulombs } = estimate;
  const estimated = { ...told({ ms, microcoulombs }), sleepMicrocoulombs, rest: told(estimate.rest) };
  return { bytesUp, bytesDown, flashWrites, heap, estimated };
}

export function roundEstimate({ awakeMs, microcoulombs, idle }: WakeEstimate): RoundEstimate {
  const busy = { ms: awakeMs - idle.ms, microcoulombs: microcoulombs - idle.microcoulombs };
  return { ...told(busy), idleMicrocoulombs: Math.round(idle.microcoulombs) };
}

/** An estimate has no fractions to tell. */
export function told({ ms, microcoulombs }: Estimated): Estimated {
  return { ms: Math.round(ms), microcoulombs: Math.round(microcoulombs) };
}

/** Of what the firmware reports; `boot` the run knows better. */
export const deviceEvents = new Set([
  "phase",
  "queued",
  "spilled",
  "dropped",
  "gap",
  "sent",
  "acked",
  "command",
  "idle",
  "settings",
  "error",
]);

export function parseEvent(text: string): EventFields | undefined {
  if (!text.startsWith('{"event"')) return undefined;
  try {
    return JSON.parse(text) as EventFields;
  } catch {
    return undefined;
  }
}

export function causeAfter({ reason }: BootEnd): BootCause {
  switch (reason) {
    case "sleep":
      return "deep-sleep";
    case "restart":
      return "software";
    case "deadlock":
      return "watchdog";
    case "off":
    case "power-cut":
      return "power-on";
    case "brown-out":
      return "brown-out";
    case "abort":
    case "exception":
      return "abort";
  }
}

export function misfortune({ reason, detail }: BootEnd): { kind: string; code: number; detail: string } {
  if (reason === "abort") return { kind: "out-of-memory", code: 0, detail: `out of ${detail}` };
  return { kind: "internal", code: 0, detail: detail || reason };
}
