/**
 * The segments of the outbox in flash, by their numbers: each is one entry, and entries are used in turn. Whoever owns
 * the shelf knows which of them count; only after a reset is there a look at all.
 */
import { decodeSegment, encodeSegment, type Segment, type SegmentTrust } from "../store/spill-segment.js";
import { liveSegments, mostSegments, type SegmentSummary } from "./spill.js";

/** Entries of flash. */
export interface SegmentFlash {
  /** Undefined when there is no such entry. */
  read(slot: number): Uint8Array | undefined;
  /** @returns whether it stands in flash; if not, nothing has changed there */
  write(slot: number, data: Uint8Array): boolean;
  remove(slot: number): void;
}

export interface Shelved {
  readonly segment: Segment;
  readonly bytes: number;
}

export class Shelf {
  /** Its reservation rises. */
  trust: SegmentTrust;
  private readonly flash: SegmentFlash;
  /** Of all segments together. */
  private readonly mostBytes: number;

  constructor(flash: SegmentFlash, trust: SegmentTrust, mostBytes: number) {
    this.flash = flash;
    this.trust = trust;
    this.mostBytes = mostBytes;
  }

  /** Whether there is room for `more` bytes beside segments of `bytes`, `count` of them. */
  fits(count: number, bytes: number, more: number): boolean {
    return count < mostSegments(this.mostBytes) && bytes + more <= this.mostBytes;
  }

  /** Whether so many bytes of readings would take a good part of all there is. */
  takesMuch(bytes: number): boolean {
    return bytes > this.mostBytes >> 1;
  }

  /** What the segment will be in flash. */
  encode(segment: Segment): Uint8Array {
    return encodeSegment(segment, this.trust.secretId);
  }

  read(number: number): Shelved | undefined {
    const shelved = this.readSlot(this.slotOf(number));
    return shelved?.segment.number === number ? shelved : undefined;
  }

  write(number: number, data: Uint8Array): boolean {
    return this.flash.write(this.slotOf(number), data);
  }

  remove(number: number): void {
    this.flash.remove(this.slotOf(number));
  }

  /**
   * Looks at every entry, and deletes those that do not count.
   * @param first those below this number do not count either
   * @returns what does, ascending
   */
  scan(first = 0): SegmentSummary[] {
    const found: SegmentSummary[] = [];
    const slots: number[] = [];
    for (let slot = 0; slot < this.slots; slot++) {
      const shelved = this.readSlot(slot);
      if (shelved && this.slotOf(shelved.segment.number) === slot) {
        const { number, first, from, end, dropped, gap } = shelved.segment;
        found.push({ number, first, from, end, dropped, gap, bytes: shelved.bytes });
      }
      if (shelved || this.flash.read(slot)) slots.push(slot);
    }
    const live = liveSegments(found.filter(({ number }) => number >= first));
    for (const slot of slots)
      if (!live.some(({ number }) => this.slotOf(number) === slot)) this.flash.remove(slot);
    return live;
  }

  /** One more than there may be segments: a new one is written before an old one goes. */
  private get slots(): number {
    return mostSegments(this.mostBytes) + 1;
  }

  private slotOf(number: number): number {
    return number % this.slots;
  }

  private readSlot(slot: number): Shelved | undefined {
    const data = this.flash.read(slot);
    const segment = decodeSegment(data, this.trust);
    return data && segment && { segment, bytes: data.length };
  }
}
