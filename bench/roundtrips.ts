/**
 * Round trips from TCP SYN to PUBACK, of Dormouse and of other clients, through the same delay to the same broker.
 * They are counted by what answers what, and held against the time that passed in units of the delay: no figure is a time.
 */
import type { Benchmark, Row } from "./benchmark.js";
import { earlyDataFrontMissing } from "./round-trips/early-data-front.js";
import { brokerMissing, publishers } from "./round-trips/publishers.js";
import { type Count, type Handshake, RoundTripScene } from "./round-trips/scene.js";

/** Seen on a link whose packets were all delayed, with TCP and its handshake as they are. */
const nagle =
  "Not in these figures: on a real network Nagle's algorithm costs mosquitto_pub and paho one more,\n" +
  "and a Mosquitto without set_tcp_nodelay costs every client one more.";

const handshakes: readonly Handshake[] = ["full", "resumed", "0-RTT"];

interface Contestant {
  readonly client: string;
  readonly handshake: Handshake;
  readonly missing: string | undefined;
  count(scene: RoundTripScene): Promise<Count>;
}

const contestants = (): Contestant[] => [
  ...handshakes.map((handshake) => ({
    client: handshake === "full" ? "dormouse" : `dormouse, ${handshake}`,
    handshake,
    missing: handshake === "0-RTT" ? earlyDataFrontMissing() : undefined,
    count: (scene: RoundTripScene) => scene.dormouse(handshake),
  })),
  ...publishers.map((publisher) => ({
    client: publisher.name,
    handshake: "full" as const,
    missing: publisher.missing(),
    count: (scene: RoundTripScene) => scene.publisher(publisher),
  })),
];

export const roundtrips: Benchmark = {
  about: "round trips from TCP SYN to PUBACK on TLS 1.3, beside mosquitto_pub, mqtt.js and Paho",
  async run() {
    const without = brokerMissing();
    if (without) throw new Error(`nothing to publish to: install ${without}`);
    const rows: Row[] = [];
    const notes = [nagle];
    const scene = await RoundTripScene.start();
    try {
      for (const { client, handshake, missing, count } of contestants())
        if (missing) notes.push(`${client} is left out: install ${missing}`);
        else {
          const { roundTrips, measured } = await count(scene);
          rows.push({ client, handshake, "round trips": roundTrips, measured: measured.toFixed(2) });
        }
    } finally {
      await scene.stop();
    }
    return {
      title: "Round trips from TCP SYN to PUBACK, QoS 1, TLS 1.3",
      rows,
      notes,
      json: Object.fromEntries(rows.map((row) => [row.client!, row["round trips"]!])),
    };
  },
};
