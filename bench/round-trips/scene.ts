/**
 * One broker, one PKI, and a delay before them: counts round trips from TCP SYN to PUBACK for whoever publishes a
 * message with QoS 1 and disconnects when it is acknowledged. The client has the PUBACK a way after the broker has
 * sent it, and its DISCONNECT, which is a way from the broker, is its answer: if that does not come to the same
 * number, there is no count.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { only } from "../../test/e2e/run.js";
import { deviceId, Pki, type TlsRun, tlsRun } from "../../test/e2e/tls-scene.js";
import { DelayingProxy } from "./delaying-proxy.js";
import { EarlyDataFront } from "./early-data-front.js";
import type { Publisher } from "./publishers.js";
import { type Deed, WatchedBroker } from "./watched-broker.js";

export interface Count {
  readonly roundTrips: number;
  /** The time that passed, in round trips: more by what the machines themselves took. */
  readonly measured: number;
  /** Of the connection, from its first byte to DISCONNECT and the end of TLS. */
  readonly bytesUp: number;
  /** As far as it has come by then. */
  readonly bytesDown: number;
}

export interface Passage {
  readonly clientId: string;
  /** Where the proxy leads; the broker's TLS listener unless named. */
  readonly targetPort?: number;
  /** Publishes to the port of the proxy. Its last connection counts. */
  readonly publish: (port: number) => Promise<void>;
}

export type Handshake = "full" | "resumed" | "0-RTT";

/** Where one is not large against what the machines take, the next one is tried. */
const oneWaysMs = [150, 300, 600];
/** How much that may be, in round trips. */
const blur = 0.25;
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

  /**
   * What is said late may seem to answer what was heard in the meantime: so the least counts, and it is taken at once
   * when the time tells the same.
   * @throws {Error} when PUBACK did not come, or was not waited for
   */
  async count(passage: Passage): Promise<Count> {
    let least: Count | undefined;
    for (const oneWayMs of oneWaysMs) {
      const { sent, answered, said } = await this.#measure(passage, oneWayMs);
      const [roundTrips, measured] = [(sent.ways + 1) / 2, answered.measured];
      if (answered.ways - 1 !== sent.ways + 1) continue;
      if (!least || roundTrips < least.roundTrips)
        least = { roundTrips, measured, bytesUp: said.client, bytesDown: said.server };
      if (measured - roundTrips <= blur) break;
    }
    if (!least) throw new Error(`${passage.clientId} disconnected without having waited for its PUBACK`);
    return least;
  }

  async #measure({ clientId, targetPort, publish }: Passage, oneWayMs: number) {
    const proxy = new DelayingProxy(targetPort ?? this.broker.tlsPort, oneWayMs);
    const witnessed: { deed: Deed; connection: object; ways: number; measured: number }[] = [];
    this.broker.watchers.set(clientId, (deed) => {
      const connection = proxy.connections.at(-1);
      if (!connection) return;
      const measured = (performance.now() - oneWayMs - connection.atMs) / (2 * oneWayMs);
      witnessed.push({ deed, connection, ways: connection.heard.server, measured });
    });
    try {
      await publish(await proxy.start());
      const last = proxy.connections.at(-1);
      for (let waited = 0; waited < witnessMs + 2 * oneWayMs; waited += 10) {
        const own = witnessed.filter(({ connection }) => connection === last);
        const from = own.findIndex(({ deed }) => deed === "Sending PUBACK to");
        const answered = own.slice(from).find(({ deed }) => deed === "Received DISCONNECT from");
        if (from >= 0 && answered) return { sent: own[from]!, answered, said: { ...last!.said } };
        await wait(10);
      }
      throw new Error(`${clientId} published nothing, or did not disconnect`);
    } finally {
      this.broker.watchers.delete(clientId);
      await proxy.stop();
    }
  }

  /** Done by somebody else's client. */
  publisher({ name, publish }: Publisher): Promise<Count> {
    const clientId = name.replaceAll(/[^a-z.]+/g, "-");
    const errand = { ...sameAsDormouse, caFile: this.#caFile, clientId };
    return this.count({ clientId, publish: (port) => publish({ ...errand, port }) });
  }

  /** The firmware's first wake; or a later one, which takes up the TLS session of the one before. */
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
    const early = handshake === "0-RTT";
    // After the first wake, at power-on, the board attends to its port: that is jumped over, so its ticket is told too old.
    const cycles = handshake === "full" ? 1 : early ? 3 : 2;
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

/** The same topic, and as many bytes as a reading of the simulated sensor has with its stamp. */
export const sameAsDormouse = { topic: `sensors/${deviceId}/readings`, message: "m".repeat(141) };

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
    network: (quiet) => ({
      ...quiet,
      scanMs: [0, 0],
      associateMs: [1, 1],
      keyMs: [0, 0],
      dhcpMs: [0, 0],
      dnsMs: [1, 1],
      sntpMs: [1, 1],
    }),
    asleep: async () => void (await wait(1100)),
  },
};
