/**
 * Sealed messages from a broker, opened and judged, one after the other. A message is acknowledged when whoever uses it
 * has done so. Stays connected until told to end; SIGHUP reads the keyring again, and so does a change of a fleet's.
 */
import { statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Keyring, readKeyring } from "../../backend/keyring.js";
import { type Received, Receiver } from "../../backend/receiver.js";
import type { ReplayStore } from "../../backend/replay/replay-store.js";
import type { Failure } from "../../lib/failure.js";
import type { ReceivedMessage, SessionEffect } from "../../lib/mqtt/session-state.js";
import type { QoS, Subscription } from "../../lib/mqtt/wire/packet-types.js";
import { keyringProblem } from "../keys/keyring-file.js";
import { backoffMs } from "../mqtt/backoff.js";
import type { ClientSettings } from "../mqtt/client-flags.js";
import { failureLine } from "../mqtt/failures.js";
import { NodeSession } from "../mqtt/node-session.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError, UsageError } from "../report.js";
import { openReplay } from "./replay-option.js";
import type { TopicMap } from "./topic-map.js";

export interface SourceOptions {
  readonly settings: ClientSettings;
  readonly keyringPath: string;
  /** The keyring is read again whenever its file changes, and may not be there yet. */
  readonly watch: boolean;
  /** As `--replay` has it; undefined: beside the keyring. */
  readonly replay: string | undefined;
  readonly topicMap: TopicMap;
  /** undefined: the keyring's. */
  readonly filters: readonly string[] | undefined;
  /** Of a shared subscription. */
  readonly group: string | undefined;
  readonly qos: QoS;
  /** How many messages are under way at a time; `use` is called in their order. */
  readonly atOnce: number;
  /**
   * The message is acknowledged when this resolves, unless with false: then nothing is any more.
   * @param atMs when it arrived, since 1970
   */
  readonly use: (received: Received, atMs: number) => Promise<boolean>;
  /** Before a message is judged: resolves when it can be used, with false when it never can. */
  readonly ready?: () => Promise<boolean>;
  /** Filters that are not to be subscribed to, e.g. where the results go. @throws {OperatorError} */
  readonly check?: (filters: readonly string[]) => void;
}

/** How long what has arrived may take when it is to end. */
const finishMs = 5000;

/** How soon a board is listened to that was provisioned just now. */
const watchMs = 1000;

interface Opened {
  readonly keyring: Keyring;
  readonly replay: ReplayStore;
  readonly filters: readonly string[];
  readonly stamp: string;
}

export class Source {
  readonly #options: SourceOptions;
  readonly #receiver: Receiver;
  readonly #replay: ReplayStore;
  #filters: readonly string[];
  #session: NodeSession | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #finishing: "all" | "begun" | undefined;
  #refused: Failure | undefined;
  #stamp: string;

  /** @throws {OperatorError} for a keyring or a replay store that cannot be used */
  static async open(options: SourceOptions): Promise<Source> {
    // Before it is read: a change meanwhile is one.
    const stamp = stampOf(options.keyringPath);
    const keyring = keyringIn(options);
    try {
      const filters = filtersOf(options, keyring);
      options.check?.(filters);
      const replay = await openReplay(options.replay, options.keyringPath);
      return new Source(options, { keyring, replay, filters, stamp });
    } catch (error) {
      keyring.close();
      throw error;
    }
  }

  private constructor(options: SourceOptions, { keyring, replay, filters, stamp }: Opened) {
    this.#stamp = stamp;
    this.#options = options;
    this.#replay = replay;
    this.#filters = filters;
    const topicMap = (topic: string) => options.topicMap.map(topic) ?? topic;
    this.#receiver = new Receiver({ keyring, replay, topicMap });
  }

