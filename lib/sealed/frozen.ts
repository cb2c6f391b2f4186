/**
 * A message that is frozen: its counter and exact plaintext have been persisted in one step, so every attempt
 * to send it, also after a reboot, carries the same. Only such a message can be protected. The brand exists
 * in the types alone; counter.ts gives it, and `thaw` to what was read back from where it had been persisted.
 */
import type { ContentType } from "./header.js";

export interface Draft {
  readonly plaintext: Uint8Array;
  /** None means SenML as CBOR. */
  readonly contentType?: ContentType;
}

/** A draft that got a counter, which nothing has persisted yet. */
export type Numbered<D extends Draft> = D & { readonly counter: number };

declare const frozen: unique symbol;

export type Frozen<D extends Draft = Draft> = Numbered<D> & { readonly [frozen]: true };

/**
 * For whoever has just persisted `message`, or read it back intact from where it was persisted, and only then:
 * a message passed here too early can lose its counter to another plaintext.
 */
export function thaw<D extends Draft>(message: Numbered<D>): Frozen<D> {
  return message as Frozen<D>;
}
