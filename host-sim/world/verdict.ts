/**
 * A receiver's verdict on one message: open it, read the payload, then ask the replay store, in that order, so that
 * nothing unverified changes any state.
 */
import type { Admission, ReplayStore } from "../../backend/replay/replay-store.js";
import { type CommandResult, commandResult, readCommandResult } from "./command-result.js";
import { type Accepted, open, type Sender } from "./opener.js";
import { sealAlgorithms, stampAlgorithms } from "./seal-keys.js";
import { type Measurement, readSenml } from "./senml-reading.js";

/** `unauthenticated`: readable, and anybody may have sent it, any number of times. */
export type Verdict = Admission | "unauthenticated" | "bad";

export interface Judged {
  readonly verdict: Verdict;
  readonly topic: string;
  /** In words; null with `bad`. */
  readonly protection: string | null;
  /** Authenticated; null with `bad` and `unauthenticated`. */
  readonly sender: string | null;
  readonly counter: number | null;
  readonly reading: readonly Measurement[] | null;
  /** What a command came to. */
  readonly result: CommandResult | null;
  /** Why it is `bad`, for the operator. */
  readonly reason: string | null;
}

/** As a profile spells it. */
export function protectionName(accepts: Accepted): string {
  switch (accepts.protection) {
    case "stamp":
      return `stamp ${stampAlgorithms[accepts.algorithm].name}`;
    case "seal":
      return `seal ${sealAlgorithms[accepts.algorithm].name}`;
    case "sealTo":
      return accepts.signer === null ? "sealTo" : "sealTo, signed";
    default:
      return accepts.protection;
  }
}

export class Judge {
  readonly #senders: readonly Sender[];
  readonly #replay: ReplayStore;

  /** @param replay stays the caller's to close */
  constructor(senders: readonly Sender[], replay: ReplayStore) {
    this.#senders = senders;
    this.#replay = replay;
  }

  /** @throws what the replay store throws, and for nothing that a message holds */
  async judge(topic: string, message: Uint8Array): Promise<Judged> {
    const nothing = { topic, protection: null, sender: null, counter: null, reading: null, result: null };
    const opened = open(message, topic, this.#senders);
    if ("refused" in opened) return { ...nothing, verdict: "bad", reason: opened.refused };
    const { payload, counter, identity, sender } = opened;
    const isResult = sender.accepts.protection === "none" && topic.endsWith("/result");
    const contentType = isResult ? commandResult : opened.contentType;
    let content: Pick<Judged, "reading" | "result">;
    try {
      content =
        contentType === commandResult
          ? { reading: null, result: readCommandResult(payload) }
          : { reading: readSenml(payload, contentType), result: null };
    } catch (error) {
      const reason = `opens, but its payload cannot be read: ${(error as Error).message}`;
      return { ...nothing, verdict: "bad", reason };
    }
    const protection = protectionName(sender.accepts);
    if (counter === null || identity === null)
      return { ...nothing, verdict: "unauthenticated", protection, ...content, reason: null };
    const { id, epoch, direction = "up" } = sender;
    const verdict = await this.#replay.admit({ sender: id, epoch, direction, topic, counter, identity });
    return { verdict, topic, protection, sender: id, counter, ...content, reason: null };
  }
}
