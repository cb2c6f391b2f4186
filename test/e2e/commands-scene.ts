/**
 * A device that takes commands, a Mosquitto between, and a controller who can also do what none should: choose counters,
 * repeat bytes, and leave out what belongs there. Results are verified before they are read.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { connectAsync, type MqttClient } from "mqtt";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import type { Disturbance, Memories } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import { utf8Encode } from "../../lib/cbor/utf8.js";
import { type Command, decodeResult, encodeCommand, type Result } from "../../lib/commands/command.js";
import { thaw } from "../../lib/sealed/frozen.js";
import { coseSign1, plainCbor } from "../../lib/sealed/header.js";
import { deriveSealKey, deriveStampKey } from "../../lib/sealed/keys.js";
import { type OperatorKey, signOperator } from "../../lib/sealed/operator.js";
import { closeKey, open, protect } from "../../lib/sealed/protect.js";
import type { Profile } from "../../lib/store/profile.js";
import {
  type CommandSettings,
  type Protection,
  sealAlgorithms,
  stampAlgorithms,
} from "../../lib/store/protection.js";
import type { Broker } from "./mqtt-broker.js";
import { eager, only, run } from "./run.js";

export const stamped: CommandSettings = {
  protection: "stamp",
  algorithm: "hmac-256",
  controllers: ["ops", "night-shift"],
};

const day = 86_400;

/** What a test may do otherwise than an honest controller does. */
export interface Sent extends Partial<Command> {
  readonly controller?: string;
  readonly counter: number;
  readonly operator?: OperatorKey;
  /** Of the AAD and key, when not where it is published. */
  readonly topic?: string;
}

export interface CommandWakes {
  readonly cycles: number;
  readonly board?: BoardName;
  readonly port?: number;
  /** Over TLS: the root certificate's file. */
  readonly ca?: string;
  readonly measure?: boolean;
  /** What the device protects its messages with, if that is not a stamp: then its answers are the judge's to read. */
  readonly up?: Protection;
  readonly signKey?: Uint8Array;
  readonly recipientKey?: Uint8Array;
  readonly edit?: (profile: Profile) => Profile;
  readonly onEvent?: (event: RunEvent) => void;
  readonly disturbance?: Disturbance;
  /** See RunOptions. */
  readonly signal?: AbortSignal;
}

export class CommandScene {
  readonly secret = randomBytes(32);
  readonly id: string;
  readonly base: string;
  readonly #broker: Broker;
  #client: MqttClient;
  readonly settings: CommandSettings;
  #stamped = true;
  /** All results so far, as they came. */
  readonly results: Result[] = [];

  private constructor(id: string, broker: Broker, client: MqttClient, settings: CommandSettings) {
    this.id = id;
    this.base = `sensors/${id}`;
    this.#broker = broker;
    this.#client = client;
    this.settings = settings;
  }

  static async open(broker: Broker, id: string, settings = stamped): Promise<CommandScene> {
    const scene = new CommandScene(id, broker, await connected(broker), settings);
    await scene.#listen();
    return scene;
  }

  /** The broker has been another one meanwhile. */
  async reopen(): Promise<void> {
    await this.#client.endAsync(true);
    this.#client = await connected(this.#broker);
    await this.#listen();
  }

