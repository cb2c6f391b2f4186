/**
 * A receiver's verdict on one message: verify the stamp, read the payload, then ask the replay store, in that
 * order, so that nothing unverified changes any state.
 */
import type { Admission } from "../../backend/replay/replay-store.js";
import type { SqliteReplayStore } from "../../backend/replay/sqlite.js";
import { type Measurement, readSenml } from "./senml-reading.js";
import { type Sender, verifyStamp } from "./stamp-verifier.js";

export type Verdict = Admission | "bad";

export interface Judged {
  readonly verdict: Verdict;
  readonly topic: string;
  /** Authenticated, or null with `bad`. */
  readonly sender: string | null;
  readonly counter: number | null;
  readonly reading: readonly Measurement[] | null;
  /** Why it is `bad`, for the operator. */
  readonly reason: string | null;
}

export class Judge {
  readonly #senders: readonly Sender[];
  readonly #replay: SqliteReplayStore;

  /** @param replay stays the caller's to close */
  constructor(senders: readonly Sender[], replay: SqliteReplayStore) {
    this.#senders = senders;
    this.#replay = replay;
  }

  judge(topic: string, message: Uint8Array): Judged {
    const bad = (reason: string): Judged => ({
      verdict: "bad",
      topic,
      sender: null,
      counter: null,
      reading: null,
      reason,
    });
    const stamp = verifyStamp(message, topic, this.#senders);
    if ("refused" in stamp) return bad(stamp.refused);
    let reading: readonly Measurement[];
    try {
      reading = readSenml(stamp.payload, stamp.contentType);
    } catch (error) {
      return bad(`verifies, but its payload cannot be read: ${(error as Error).message}`);
    }
    const { counter, tag, sender } = stamp;
    const { id, epoch } = sender;
    const verdict = this.#replay.admitNow({
      sender: id,
      epoch,
      direction: "up",
      topic,
      counter,
      identity: tag,
    });
    return { verdict, topic, sender: sender.id, counter, reading, reason: null };
  }
}
