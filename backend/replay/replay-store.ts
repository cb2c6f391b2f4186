/**
 * Which counters have been seen: what several receivers share, so that each message is used once. One stream is a
 * sender's epoch, direction and topic. Hand over only what has been verified; no secret is stored. SQLite for one
 * machine (sqlite.ts), PostgreSQL for several (postgres.ts).
 */
import { maxCounter } from "../../lib/sealed/header.js";
import type { Direction } from "../../lib/sealed/keys.js";

export type Admission = "fresh" | "duplicate" | "conflict" | "stale";

export interface Arrival {
  readonly sender: string;
  readonly epoch: number;
  readonly direction: Direction;
  /** As the device knows it. */
  readonly topic: string;
  /** 0 to 2^40 - 1. */
  readonly counter: number;
  /** What tells the message from another of the same counter, at least 8 bytes; 16 of them are kept. */
  readonly identity: Uint8Array;
}

export interface ReplayStore {
  /**
   * Checks a counter and marks it as seen, in one step for all who share the store. Only `fresh` changes anything. A
   * process that dies within the call may have marked the counter: the message is then used by nobody (at most once).
   * @throws {RangeError} for an arrival that no message can have
   * @throws {Error} when the store cannot be reached: then nothing is known, and the message must not be used
   */
  admit(arrival: Arrival): Promise<Admission>;
  /** Ends the connection. May be called twice. */
  close(): Promise<void>;
}

/** How far below the highest counter a message may still arrive, the highest itself included. */
export const hostWindow = 4096;

/** How much of an identity is kept. */
export const identityBytes = 16;

/** @throws {RangeError} see `ReplayStore.admit` */
export function checkArrival({ sender, epoch, topic, counter, identity }: Arrival): void {
  if (!Number.isSafeInteger(counter) || counter < 0 || counter > maxCounter)
    throw new RangeError("a counter lies between 0 and 2^40 - 1");
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff)
    throw new RangeError("an epoch lies between 0 and 2^32 - 1");
  for (const text of [sender, topic])
    if (text === "" || text.includes("\0")) throw new RangeError("an arrival has a sender and a topic");
  if (identity.length < 8) throw new RangeError("an identity has at least 8 bytes");
}