  /** @returns why it ended, if not because it was to */
  async run(onConnected: () => void): Promise<Failure | undefined> {
    const { settings, atOnce } = this.#options;
    let connectedOnce = false;
    const session = new NodeSession({
      ...settings,
      session: { ...settings.session, subscriptions: this.#subscriptions() },
      reconnect: true,
      inbox: { atOnce, handle: (message, atMs) => this.#handle(message, atMs) },
      onLost: (lost, inMs) =>
        console.error(`dormouse: ${failureLine(lost)}; trying again in ${(inMs / 1000).toFixed(1)} s`),
      onEffect: (effect) => {
        if (effect.type === "subscribed") this.#subscribed(effect);
        if (effect.type !== "connected" || connectedOnce) return;
        connectedOnce = true;
        onConnected();
      },
    });
    this.#session = session;
    if (this.#finishing) void session.finish(this.#finishing, finishMs);
    const reload = () => void this.#reload();
    process.on("SIGHUP", reload);
    const watching = this.#options.watch ? setInterval(() => void this.#look(), watchMs) : undefined;
    try {
      const why = await session.ended;
      await this.finish("all");
      return why ?? this.#refused;
    } finally {
      process.off("SIGHUP", reload);
      clearInterval(watching);
      this.#receiver.close();
      await this.#replay.close();
    }
  }

  /** @param what `begun`: what nobody has begun with stays unacknowledged */
  async finish(what: "all" | "begun"): Promise<void> {
    this.#finishing = what;
    await this.#session?.finish(what, finishMs);
  }

  async #handle(message: ReceivedMessage, atMs: number): Promise<boolean> {
    const before = this.#turn;
    const judged = this.#judge(message);
    this.#turn = before.then(() => judged);
    await before;
    const received = await judged;
    return received !== undefined && this.#options.use(received, atMs);
  }

  /** @returns undefined when that is not possible any more */
  async #judge({ topic, payload }: ReceivedMessage): Promise<Received | undefined> {
    const { ready } = this.#options;
    if (ready && !(await ready())) return undefined;
    for (let attempt = 0; ; attempt++)
      try {
        // A board that was provisioned just now can be quicker than the next look.
        if (this.#options.watch) await this.#look();
        return await this.#receiver.receive(topic, payload);
      } catch (error) {
        const why = `dormouse: --replay: ${printableLine((error as Error).message)}`;
        if (this.#finishing) {
          console.error(why);
          return undefined;
        }
        const inMs = backoffMs(attempt);
        console.error(`${why}; trying again in ${(inMs / 1000).toFixed(1)} s`);
        await delay(inMs, undefined, { ref: false });
      }
  }

  #subscriptions(): Subscription[] {
    const { group, qos } = this.#options;
    return this.#filters.map((filter) => ({
      filter: group === undefined ? filter : `$share/${group}/${filter}`,
      qos,
    }));
  }

  #subscribed({ codes, failure }: Extract<SessionEffect, { type: "subscribed" }>): void {
    if (!failure) {
      // A person would wonder whether it works.
      if (process.stderr.isTTY)
        console.error(`dormouse: listening to ${printableLine(this.#filters.join(", "))}`);
      return;
    }
    console.error(`dormouse: ${failureLine(failure)}`);
    if (codes.length < this.#filters.length || codes.some((code) => code < 128)) return;
    this.#refused = failure;
    void this.finish("begun");
  }

  /** Whether the keyring's file is another one by now. */
  async #look(): Promise<void> {
    const stamp = stampOf(this.#options.keyringPath);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    await this.#reload();
  }

  async #reload(): Promise<void> {
    try {
      const keyring = keyringIn(this.#options);
      const filters = filtersOf(this.#options, keyring);
      this.#options.check?.(filters);
      this.#filters = filters;
      this.#receiver.replaceKeyring(keyring);
      this.#session?.subscribe(this.#subscriptions());
      console.error("dormouse: the keyring was read again");
    } catch (error) {
      if (!(error instanceof OperatorError || error instanceof UsageError)) throw error;
      console.error(`dormouse: ${error.message}; the keys of before stay in use`);
    }
  }
}

function keyringIn({ keyringPath, watch }: SourceOptions): Keyring {
  try {
    return readKeyring(keyringPath);
  } catch (error) {
    // Of a fleet without boards.
    if (watch && (error as NodeJS.ErrnoException).code === "ENOENT") return new Keyring([]);
    throw keyringProblem(watch ? "--fleet " : "--keyring ", keyringPath, error);
  }
}

/** Another one for each file that is put in the place of the one before. */
function stampOf(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return "";
  }
}

function filtersOf({ filters, topicMap }: SourceOptions, keyring: Keyring): readonly string[] {
  return filters ?? [...new Set(keyring.filters.flatMap((filter) => topicMap.filtersFor(filter)))];
}
