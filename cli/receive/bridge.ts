/**
 * `dormouse bridge`: opens what devices sealed and publishes it in clear, for those who cannot open it. What does not
 * verify, or came before, goes no further. A message is acknowledged to its broker when the other broker has it.
 */
import type { Command } from "commander";
import type { Received } from "../../backend/receiver.js";
import type { Failure } from "../../lib/failure.js";
import type { QoS } from "../../lib/mqtt/wire/packet-types.js";
import { checkTopicName, topicMatches } from "../../lib/mqtt/wire/topics.js";
import type { SenmlReading } from "../../lib/senml/resolve.js";
import type { ClientSettings } from "../mqtt/client-flags.js";
import { addClientOptions, checked, collect, qosOf } from "../mqtt/client-flags.js";
import { failureLine, RefusedError, SessionError } from "../mqtt/failures.js";
import { NodeSession } from "../mqtt/node-session.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError, UsageError } from "../report.js";
import { choice } from "../values.js";
import { type ClearFormat, clearFormats, clearPack, mediaTypes } from "./clear.js";
import {
  addReceiveOptions,
  type ReceiveFlags,
  type ReceiveSettings,
  receiveSettings,
} from "./receive-flags.js";
import { kindOf, verdictLine } from "./records.js";
import { Source } from "./source.js";
import { addTargetOptions, type TargetFlags, targetSettings } from "./target-flags.js";
import { Notices } from "./told.js";
import { filtersMeet, TopicMap } from "./topic-map.js";

interface BridgeFlags extends ReceiveFlags, TargetFlags {
  readonly format?: string;
  readonly toPrefix?: string;
  readonly toMap?: readonly string[];
  readonly toQos?: string;
  readonly toRetain?: boolean;
}

/** A crash can lose as many: they were admitted, and not published yet. */
const atOnce = 16;

/** Where a device's topic leads to. */
class Clear {
  readonly #prefix: string;
  readonly #map: TopicMap | undefined;

  constructor({ toPrefix, toMap }: BridgeFlags) {
    if ((toPrefix === undefined) === (toMap === undefined))
      throw new UsageError("give --to-prefix or --to-map: where to publish in clear");
    this.#prefix = toPrefix ?? "";
    if (toPrefix !== undefined) checked("--to-prefix", () => checkTopicName(toPrefix, "a prefix"));
    if (toPrefix?.startsWith("$")) throw new UsageError("--to-prefix: a broker's own topics begin with $");
    this.#map = toMap && new TopicMap("--to-map", toMap);
  }

  /** @returns undefined: nowhere */
  topicFor(topic: string): string | undefined {
    return this.#map ? this.#map.map(topic) : `${this.#prefix}${topic}`;
  }

  /** @throws {UsageError} when a message in clear would come back as if a device had sent it */
  checkAgainst(filters: readonly string[]): void {
    const targets = this.#map?.targets ?? filters.map((filter) => `${this.#prefix}${filter}`);
    for (const target of targets)
      for (const filter of filters)
        if (filtersMeet(target, filter))
          throw new UsageError(
            `${this.#map ? "--to-map" : "--to-prefix"}: it would publish to ${printableLine(target)}, where it subscribes to ${printableLine(filter)}: name another place`,
          );
  }
}

/** One run of the command. */
class Bridge {
  readonly #clear: Clear;
  readonly #format: ClearFormat;
  readonly #qos: QoS;
  readonly #retain: boolean;
  readonly #properties: { readonly contentType?: string };
  readonly #target: NodeSession;
  #filters: readonly string[] = [];
  #published = 0;
  #lost = 0;
  #over = false;
  readonly #notices = new Notices();
  readonly #kept = new Map<string, number>();
  /** Who waits for the target to be connected. */
  #waiting: ((connected: boolean) => void)[] = [];

