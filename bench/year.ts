/**
 * A year of one board at the embedded broker, with faults in every fifth wake: what became of its readings, how often
 * flash was written, and whether the simulator's memory stays as it is. The last hours are quiet, so that whatever can
 * still arrive does.
 */
import { simOptions } from "../cli/sim.js";
import { duration, whole } from "../cli/values.js";
import { engineFile } from "../host-sim/engine-file.js";
import { faultDisturbance } from "../host-sim/faults/disturb.js";
import { parseFaults } from "../host-sim/faults/fault.js";
import type { Summary } from "../host-sim/report/events.js";
import { simulate } from "../host-sim/run.js";
import type { Benchmark, Row } from "./benchmark.js";
import { MemorySamples } from "./memory-samples.js";
import { ReadingsLedger } from "./readings-ledger.js";

/** Each in so many of the wakes. What flash forgets without a word is not among them: nobody can make that good. */
export const faults = [
  "no-ap:2%,wrong-password:0.5%,ap-moved:1%,lease-expired:1%,dns-fail:1%,dns-wrong:0.5%,sntp-fail:1%",
  "clock-lost:0.5%,clock-wrong=-4000:0.5%,refuse:1%,reset@secure:0.5%,reset@session:0.5%,reset@drain:1%",
  "stall@connect:0.5%,stall@secure:0.5%,stall@drain:1%,loss=5%:2%,delay=200ms:2%,broker-restart:0.5%",
  "bad-certificate:0.5%,flash-full:0.5%,rtc-lost:0.5%,rtc-torn:0.5%,power-cut@1-400:1%,brownout@1-300000:1%",
].join(",");

const quietMs = 12 * 3_600_000;

export interface YearOptions {
  readonly for: string;
  readonly seed: string;
  readonly board: string;
}

export interface Year {
  readonly summary: Summary;
  readonly readings: ReadingsLedger;
  readonly memory: MemorySamples;
  readonly flashWrites: number;
  /** Wakes in which a fault held. */
  readonly disturbed: number;
  /** By their kind. */
  readonly errors: ReadonlyMap<string, number>;
}

export async function liveThrough(given: YearOptions): Promise<Year> {
  const options = await simOptions({ board: given.board, for: given.for, seed: given.seed });
  const untilMs = options.forMs! - quietMs;
  const until = parseFaults(faults).map((fault) =>
    "chance" in fault.when ? { ...fault, when: { ...fault.when, untilMs } } : fault,
  );
  const memory = new MemorySamples();
  const readings = new ReadingsLedger();
  const disturbed = new Set<number>();
  const errors = new Map<string, number>();
  let flashWrites = 0;
  const disturbance = faultDisturbance(until, options);
  const tally = await simulate(
    {
      ...options,
      engine: await engineFile("release"),
      disturbance: {
        ...disturbance,
        before: (moment, device, broker) => {
          memory.atWake(moment.wake, device.pid);
          return disturbance.before!(moment, device, broker);
        },
      },
    },
    {
      note: () => {},
      report(event) {
        readings.event(event);
        if (event.event === "fault") disturbed.add(event.wake);
        if (event.event === "error") errors.set(event.kind, (errors.get(event.kind) ?? 0) + 1);
        if ("cost" in event) flashWrites += event.cost?.flashWrites ?? 0;
      },
    },
  );
  return { summary: tally.summary, readings, memory, flashWrites, disturbed: disturbed.size, errors };
}

export const year: Benchmark = {
  about: "a year of one board with random faults: its readings, flash writes, and the simulator's memory",
  flags: { for: "1y", seed: "1", board: "esp32c3" },
  async run(flags) {
    duration("--for", flags.for!, 2 * quietMs, 100 * 365 * 86_400_000);
    whole("--seed", flags.seed!, 0, 2 ** 32 - 1);
    const startedAtMs = performance.now();
    const { summary, readings, memory, flashWrites, disturbed, errors } = await liveThrough(
      flags as unknown as YearOptions,
    );
    const seconds = (performance.now() - startedAtMs) / 1000;
    const { wakes, published, acked, verified, rejected } = summary;
    const figures: Row = {
      wakes,
      disturbed,
      readings: readings.queued,
      delivered: readings.delivered,
      dropped: readings.dropped,
      gap: readings.gap,
      unaccounted: readings.unaccounted,
      published,
      acked,
      verified,
      rejected,
      flashWrites,
      nodeHeapEarlyKb: memory.early.nodeHeapKb,
      nodeHeapLateKb: memory.late.nodeHeapKb,
      engineEarlyKb: memory.early.engineKb,
      engineLateKb: memory.late.engineKb,
    };
    const counted = [...errors].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} ${kind}`);
    return {
      title: `${flags.for} of one ${flags.board}, seed ${flags.seed}`,
      rows: Object.entries(figures).map(([figure, count]) => ({ figure, count })),
      notes: [
        `errors: ${counted.join(", ")}`,
        `It took ${Math.round(seconds)} s, ${((1000 * seconds) / wakes).toFixed(1)} ms a wake.`,
      ],
      json: { bench: "year", ...figures, seconds: Math.round(seconds) },
    };
  },
};
