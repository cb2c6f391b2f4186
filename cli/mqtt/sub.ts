/** `dormouse sub`: prints what arrives, and stays subscribed through lost connections until it is told to end. */
import type { Command } from "commander";
import type { Failure } from "../../lib/failure.js";
import type { ReceivedMessage, SessionEffect } from "../../lib/mqtt/session-state.js";
import type { Subscription } from "../../lib/mqtt/wire/packet-types.js";
import { checkTopicFilter, topicMatches } from "../../lib/mqtt/wire/topics.js";
import { OperatorError, UsageError } from "../report.js";
import { whole } from "../values.js";
import {
  addClientOptions,
  addressOf,
  type ClientFlags,
  type ClientSettings,
  checked,
  clientSettings,
  collect,
  qosOf,
  versionOf,
} from "./client-flags.js";
import { failureLine, SessionError } from "./failures.js";
import { NodeSession } from "./node-session.js";
import { type OutputFlags, outputOf } from "./output.js";
import { printableLine } from "./printable.js";

interface SubFlags extends ClientFlags, OutputFlags {
  readonly topic?: readonly string[];
  readonly unsubscribe?: readonly string[];
  readonly filterOut?: readonly string[];
  /** -C */
  readonly C?: string;
  /** -W */
  readonly W?: string;
  /** -E */
  readonly E?: boolean;
  /** -R */
  readonly R?: boolean;
  readonly retainedOnly?: boolean;
}

type Answered = Extract<SessionEffect, { type: "subscribed" | "unsubscribed" }>;

/** One run of the command. */
class Subscriber {
  readonly #flags: SubFlags;
  readonly #filters: readonly string[];
  readonly #count: number | undefined;
  readonly #show: (message: ReceivedMessage) => Buffer;
  readonly #session: NodeSession;
  #received = 0;
  /** Answers of the broker's that -E waits for. */
  #awaited: number;
  #timer: NodeJS.Timeout | undefined;
  #done = false;
  #refused: Failure | undefined;

  constructor(flags: SubFlags, filters: readonly string[], settings: ClientSettings) {
    this.#flags = flags;
    this.#filters = filters;
    this.#awaited = (filters.length > 0 ? 1 : 0) + (flags.unsubscribe ? 1 : 0);
    this.#count = flags.C === undefined ? undefined : whole("-C", flags.C, 1, 1_000_000_000);
    this.#show = outputOf(flags, process.stdout.isTTY === true);
    const timeoutSeconds = flags.W === undefined ? undefined : whole("-W", flags.W, 1, 2_000_000);
    let connectedOnce = false;
    this.#session = new NodeSession({
      ...settings,
      reconnect: true,
      onLost: (lost, inMs) =>
        console.error(`dormouse: ${failureLine(lost)}; trying again in ${(inMs / 1000).toFixed(1)} s`),
      onEffect: (effect) => {
        if (effect.type === "message") this.#message(effect.message);
        if (effect.type === "subscribed") this.#subscribed(effect);
        if (effect.type !== "connected" || connectedOnce) return;
        connectedOnce = true;
        if (timeoutSeconds !== undefined)
          this.#timer = setTimeout(() => this.#leave(), timeoutSeconds * 1000);
        this.#unsubscribe();
      },
    });
  }

  /** @throws {OperatorError} when it did not end as it was to */
  async run(): Promise<void> {
    const leave = () => this.#leave();
    // The second time they end the process.
    process.once("SIGINT", leave).once("SIGTERM", leave);
    const why = await this.#session.ended;
    clearTimeout(this.#timer);
    process.off("SIGINT", leave).off("SIGTERM", leave);
    const failure = why ?? this.#refused;
    if (failure) throw new SessionError(failure);
    if (this.#count !== undefined && this.#received < this.#count)
      throw new OperatorError(`${this.#received} of ${this.#count} messages came`);
  }

  #leave(): void {
    this.#done = true;
    void this.#session.disconnect();
  }

  #message(message: ReceivedMessage): void {
    if (this.#done) return;
    const { R: onlyFresh, retainedOnly, filterOut = [] } = this.#flags;
    if (retainedOnly && !message.retain) return this.#leave();
    if (onlyFresh && message.retain) return;
    if (filterOut.some((filter) => topicMatches(filter, message.topic))) return;
    process.stdout.write(this.#show(message));
    if (++this.#received === this.#count) this.#leave();
  }

  #subscribed({ codes, failure }: Answered): void {
    codes.forEach((code, i) => {
      if (code >= 128)
        console.error(
          `dormouse: the broker refuses the subscription to ${printableLine(this.#filters[i] ?? "")}`,
        );
    });
    if (failure && codes.every((code) => code >= 128)) {
      this.#refused = failure;
      this.#leave();
    } else this.#answered();
  }

  #unsubscribe(): void {
    const { unsubscribe = [] } = this.#flags;
    if (unsubscribe.length === 0) return;
    // When the session ends before the answer, its end says why.
    this.#session.unsubscribe(unsubscribe).then(
      () => this.#answered(),
      () => {},
    );
  }

  #answered(): void {
    if (--this.#awaited === 0 && this.#flags.E) this.#leave();
  }
}