  async #listen(): Promise<void> {
    this.#client.on("message", (topic, payload) => {
      if (topic === this.resultTopic && this.#stamped) this.#received(topic, payload);
    });
    await this.#client.subscribeAsync(this.resultTopic, { qos: 1 });
  }

  get topic(): string {
    return `${this.base}/command`;
  }

  get resultTopic(): string {
    return `${this.base}/result`;
  }

  /** What is known of the next challenge. */
  get challenge(): Uint8Array | null {
    return this.results.at(-1)?.challenge ?? null;
  }

  #received(topic: string, message: Uint8Array): void {
    const secret = nodeCrypto.importSecret(this.secret);
    const key = deriveStampKey(nodeCrypto, secret, {
      sender: { id: this.id, epoch: 0 },
      direction: "up",
      topic,
    });
    const check = open(nodeCrypto, key, message);
    closeKey(key);
    secret.close();
    const result = check.verdict === "verified" ? decodeResult(check.message.payload) : undefined;
    if (!result) throw new Error(`on ${topic}: ${check.verdict}`);
    this.results.push(result);
  }

  /** A command's bytes: by default one that is in time and carries the last challenge. */
  command(sent: Sent): Uint8Array {
    const { controller = "ops", counter, operator, topic = this.topic, ...command } = sent;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const plaintext = encodeCommand({
      name: "identify",
      args: [],
      issuedAt: nowSeconds,
      expiresAt: nowSeconds + 30 * day,
      challenge: this.challenge,
      ...command,
    });
    const { settings } = this;
    const channel = { sender: { id: controller, epoch: 0 }, direction: "down", topic } as const;
    const secret = nodeCrypto.importSecret(this.secret);
    const key =
      settings.protection === "stamp"
        ? deriveStampKey(nodeCrypto, secret, channel, stampAlgorithms[settings.algorithm])
        : deriveSealKey(nodeCrypto, secret, channel, sealAlgorithms[settings.algorithm]);
    const plain = { counter, plaintext, contentType: plainCbor } as const;
    const payload = operator && signOperator(nodeCrypto, operator, { topic, kid: key.kid }, thaw(plain));
    const message = protect(
      nodeCrypto,
      key,
      thaw(payload ? { counter, plaintext: payload, contentType: coseSign1 } : plain),
    );
    closeKey(key);
    secret.close();
    return message;
  }

  async publish(
    payload: Uint8Array | string,
    options: { qos?: 0 | 1 | 2; retain?: boolean } = {},
  ): Promise<void> {
    const { qos = 1, retain = false } = options;
    await this.#client.publishAsync(this.topic, Buffer.from(payload), { qos, retain });
  }

  async send(sent: Sent): Promise<void> {
    await this.publish(this.command(sent));
  }

  /** Wakes, and in the pauses between what the test does. */
  async wakes({ board = "esp32c3", cycles, port, edit = (profile) => profile, ...given }: CommandWakes) {
    const { ca, measure = false, up, signKey, recipientKey } = given;
    this.#stamped = up === undefined;
    const at = `localhost:${port ?? this.#broker.port}`;
    const way = ca === undefined ? { broker: `mqtt://${at}` } : { broker: `mqtts://${at}`, ca };
    const flags = { board, cycles: `${cycles}`, ...way };
    const { profile, secrets } = await simOptions(flags);
    const { base, id } = this;
    const result = await run(flags, given.onEvent, {
      deviceSecret: this.secret,
      measure,
      ...(signKey && { secrets: { ...secrets, signKey } }),
      ...(recipientKey && { recipientKey }),
      ...(given.signal && { signal: given.signal }),
      disturbance: { listenerPort: this.#broker.port, listenerTls: null, ...given.disturbance },
      profile: edit({
        ...eager(profile),
        device: { id },
        topics: { ...profile.topics, base, readings: `${base}/readings`, ...(up && { up }) },
        mqtt: { ...profile.mqtt, version: "5", sessionExpirySeconds: 7 * day },
        commands: this.settings,
      }),
    });
    await this.settled();
    const commands = only(result.events, "command").map(
      ({ wake, name = "", status, controller, counter = "" }) =>
        `${wake} ${controller} ${counter} ${name} ${status}`,
    );
    const acts = result.notes.filter((note) => note === "Here I am!").length;
    const errors = only(result.events, "error").map(({ wake, kind }) => `${wake} ${kind}`);
    return { ...result, commands, acts, errors };
  }

  /** What the broker has taken has come here too. */
  async settled(): Promise<void> {
    const done = new Promise<void>((resolve) => {
      const hear = (topic: string) => {
        if (topic !== this.#fence) return;
        this.#client.off("message", hear);
        resolve();
      };
      this.#client.on("message", hear);
    });
    await this.#client.subscribeAsync(this.#fence, { qos: 1 });
    await this.#client.publishAsync(this.#fence, "", { qos: 1 });
    await done;
  }

  get #fence(): string {
    return `fence/${this.id}`;
  }

  /** What happens while the device sleeps after its first wake, its second …; what it has said before is heard by then. */
  pauses(...acts: (((kept: Memories) => unknown) | undefined)[]): Disturbance {
    return {
      asleep: async (wake, kept) => {
        await this.settled();
        return (await acts[wake - 1]?.(kept)) as Partial<Memories> | undefined;
      },
    };
  }

  statuses(): string[] {
    return this.results.map(
      ({ controller, counter, status, value }) => `${controller} ${counter} ${status} ${value}`,
    );
  }

  async close(): Promise<void> {
    await this.#client.endAsync();
  }
}

function connected(broker: Broker): Promise<MqttClient> {
  return connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
}

/** A key pair: the private key as PKCS #8 in DER, the public one as a profile has it. */
export function p256() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]);
  return {
    der: privateKey.export({ type: "pkcs8", format: "der" }),
    point: point.toString("base64url"),
  };
}

/** An operator's key, as the profile has it and as it signs. */
export function operator(kid = "plant") {
  const { der, point } = p256();
  return {
    settings: { kid, key: point },
    key: { kid: utf8Encode(kid), key: nodeCrypto.importSigningKey(der) },
  };
}
