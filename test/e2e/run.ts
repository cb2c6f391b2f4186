/** Runs the simulator in this process and keeps its events, for the end-to-end tests. */
import { type SimFlags, simOptions } from "../../cli/sim.js";
import { engineFile } from "../../host-sim/engine-file.js";
import type { Reporter, RunEvent } from "../../host-sim/report/events.js";
import { type RunOptions, simulate } from "../../host-sim/run.js";
import type { Profile } from "../../lib/store/profile.js";

type EventOf<K extends RunEvent["event"]> = Extract<RunEvent, { event: K }>;

export function only<K extends RunEvent["event"]>(events: readonly RunEvent[], kind: K): EventOf<K>[] {
  return events.filter((event): event is EventOf<K> => event.event === kind);
}

/** A board that tries at every wake, however often it has failed: for tests of something else. */
export function eager(profile: Profile): Profile {
  return { ...profile, cycle: { ...profile.cycle, backoffMaxSeconds: 1 } };
}

export async function run(
  flags: SimFlags,
  onEvent: (event: RunEvent) => void = () => {},
  more: Partial<RunOptions> = {},
) {
  const events: RunEvent[] = [];
  const notes: string[] = [];
  const reporter: Reporter = {
    report(event) {
      events.push(event);
      onEvent(event);
    },
    note: (text) => notes.push(text),
  };
  // A fixed seed unless a test says another: what fails here fails again.
  const options = {
    ...(await simOptions({ seed: "1", ...flags })),
    engine: await engineFile("release"),
    ...more,
  };
  const tally = await simulate(options, reporter);
  return { events, notes, tally, summary: tally.summary };
}