  constructor(flags: BridgeFlags, clear: Clear, target: ClientSettings) {
    this.#clear = clear;
    this.#format = choice("--format", flags.format ?? "json", clearFormats);
    this.#qos = qosOf("--to-qos", flags.toQos ?? "1");
    this.#retain = flags.toRetain ?? false;
    this.#properties = target.session.version === 5 ? { contentType: mediaTypes[this.#format] } : {};
    this.#target = new NodeSession({
      ...target,
      onTrace: target.onTrace && ((line) => target.onTrace!(`to: ${line}`)),
      reconnect: true,
      onLost: (lost, inMs) =>
        console.error(
          `dormouse: publishing: ${failureLine(lost)}; trying again in ${(inMs / 1000).toFixed(1)} s`,
        ),
      onEffect: (effect) => {
        if (effect.type !== "connected") return;
        for (const resolve of this.#waiting.splice(0)) resolve(true);
      },
    });
  }

  /** @throws {OperatorError} when it did not end as it was to */
  async run(settings: ReceiveSettings): Promise<void> {
    const source = await Source.open({
      ...settings,
      // Its own: what a listener beside it takes first would be no news to the bridge.
      replay: settings.replay ?? `${settings.keyringPath}.bridge.replay`,
      atOnce,
      use: (received, atMs) => this.#use(received, atMs),
      ready: () => this.#connected(),
      check: (filters) => {
        this.#clear.checkAgainst(filters);
        this.#filters = filters;
      },
    }).catch(async (error: unknown) => {
      await this.#target.disconnect();
      throw error;
    });
    const leave = () => {
      this.#leave();
      void source.finish("all");
    };
    // The second time they end the process.
    process.once("SIGINT", leave).once("SIGTERM", leave);
    let targetFailure: Failure | undefined;
    const targetEnded = this.#target.ended.then((why) => {
      targetFailure = why;
      this.#leave();
      void source.finish("begun");
    });
    const failure = await source.run(() => {});
    await this.#target.disconnect();
    await targetEnded;
    await this.#notices.end();
    process.off("SIGINT", leave).off("SIGTERM", leave);
    console.error(this.#summary());
    if (targetFailure) throw new OperatorError(`publishing: ${failureLine(targetFailure)}`);
    if (failure) throw new SessionError(failure);
    if (this.#lost > 0) throw new OperatorError(`${this.#lost} messages were not published`);
  }

  /** Whoever waits for a connection waits no longer. */
  #leave(): void {
    this.#over = true;
    for (const resolve of this.#waiting.splice(0)) resolve(false);
  }

  /** What nobody could publish now is not admitted either: it comes again. */
  #connected(): Promise<boolean> {
    if (this.#target.state.at === "connected") return Promise.resolve(true);
    if (this.#over) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #use(received: Received, atMs: number): Promise<boolean> {
    const { verdict, reading } = received;
    const line = verdictLine(received);
    if (verdict === "conflict") {
      this.#count(verdict);
      await this.#notices.always(line);
      return true;
    }
    if (verdict !== "fresh") return this.#keep(verdict, line, kindOf(received));
    if (reading === null) return this.#keep("no reading", `${line}: holds no SenML`);
    const topic = this.#clear.topicFor(received.topic);
    if (topic === undefined || this.#filters.some((filter) => topicMatches(filter, topic)))
      return this.#keep("no place", `${line}: nowhere to publish it in clear`);
    const payload = packed(reading, atMs, this.#format);
    if (payload === undefined)
      return this.#keep("no reading", `${line}: cannot be said in SenML of this format`);
    try {
      await this.#target.publish({
        ...this.#properties,
        topic,
        payload,
        qos: this.#qos,
        retain: this.#retain,
      });
      this.#published++;
      return true;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      this.#lost++;
      console.error(`dormouse: not published: ${line}: ${error.message}`);
      return error instanceof RefusedError;
    }
  }

  async #keep(why: string, line: string, kind = why): Promise<true> {
    this.#count(why);
    await this.#notices.tell(kind, line);
    return true;
  }

  #count(why: string): void {
    this.#kept.set(why, (this.#kept.get(why) ?? 0) + 1);
  }

  #summary(): string {
    const kept = [...this.#kept].map(([why, count]) => `${count} ${why}`);
    return `dormouse: ${this.#published} published${kept.length > 0 ? `, kept back: ${kept.join(", ")}` : ""}`;
  }
}

/** Undefined for what one may receive and not write: a time that is no number any more, text that UTF-8 does not have. */
function packed(reading: readonly SenmlReading[], atMs: number, format: ClearFormat): Uint8Array | undefined {
  try {
    return clearPack(reading, atMs, format);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export function addBridgeCommand(parent: Command): void {
  const command = parent
    .command("bridge")
    .description("Open what devices sealed, and publish it in clear for those who cannot.");
  addReceiveOptions(command, "KEYRING.bridge.replay")
    .optionsGroup("What to publish:")
    .option("--to-prefix <TEXT>", "before the device's topic, e.g. clear/")
    .option("--to-map <FROM=TO>", "or other topics instead: the device's and the clear one", collect)
    .option("--format <FORMAT>", "SenML as json or cbor (json)")
    .option("--to-qos <QOS>", "0, 1 or 2 (1)")
    .option("--to-retain", "the broker keeps the last of each topic for those who subscribe later");
  addClientOptions(addTargetOptions(command))
    .addHelpText(
      "after",
      "\nExample:\n  $ dormouse bridge -h broker.example --cafile ca.pem --keyring devices.keyring --to-prefix clear/",
    )
    .addHelpText("after", "\ndocs/receivers.md says what is lost when.")
    .action(async (flags: BridgeFlags) => {
      const clear = new Clear(flags);
      const settings = await receiveSettings(flags);
      const target = await targetSettings(flags, settings.settings, flags.debug ?? false);
      await new Bridge(flags, clear, target).run(settings);
    });
}
