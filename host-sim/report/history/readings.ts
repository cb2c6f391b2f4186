/**
 * What becomes of the readings of one device: followed by sequence number from the queue to the broker's
 * acknowledgement. What is unsettled is bounded by the device's own outbox; should more pile up, the oldest are
 * forgotten here, and counted by number only.
 */
const mostFollowed = 4096;
/** How long a reading may wait, in wakes. */
const lateClasses = [1, 4, 16, 96] as const;

/** Readings by what became of them. */
export interface Fates {
  taken: number;
  /** Acknowledged in the wake that took them. */
  atOnce: number;
  /** Acknowledged in a later wake, out of RTC memory. */
  later: number;
  /** Acknowledged in a later wake, after having been spilled to flash. */
  fromFlash: number;
  /** Given up for want of room; the device counts them. */
  dropped: number;
  /** Of those that were in RTC memory alone when it was lost, the ones that never came. */
  lost: number;
  /** What the device itself says of that: so many are lost, or perhaps lost. It must never be less. */
  gaps: number;
  spilled: number;
  /** Of the late ones, by how many wakes late: at most 1, 4, 16, 96, more. */
  late: number[];
}

export const lateNames = ["the next wake", "2 to 4 wakes", "5 to 16 wakes", "17 to 96 wakes", "later still"];

export function noFates(): Fates {
  return {
    taken: 0,
    atOnce: 0,
    later: 0,
    fromFlash: 0,
    dropped: 0,
    lost: 0,
    gaps: 0,
    spilled: 0,
    late: lateNames.map(() => 0),
  };
}

interface Followed {
  readonly wake: number;
  spilled: boolean;
  /** RTC memory has lost it, unless the gap was told for nothing. */
  lost: boolean;
}

export class Readings {
  readonly fates = noFates();
  readonly #unsettled = new Map<number, Followed>();
  /** By the message's counter. */
  readonly #messages = new Map<number, { readonly first: number; readonly readings: number }>();

  queued(sequence: number, wake: number): void {
    this.fates.taken++;
    this.#unsettled.set(sequence, { wake, spilled: false, lost: false });
    if (this.#unsettled.size > mostFollowed) this.#unsettled.delete(this.#unsettled.keys().next().value!);
  }

  spilled(readings: number): void {
    this.fates.spilled += readings;
    for (const followed of this.#unsettled.values()) followed.spilled = true;
  }

  sent(counter: number, first: number, readings: number): void {
    this.#messages.set(counter, { first, readings });
    if (this.#messages.size > mostFollowed) this.#messages.delete(this.#messages.keys().next().value!);
  }

  acked(counter: number, wake: number): void {
    const message = this.#messages.get(counter);
    if (!message) return;
    this.#messages.delete(counter);
    for (let sequence = message.first; sequence < message.first + message.readings; sequence++) {
      const followed = this.#unsettled.get(sequence);
      if (!followed) continue;
      this.#unsettled.delete(sequence);
      this.#delivered(followed, wake);
    }
  }

  dropped(readings: number): void {
    this.fates.dropped += readings;
  }

  gap(readings: number): void {
    this.fates.gaps += readings;
    for (const followed of this.#unsettled.values())
      if (!followed.spilled && !followed.lost) {
        followed.lost = true;
        this.fates.lost++;
      }
  }

  /** Neither acknowledged nor given up nor lost. */
  get waiting(): number {
    const { taken, atOnce, later, fromFlash, dropped, lost } = this.fates;
    return Math.max(0, taken - atOnce - later - fromFlash - dropped - lost);
  }

  #delivered({ wake: taken, spilled, lost }: Followed, wake: number): void {
    const { fates } = this;
    if (lost) fates.lost--;
    const wakes = wake - taken;
    if (wakes === 0) fates.atOnce++;
    else if (spilled) fates.fromFlash++;
    else fates.later++;
    if (wakes === 0) return;
    const index = lateClasses.findIndex((most) => wakes <= most);
    fates.late[index < 0 ? lateClasses.length : index]!++;
  }
}
