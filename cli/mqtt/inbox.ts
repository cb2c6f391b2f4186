/**
 * Messages that somebody is still busy with. Each one's acknowledgement waits here until that is done, and goes out in
 * the order of the messages [MQTT-4.6.0-2]; when too many wait, nothing more is to be read.
 */
import type { ReceivedMessage } from "../../lib/mqtt/session-state.js";

/** More than a broker may have unacknowledged, so that what QoS 1 and 2 bring alone never stops the reading. */
const mostMessages = 1000;
const mostBytes = 8 * 1024 * 1024;

export interface InboxOptions {
  /**
   * Must not reject. Called in the order of the messages.
   * @param atMs when it came, since 1970
   * @returns false: neither this message nor any after it is to be acknowledged
   */
  readonly handle: (message: ReceivedMessage, atMs: number) => Promise<boolean>;
  /** For how many messages at a time. */
  readonly atOnce: number;
}

export interface InboxEvents {
  /** An acknowledgement may go out. */
  release(ack: Uint8Array): void;
  /** Stop reading, or read on. */
  full(isFull: boolean): void;
}

interface Entry {
  readonly message: ReceivedMessage;
  readonly atMs: number;
  readonly bytes: number;
  stage: "waiting" | "begun" | "done";
  ack: Uint8Array | undefined;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #events: InboxEvents;
  /** In the order in which they came; the first is not done. */
  readonly #entries: Entry[] = [];
  #begun = 0;
  #bytes = 0;
  #full = false;
  #stopped = false;
  /** Its acknowledgement is what the session sends next. */
  #unanswered: Entry | undefined;
  #idle: (() => void)[] = [];

  constructor(options: InboxOptions, events: InboxEvents) {
    this.#options = options;
    this.#events = events;
  }

  get isFull(): boolean {
    return this.#full;
  }

  take(message: ReceivedMessage): void {
    const bytes = message.payload.length + message.topic.length;
    const entry: Entry = { message, atMs: Date.now(), bytes, stage: "waiting", ack: undefined };
    this.#entries.push(entry);
    this.#bytes += bytes;
    if (message.qos > 0) this.#unanswered = entry;
    this.#measure();
    // Not within the session's turn.
    queueMicrotask(() => this.#begin());
  }

  /** @returns whether these bytes, which the session would send, are an acknowledgement that waits here */
  holds(bytes: Uint8Array): boolean {
    if (!this.#unanswered) return false;
    this.#unanswered.ack = bytes;
    this.#unanswered = undefined;
    return true;
  }

  /** The connection is gone: what came on it is finished, and not acknowledged. */
  disconnected(): void {
    for (const entry of this.#entries) discard(entry);
  }

  /** What has not been begun stays so. */
  stop(): void {
    this.#stopped = true;
    if (this.#begun === 0) this.#rest();
  }

  /** Resolves when all is done, or, after `stop`, what was begun. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      if (this.#entries.length === 0 || (this.#stopped && this.#begun === 0)) this.#rest();
    });
  }

  #begin(): void {
    for (const entry of this.#entries) {
      if (this.#stopped || this.#begun >= this.#options.atOnce) return;
      if (entry.stage !== "waiting") continue;
      entry.stage = "begun";
      this.#begun++;
      void this.#options
        .handle(entry.message, entry.atMs)
        .then((acknowledge) => this.#done(entry, acknowledge));
    }
  }

  #done(entry: Entry, acknowledge: boolean): void {
    entry.stage = "done";
    if (!acknowledge) {
      this.stop();
      for (const one of this.#entries.slice(this.#entries.indexOf(entry))) discard(one);
    }
    this.#begun--;
    let count = 0;
    for (const { stage, bytes, ack } of this.#entries) {
      if (stage !== "done") break;
      count++;
      this.#bytes -= bytes;
      if (ack) this.#events.release(ack);
    }
    this.#entries.splice(0, count);
    this.#measure();
    this.#begin();
    if (this.#begun === 0 && (this.#stopped || this.#entries.length === 0)) this.#rest();
  }

  #measure(): void {
    const share = Math.max(this.#entries.length / mostMessages, this.#bytes / mostBytes);
    const isFull = this.#full ? share > 1 / 2 : share >= 1;
    if (isFull === this.#full) return;
    this.#full = isFull;
    this.#events.full(isFull);
  }

  #rest(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function discard(entry: Entry): void {
  entry.ack?.fill(0);
  entry.ack = undefined;
}
