/**
 * One broker, one PKI, and a delay before them: counts round trips from TCP SYN to PUBACK for whoever publishes a
 * message with QoS 1 and disconnects when it is acknowledged. The client has the PUBACK not before the broker has
 * sent it and a way has passed, and not after its DISCONNECT set out, a way before the broker has that. If the two do
 * not come to the same whole number, there is no count.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { only } from "../../test/e2e/run.js";
import { deviceId, Pki, type TlsRun, tlsRun } from "../../test/e2e/tls-scene.js";
import { DelayingProxy } from "./delaying-proxy.js";
import { EarlyDataFront } from "./early-data-front.js";
import type { Publisher } from "./publishers.js";
import { WatchedBroker } from "./watched-broker.js";

export interface Count {
  readonly roundTrips: number;
  /** The same as it was measured: more by what the machines themselves took. */
  readonly measured: number;
}

export interface Passage {
  readonly clientId: string;
  /** Where the proxy leads; the broker's TLS listener unless named. */
  readonly targetPort?: number;
  /** Publishes to the port of the proxy. Its last connection counts. */
  readonly publish: (port: number) => Promise<void>;
}

export type Handshake = "full" | "resumed" | "0-RTT";

/** Large against what the machines take; where one is not, the next one is tried. */
const oneWaysMs = [150, 300, 600];
/** How much that may be, in round trips: it makes a figure larger, never smaller, but for the grain of the clocks. */
const blur = 0.25;
const grain = 0.03;
const witnessMs = 5000;

export class RoundTripScene {
  readonly #pki: Pki;
  readonly broker = new WatchedBroker();
  readonly #caFile: string;

  private constructor(pki: Pki) {
    this.#pki = pki;
    this.#caFile = join(pki.folder, "trusted.pem");
    writeFileSync(this.#caFile, pki.root.pem);
  }

  static async start(): Promise<RoundTripScene> {
    const scene = new RoundTripScene(await Pki.create());
    try {
      await scene.broker.start(scene.#pki);
      return scene;
    } catch (error) {
      await scene.stop();
      throw error;
    }
  }

  /** @throws {Error} when the machine is too slow or too busy for a clear figure */
  async count(passage: Passage): Promise<Count> {
    const blurred: string[] = [];
    for (const oneWayMs of oneWaysMs) {
      const { atLeast, atMost } = await this.#measure(passage, oneWayMs);
      const roundTrips = Math.floor(atLeast + grain);
      if (Math.abs(atMost - roundTrips) <= blur) return { roundTrips, measured: atMost };
      blurred.push(`${atLeast.toFixed(2)} to ${atMost.toFixed(2)}`);
    }
    throw new Error(`${passage.clientId}: no whole number of round trips: ${blurred.join(", ")}`);
  }

  async #measure({ clientId, targetPort, publish }: Passage, oneWayMs: number) {
    const proxy = new DelayingProxy(targetPort ?? this.broker.tlsPort, oneWayMs);
    try {
      await publish(await proxy.start());
      const synAt = proxy.acceptedAtMs.at(-1);
      if (synAt === undefined) throw new Error(`${clientId} did not connect`);
      const saw = (deed: Parameters<WatchedBroker["saw"]>[0], since: number) =>
        this.broker.saw(deed, clientId, since, witnessMs + 4 * oneWayMs);
      const pubackSentAt = await saw("Sending PUBACK to", synAt);
      const disconnectAt = await saw("Received DISCONNECT from", pubackSentAt);
      return {
        atLeast: (pubackSentAt + oneWayMs - synAt) / proxy.roundTripMs,
        atMost: (disconnectAt - oneWayMs - synAt) / proxy.roundTripMs,
      };
    } finally {
      await proxy.stop();
    }
  }

  /** Done by somebody else's client. */
  publisher({ name, publish }: Publisher): Promise<Count> {
    const clientId = name.replaceAll(/[^a-z.]+/g, "-");
    return this.count({ clientId, publish: (port) => publish({ port, caFile: this.#caFile, clientId }) });
  }

  /** The firmware's first wake; or the second one, which takes up the first one's TLS session. */
  async dormouse(handshake: Handshake): Promise<Count> {
    if (handshake !== "0-RTT") return this.#wakes(handshake, this.broker.tlsPort);
    // Mosquitto's tickets permit no early data.
    const front = new EarlyDataFront();
    try {
      return await this.#wakes(handshake, await front.start(this.#pki, this.broker.plainPort));
    } finally {
      await front.stop();
    }
  }

  async #wakes(handshake: Handshake, targetPort: number): Promise<Count> {
    const identity = await this.#pki.identity("none");
    const cycles = handshake === "full" ? 1 : 2;
    const early = handshake === "0-RTT";
    return this.count({
      clientId: deviceId,
      targetPort,
      publish: async (port) => {
        const { errors, events, notes } = await tlsRun({
          cycles,
          port,
          openPort: this.broker.plainPort,
          identity,
          ca: this.#pki.root,
          tls: { earlyData: early },
          ...(early && inTime),
        });
        const secured = only(events, "phase").filter(({ name }) => name === "secure");
        const { detail = "" } = secured.at(-1) ?? {};
        const [, how = "full"] = detail.split(", ");
        if (errors.length > 0 || secured.length !== cycles || how !== told[handshake])
          throw new Error(`dormouse, ${handshake}: ${[detail, ...errors, ...notes].join("\n")}`);
      },
    });
  }

  async stop(): Promise<void> {
    await this.broker.stop();
    this.#pki.remove();
  }
}

/** What the firmware says of the phase `secure`. */
const told: Readonly<Record<Handshake, string>> = {
  full: "full",
  resumed: "resumed",
  "0-RTT": "resumed with early data",
};

/**
 * OpenSSL takes early data when the ticket's age, which the device tells, is at most a second more than by the server's
 * own clock: that one goes on in real time, so the sleep is waited for, and the network is quick.
 */
const inTime: Pick<TlsRun, "interval" | "disturbance"> = {
  interval: "1s",
  disturbance: {
    network: (quiet) => ({ ...quiet, joinMs: [1, 1], dnsMs: [1, 1], sntpMs: [1, 1] }),
    asleep: async () => void (await wait(1100)),
  },
};
