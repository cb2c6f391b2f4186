/**
 * A hundred boards for a day at a real Mosquitto over TLS: every message is acknowledged by the broker, received and
 * verified, exactly once. What the broker says it has acknowledged is counted apart from what the boards say.
 */
import { simOptions } from "../cli/sim.js";
import { duration, whole } from "../cli/values.js";
import { engineFile } from "../host-sim/engine-file.js";
import type { Summary } from "../host-sim/report/events.js";
import { simulate } from "../host-sim/run.js";
import { Pki } from "../test/e2e/tls-scene.js";
import type { Benchmark, Row } from "./benchmark.js";
import { brokerMissing } from "./round-trips/publishers.js";
import { WatchedBroker } from "./round-trips/watched-broker.js";

export interface FleetOptions {
  readonly devices: string;
  readonly for: string;
  readonly seed: string;
  readonly board: string;
}

export interface Fleet {
  readonly summary: Summary;
  readonly success: boolean;
  /** By the broker's own log: messages of the devices that it has acknowledged. */
  readonly pubacks: number;
  readonly errors: number;
}

export async function fleetAtMosquitto(given: FleetOptions): Promise<Fleet> {
  const pki = await Pki.create();
  const broker = new WatchedBroker();
  try {
    await broker.start(pki);
    const url = `mqtts://localhost:${broker.tlsPort}`;
    const options = await simOptions({ ...given, broker: url, ca: pki.rootFile });
    let pubacks = 0;
    for (let n = 1; n <= options.devices; n++)
      broker.watchers.set(`dormouse-${n}`, (deed) => {
        if (deed === "Sending PUBACK to") pubacks++;
      });
    let errors = 0;
    const engine = await engineFile("release");
    const tally = await simulate(
      { ...options, engine },
      {
        note: () => {},
        report: ({ event }) => {
          if (event === "error") errors++;
        },
      },
    );
    // The log comes through a pipe of its own.
    await broker.stop();
    return { summary: tally.summary, success: tally.success, pubacks, errors };
  } finally {
    await broker.stop();
    pki.remove();
  }
}

export const fleet: Benchmark = {
  about: "a hundred boards for a day at Mosquitto: what was sent, acknowledged and verified",
  flags: { devices: "100", for: "1d", seed: "1", board: "esp32c3" },
  async run(flags) {
    const without = brokerMissing();
    if (without) throw new Error(`nothing to publish to: install ${without}`);
    whole("--devices", flags.devices!, 2, 1000);
    duration("--for", flags.for!, 1000, 365 * 86_400_000);
    const startedAtMs = performance.now();
    const { summary, success, pubacks, errors } = await fleetAtMosquitto(flags as unknown as FleetOptions);
    const seconds = (performance.now() - startedAtMs) / 1000;
    const { devices, wakes, published, acked, verified, rejected, handshakes, resumed } = summary;
    const figures: Row = {
      devices,
      wakes,
      published,
      acked,
      pubacks,
      verified,
      rejected,
      errors,
      handshakes,
      resumed,
    };
    return {
      title: `${flags.devices} boards for ${flags.for} at Mosquitto`,
      rows: Object.entries(figures).map(([figure, count]) => ({ figure, count })),
      notes: [
        success ? "Every message arrived, once." : "NOT every message arrived once.",
        `It took ${Math.round(seconds)} s, ${((1000 * seconds) / wakes).toFixed(1)} ms a wake.`,
      ],
      json: { bench: "fleet", ...figures, success: success ? 1 : 0, seconds: Math.round(seconds) },
    };
  },
};