function filtersOf(flags: SubFlags, ofUrl: string | undefined): readonly string[] {
  const filters = [...(flags.topic ?? []), ...(ofUrl === undefined ? [] : [ofUrl])];
  if (filters.length === 0 && flags.unsubscribe === undefined)
    throw new UsageError("-t TOPIC is missing (see: dormouse sub --help)");
  return filters;
}

export function addSubCommand(parent: Command): void {
  const command = parent
    .command("sub")
    .description("Subscribe to topics at an MQTT broker, and print what arrives.")
    .optionsGroup("What to receive:")
    .option("-t, --topic <FILTER>", "a topic filter; may be repeated", collect)
    .option("-q, --qos <QOS>", "the highest to receive at: 0, 1 or 2 (0)")
    .option("-C <COUNT>", "end after so many messages")
    .option("-W <SECONDS>", "end so long after the connection stood")
    .option("-E", "end when the broker has confirmed the subscriptions")
    .option("-v, --verbose", "print the topic before the payload")
    .option("-N", "no line feed after a message")
    .option(
      "-F <FORMAT>",
      "%t topic, %p payload, %x payload in hex, %l its length, %q QoS, %r retained, %I time",
    )
    .option("--json", "one JSON object a line")
    .option("-R", "leave out what the broker had stored before")
    .option("--retained-only", "only that; end at the first message that is new")
    .option("-T, --filter-out <FILTER>", "leave out what matches this filter; may be repeated", collect)
    .option(
      "-U, --unsubscribe <FILTER>",
      "take a kept session's subscription back; may be repeated",
      collect,
    );
  addClientOptions(command)
    .addHelpText("after", "\nExample:\n  $ dormouse sub -h broker.example --cafile ca.pem -v -t 'sensors/#'")
    .addHelpText("after", "\nThe letters are mosquitto_sub's; docs/mqtt-client.md has the differences.")
    .action(subscribe);
}

async function subscribe(flags: SubFlags): Promise<void> {
  const address = addressOf(flags);
  const version = versionOf(flags);
  const filters = filtersOf(flags, address.topic);
  for (const filter of filters) checked("-t", () => checkTopicFilter(filter, version));
  for (const filter of flags.unsubscribe ?? []) checked("-U", () => checkTopicFilter(filter, version));
  for (const filter of flags.filterOut ?? []) checked("-T", () => checkTopicFilter(filter, version));
  const qos = qosOf("-q", flags.qos);
  const subscriptions: Subscription[] = filters.map((filter) => ({ filter, qos }));
  const settings = await clientSettings(flags, address);
  const session = { ...settings.session, subscriptions };
  await new Subscriber(flags, filters, { ...settings, session }).run();
}
