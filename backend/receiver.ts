/**
 * What a server does with a message from a device: find the key by what the message claims to be, verify and open,
 * read the payload, then ask the replay store, in that order. Nothing changes any state before it is verified.
 */

import type { Crypto } from "../lib/crypto/crypto.js";
import { claimed } from "../lib/sealed/claimed.js";
import { senmlJson } from "../lib/sealed/header.js";
import { topicBytesOf } from "../lib/sealed/keys.js";
import { open } from "../lib/sealed/protect.js";
import { decodePackCbor } from "../lib/senml/cbor.js";
import { decodePackJson } from "../lib/senml/json.js";
import { resolvePack, type SenmlReading } from "../lib/senml/resolve.js";
import type { Keyring } from "./keyring.js";
import { nodeCrypto } from "./node-crypto.js";
import type { Admission, Arrival, ReplayStore } from "./replay/replay-store.js";

export type Verdict = Admission | "bad" | "unauthenticated";

export type Protection = "stamp" | "seal" | "sign" | "sealTo";

/**
 * Why there is no reading. With `bad`: `malformed`: no message of ours; `unknown-key`: the keyring has no key of that
 * id for that topic; `expired`: it has, but its time is over; `not-authentic`: forged, damaged, or moved from another
 * topic. With any other verdict `unreadable`: genuine, but its payload is not what its content type says.
 */
export type Reason = "malformed" | "unknown-key" | "expired" | "not-authentic" | "unreadable";

export interface Received {
  /** Use what is `fresh`, and that alone; `conflict` is an alarm; `unauthenticated` may be from anybody. */
  readonly verdict: Verdict;
  /** As the device knows it. */
  readonly topic: string;
  /** Authenticated; null with `bad` and `unauthenticated`. So are epoch and counter. */
  readonly sender: string | null;
  readonly epoch: number | null;
  readonly counter: number | null;
  /**
   * 16 bytes: the device has replaced its factory image's secret, and made `epoch`, by it. Authenticated; null with
   * any other device.
   */
  readonly salt: Uint8Array | null;
  /** What the message is, or with `bad` claims to be; null when it is nothing of ours. */
  readonly protection: Protection | null;
  /** CoAP Content-Format (RFC 7252): null is SenML as CBOR, 110 SenML as JSON, 60 any CBOR (results of commands). */
  readonly contentType: number | null;
  /** In clear; null with `bad`. The caller's. */
  readonly payload: Uint8Array | null;
  /** The payload's SenML with base values applied; null when it is none. */
  readonly reading: readonly SenmlReading[] | null;
  readonly reason: Reason | null;
}

/** Much more than a board can send: what reading a message takes grows with it, and with nothing else. */
export const maxMessageBytes = 65_536;

export interface ReceiverOptions {
  /** Becomes the receiver's, which closes it. */
  readonly keyring: Keyring;
  /** Stays the caller's. */
  readonly replay: ReplayStore;
  /** From a topic on which a message arrives to the one the device used, where a bridge renames. */
  readonly topicMap?: (topic: string) => string;
  /** Milliseconds since 1970, for `until` in the keyring. */
  readonly now?: () => number;
  readonly crypto?: Crypto;
}

/** Before the replay store is asked: `arrival` is null when there is nothing to ask. */
interface Opened {
  readonly received: Received;
  readonly arrival: Arrival | null;
}

export class Receiver {
  #keyring: Keyring;
  readonly #replay: ReplayStore;
  readonly #topicMap: (topic: string) => string;
  readonly #now: () => number;
  readonly #crypto: Crypto;

  constructor(options: ReceiverOptions) {
    this.#keyring = options.keyring;
    this.#replay = options.replay;
    this.#topicMap = options.topicMap ?? ((topic) => topic);
    this.#now = options.now ?? Date.now;
    this.#crypto = options.crypto ?? nodeCrypto;
  }

  /**
   * @param topic on which the message arrived
   * @throws {Error} only when the replay store cannot be asked: do not use, nor acknowledge, the message then
   */
  async receive(topic: string, message: Uint8Array): Promise<Received> {
    const { received, arrival } = this.#open(this.#topicMap(topic), message);
    return arrival === null ? received : { ...received, verdict: await this.#replay.admit(arrival) };
  }

  /** From now on with these keys; those of before are closed. */
  replaceKeyring(keyring: Keyring): void {
    this.#keyring.close();
    this.#keyring = keyring;
  }

  /** Closes the keys. */
  close(): void {
    this.#keyring.close();
  }

  /** In one go, without awaiting: the key is the keyring's until its next call. */
  #open(topic: string, message: Uint8Array): Opened {
    const claim = message.length > maxMessageBytes || !isTopic(topic) ? undefined : claimed(message);
    if (!claim) return bad(topic, null, "malformed");
    const { protection } = claim;
    const found = this.#keyring.find(claim, topic, this.#now());
    if (found.outcome !== "found") return bad(topic, protection, found.outcome);
    const check = open(this.#crypto, found.key, message);
    if (check.verdict === "bad") return bad(topic, protection, check.reason);
    if (check.verdict === "unauthenticated")
      return {
        received: {
          ...contentOf(check),
          verdict: "unauthenticated",
          topic,
          sender: null,
          epoch: null,
          counter: null,
          salt: null,
          protection,
        },
        arrival: null,
      };
    const { counter, identity, kid } = check.message;
    const { sender, direction } = found.originOf(kid);
    const whose = { sender: sender.id, epoch: sender.epoch, topic, counter };
    return {
      // The verdict is the replay store's to give.
      received: {
        ...contentOf(check.message),
        ...whose,
        salt: sender.salt ?? null,
        verdict: "bad",
        protection,
      },
      arrival: { ...whose, direction, identity: identity.slice() },
    };
  }
}

/** What a broker or a `topicMap` gives may be none. */
function isTopic(topic: string): boolean {
  try {
    return topicBytesOf(topic).length > 0;
  } catch {
    return false;
  }
}

function bad(topic: string, protection: Protection | null, reason: Reason): Opened {
  const nobody = { sender: null, epoch: null, counter: null, salt: null };
  const nothing = { contentType: null, payload: null, reading: null };
  return { received: { verdict: "bad", topic, ...nobody, protection, ...nothing, reason }, arrival: null };
}

/**
 * What cannot be read is still what the device sent under that counter, so the replay store takes it like any other:
 * the verdict says who sent it and that it is new, `reason` that this receiver cannot make sense of it.
 */
function contentOf(message: {
  readonly payload: Uint8Array;
  readonly contentType?: number;
}): Pick<Received, "contentType" | "payload" | "reading" | "reason"> {
  const { contentType = null } = message;
  const payload = message.payload.slice();
  if (contentType !== null && contentType !== senmlJson)
    return { contentType, payload, reading: null, reason: null };
  try {
    const records = contentType === null ? decodePackCbor(payload) : decodePackJson(payload);
    return { contentType, payload, reading: resolvePack(records), reason: null };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { contentType, payload, reading: null, reason: "unreadable" };
  }
}
