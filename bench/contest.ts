/**
 * One message with QoS 1 from TCP SYN to PUBACK, by Dormouse and by other clients, through the same delay to the same
 * broker: round trips and bytes. Round trips are counted by what answers what, and held against the time that passed in
 * units of the delay: no figure is a time.
 */
import { earlyDataFrontMissing } from "./round-trips/early-data-front.js";
import { brokerMissing, publishers } from "./round-trips/publishers.js";
import { type Count, type Handshake, RoundTripScene } from "./round-trips/scene.js";

export interface Standing extends Count {
  readonly client: string;
  readonly handshake: Handshake;
}

export interface Contest {
  readonly standings: readonly Standing[];
  /** Whom there was no program of, and what would bring it, a line each. */
  readonly missing: readonly string[];
}

interface Contestant {
  readonly client: string;
  readonly handshake: Handshake;
  readonly missing: string | undefined;
  count(scene: RoundTripScene): Promise<Count>;
}

const handshakes: readonly Handshake[] = ["full", "resumed", "0-RTT"];

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

export async function contest(): Promise<Contest> {
  const without = brokerMissing();
  if (without) throw new Error(`nothing to publish to: install ${without}`);
  const standings: Standing[] = [];
  const absent: string[] = [];
  const scene = await RoundTripScene.start();
  try {
    for (const { client, handshake, missing, count } of contestants())
      if (missing) absent.push(`${client} is left out: install ${missing}`);
      else standings.push({ client, handshake, ...(await count(scene)) });
  } finally {
    await scene.stop();
  }
  return { standings, missing: absent };
}

/** Seen on a link whose packets were all delayed, with TCP and its handshake as they are. */
export const nagle =
  "Not in these figures: on a real network Nagle's algorithm costs mosquitto_pub and paho one round trip more,\n" +
  "and a Mosquitto without set_tcp_nodelay costs every client one more.";
