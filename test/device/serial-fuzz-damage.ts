/**
 * Traffic for a port, whole and damaged: frames, Improv packets, lines; bytes changed, lost, added, repeated, cut and
 * put together; and frames whose payload was changed before they were closed, so that what reads messages sees them.
 */
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  maxFrameBytes,
  maxPayloadBytes,
} from "../../lib/provisioning/frames.js";
import type { Random } from "./mqtt-fuzz-random.js";

/** Two of the largest, and what was put between. */
export const maxTrafficBytes = 2 * maxFrameBytes + 64;

/** Bytes that mean something to one of the three: delimiters, "IM", CBOR's heads and lengths. */
const telling = [
  0, 1, 2, 3, 10, 0x49, 0x4d, 0x56, 0x40, 0x58, 0x80, 0x81, 0x84, 0xf6, 0xf7, 0xf9, 0xff,
] as const;

export class SerialDamage {
  readonly #random: Random;
  readonly #originals: readonly Uint8Array[];
  readonly #frames: readonly Frame[];
  readonly #out = new Uint8Array(maxTrafficBytes);
  #length = 0;

  /** @param originals whole frames, packets and lines */
  constructor(random: Random, originals: readonly Uint8Array[]) {
    this.#random = random;
    this.#originals = originals;
    this.#frames = originals.flatMap((line) => decodeFrame(line, 1, line.length - 1) ?? []);
  }

  /** @returns a view, valid until the next call */
  next(): Uint8Array {
    const random = this.#random;
    this.#length = 0;
    if (random.once(8)) this.#put(this.#resealed());
    else {
      this.#put(random.pick(this.#originals));
      if (random.once(8)) this.#put(random.pick(this.#originals));
      for (let changes = random.below(4); changes >= 0; changes--) this.#damage();
    }
    return this.#out.subarray(0, this.#length);
  }

  /** A frame that is one, of a payload that is perhaps none. */
  #resealed(): Uint8Array {
    const random = this.#random;
    const { type, sequence, payload } = random.pick(this.#frames);
    const changed = payload.slice(0, random.once(6) ? random.below(payload.length + 1) : payload.length);
    for (let changes = random.below(3); changes > 0 && changed.length > 0; changes--)
      changed[random.below(changed.length)] = random.once(2) ? random.pick(telling) : random.below(256);
    const other = random.pick(this.#frames);
    const added = random.once(10) ? new Uint8Array([...changed, ...other.payload]) : changed;
    return encodeFrame(
      random.once(12) ? other.type : random.once(40) ? 1 + random.below(31) : type,
      random.once(3) ? random.below(256) : sequence,
      added.subarray(0, maxPayloadBytes),
    );
  }

  #damage(): void {
    const random = this.#random;
    const out = this.#out;
    if (this.#length === 0) return this.#put(random.pick(this.#originals));
    const at = random.below(this.#length);
    switch (random.below(7)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        return;
      case 1:
        out[at] = random.pick(telling);
        return;
      case 2:
        out.copyWithin(at, at + 1 + random.below(4), this.#length);
        this.#length = Math.max(at, this.#length - 1);
        return;
      case 3:
        if (this.#length === out.length) return;
        out.copyWithin(at + 1, at, this.#length++);
        out[at] = random.once(2) ? random.pick(telling) : random.below(256);
        return;
      case 4:
        this.#length = at;
        return;
      case 5:
        return this.#put(out.slice(at, at + random.below(40)));
      default:
        return this.#put(random.pick(this.#originals).subarray(random.below(12)));
    }
  }

  #put(bytes: Uint8Array): void {
    const taken = bytes.subarray(0, this.#out.length - this.#length);
    this.#out.set(taken, this.#length);
    this.#length += taken.length;
  }
}
