/**
 * One command on its way: subscribed to the answers first, then published, and with --wait followed until the answer
 * to its counter is there. What the device asks to have again with its challenge is sent again by itself.
 */
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { type CommandAnswer, Controller, type PreparedCommand } from "../../backend/controller.js";
import type { Counters } from "../../backend/counters.js";
import { type Reason, Receiver } from "../../backend/receiver.js";
import { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import type { Status } from "../../lib/commands/command.js";
import type { Failure } from "../../lib/failure.js";
import type { ReceivedMessage, SessionEffect } from "../../lib/mqtt/session-state.js";
import { failureLine, SessionError } from "../mqtt/failures.js";
import { NodeSession } from "../mqtt/node-session.js";
import { printableLine } from "../mqtt/printable.js";
import { OperatorError } from "../report.js";
import type { CommandSettings } from "./settings.js";

/** How it ended: the device's answer, or why there is none. */
export interface Ending {
  readonly status: Status | "sent" | "no-answer" | "interrupted";
  /** undefined: it was not sent at all. */
  readonly command: PreparedCommand | undefined;
  readonly value: CommandAnswer["value"];
}

/** MQTT 5: the broker took the message and knows of nobody to give it to. */
const nobodySubscribed = 16;
const tryAgainMs = 1000;

export class Attempt {
  readonly #settings: CommandSettings;
  readonly #controller: Controller;
  readonly #replay = new SqliteReplayStore(":memory:");
  readonly #receiver: Receiver;
  readonly #session: NodeSession;
  readonly #over = new AbortController();
  readonly #told = new Set<Reason | "conflict">();
  #subscribed: () => void = () => {};
  /** The message that is looked at. */
  #arrival = Promise.resolve(true);
  #end: (status: Ending["status"], value?: CommandAnswer["value"]) => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #command: PreparedCommand | undefined;

  constructor(settings: CommandSettings, counters: Counters) {
    this.#settings = settings;
    const { sender, keyring, operator, client, base, waitMs } = settings;
    this.#controller = new Controller({ sender, keyring, counters, ...(operator && { operator }) });
    this.#receiver = new Receiver({ keyring, replay: this.#replay });
    const waits = waitMs !== undefined;
    const subscriptions = [{ filter: `${base}/result`, qos: 1 as const }];
    this.#session = new NodeSession({
      ...client,
      session: waits ? { ...client.session, subscriptions } : client.session,
      reconnect: waits,
      onLost: (lost, inMs) => note(`${failureLine(lost)}; trying again in ${(inMs / 1000).toFixed(1)} s`),
      onEffect: (effect) => this.#effect(effect),
      // One after the other; whoever sends more than can wait is not read meanwhile.
      inbox: {
        atOnce: 1,
        handle: (message) => {
          this.#arrival = this.#arrived(message).catch((error) => {
            this.#fail(error);
            return false;
          });
          return this.#arrival;
        },
      },
    });
  }

  /** @throws {OperatorError} when the broker does not take it */
  async run(): Promise<Ending> {
    const { waitMs } = this.#settings;
    const interrupted = () => this.#end("interrupted");
    let timer: NodeJS.Timeout | undefined;
    try {
      const ended = new Promise<{ status: Ending["status"]; value: CommandAnswer["value"] }>(
        (resolve, reject) => {
          this.#end = (status, value = null) => resolve({ status, value });
          this.#fail = reject;
        },
      );
      // Nobody may be listening yet when the session ends.
      ended.catch(() => {});
      const subscribed = new Promise<void>((resolve) => {
        this.#subscribed = resolve;
      });
      this.#session.ended.then((why) => this.#fail(new SessionError(why ?? lost)));
      process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
      if (waitMs !== undefined) {
        timer = setTimeout(() => this.#end("no-answer"), Math.min(waitMs, 0x7fff_ffff));
        const early = await Promise.race([subscribed, ended]);
        if (early) return { ...early, command: undefined };
      }
      const { device, name, args, base, expiresInSeconds, protection, epoch } = this.#settings;
      const chosen = { ...(protection && { protection }), ...(epoch !== undefined && { epoch }) };
      const options = { base, expiresInSeconds, ...chosen };
      this.#command = await this.#controller.prepare(device, name, args, options);
      this.#send(this.#command).catch((error) => this.#fail(error));
      return { ...(await ended), command: this.#command };
    } finally {
      clearTimeout(timer);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      this.#over.abort();
      // Acknowledged before the connection ends, or a kept session would bring it again.
      await this.#arrival;
      await this.#session.disconnect(this.#settings.forgets ? 0 : undefined);
      await this.#replay.close();
      this.#receiver.close();
    }
  }

  /** The same bytes as often as it takes: the device acts on them once. */
  async #send(command: PreparedCommand): Promise<void> {
    const { topic, payload, counter, expiresAt, device } = command;
    const { waitMs, client } = this.#settings;
    for (let first = true; ; first = false) {
      const left = Math.max(1, expiresAt - Math.floor(Date.now() / 1000));
      const expiry = client.session.version === 5 && { messageExpirySeconds: left };
      const ofUser = client.properties.publish;
      const code = await this.#session.publish({ ...ofUser, ...expiry, topic, payload, qos: 1 });
      const nobody = code === nobodySubscribed;
      if (nobody && first)
        note(
          `nobody is subscribed to ${topic}, so the broker has dropped it: "${device}" has to be connected, or to have a session that the broker keeps while it sleeps`,
        );
      if (!nobody)
        note(`counter ${counter} is with the broker; a device that sleeps answers at its next wake`);
      if (waitMs === undefined) return this.#end("sent");
      if (!nobody) return;
      if (first) note("trying again until somebody is");
      await delay(tryAgainMs, undefined, { signal: this.#over.signal }).catch(() => {});
      if (this.#over.signal.aborted) return;
    }
  }

  #effect(effect: SessionEffect): void {
    if (effect.type !== "subscribed") return;
    if (effect.failure) this.#fail(new OperatorError(refusal(effect.failure)));
    else this.#subscribed();
  }

  /** @returns false: it is over, and whoever is next has the message */
  async #arrived({ topic, payload }: ReceivedMessage): Promise<boolean> {
    if (this.#over.signal.aborted) return false;
    const received = await this.#receiver.receive(topic, payload);
    const { verdict, reason } = received;
    const alarming = verdict === "bad" ? reason : verdict === "conflict" ? verdict : null;
    if (alarming !== null && !this.#told.has(alarming)) {
      this.#told.add(alarming);
      note(`ignored on ${topic}: ${verdict}${reason === null ? "" : ` (${reason})`}`);
    }
    const answer = await this.#controller.matchResult(received);
    if (!answer) return true;
    const { again, status, value } = answer;
    if (again) {
      this.#command = again;
      note(`"${again.device}" wants its challenge in the command: sent again, counter ${again.counter}`);
      this.#send(again).catch((error) => this.#fail(error));
    } else this.#end(status, value);
    return true;
  }
}

const lost: Failure = { kind: "connection-lost", code: 0, detail: "the session ended" };

function refusal({ detail }: Failure): string {
  return `the broker refuses the subscription to the answers: ${printableLine(detail)}`;
}

/** For the person at the terminal; output that programs read is on standard output. */
function note(text: string): void {
  process.stderr.write(Buffer.from(`dormouse: ${printableLine(text)}\n`));
}
