/**
 * Keeps what waits: in RTC memory, and spilled to flash when many readings are there alone. It decides the order of
 * writes: what may be lost is never removed before it stands elsewhere, so power may fail between any two. What is sent
 * goes oldest first: see outbox-reader.ts.
 */
import { type Failure, failure } from "../failure.js";
import type { FrozenOutbox, Outbox } from "../store/rtc-outbox.js";
import type { Segment } from "../store/spill-segment.js";
import {
  contentBytes,
  dropHalf,
  dropNewest,
  dropOldest,
  dropResult,
  exposed,
  queueReading,
  untold,
} from "./outbox.js";
import type { Shelf } from "./shelf.js";
import { countReadings, type KeeperSettings } from "./spill.js";
import { presentRoom, type Room, spilledOutbox, spillFrom, thinAll, withoutOldest } from "./spill-room.js";

/** What the keeper has the shell do. */
export interface KeeperShell {
  /** Writes RTC memory in one step, and reads it back. */
  store(outbox: Outbox): Failure | "too large" | undefined;
  /** The device's clock, ms. */
  now(): number;
  /** For the log. */
  tell(event: "queued" | "spilled" | "dropped" | "error", fields: Record<string, unknown>): void;
  /** Of the next message. */
  readonly nextCounter: number;
}

export interface OldestSegment {
  segment: Segment | undefined;
  /** What its clock would show at the beginning of the present life, for readings without a date. */
  readonly before: number;
  readonly end: number;
  /** Behind its messages. */
  readonly messagesEnd: number;
  readonly bytes: number;
}

export class OutboxKeeper {
  /** As it is, or will be with the next write. */
  outbox: FrozenOutbox;
  /** The oldest segment, once it was wanted; without its contents while those are not. */
  oldest: OldestSegment | undefined;
  readonly shelf: Shelf | undefined;
  private readonly settings: KeeperSettings;
  readonly shell: KeeperShell;

  constructor(outbox: FrozenOutbox, shelf: Shelf | undefined, settings: KeeperSettings, shell: KeeperShell) {
    this.outbox = outbox;
    this.shelf = shelf;
    this.settings = settings;
    this.shell = shell;
  }

  /**
   * At boot, before anything is measured: a reading that is lost from now on is one more.
   * @param changed RTC memory has another outbox
   */
  begin(changed: boolean): Failure | undefined {
    return changed ? (this.save() ?? this.bound()) : this.bound();
  }

  /** Takes in a reading, and stores it. */
  queue(content: Uint8Array): Failure | undefined {
    const sequence = this.outbox.nextSequence;
    this.outbox = queueReading(this.outbox, content);
    const reason = this.save();
    if (reason) return reason;
    this.shell.tell("queued", { sequence });
    return this.bound();
  }

  /**
   * The wake has done what it could. Where RTC memory had been lost and nobody has heard of it, flash is told: should it
   * be lost again, that would be two losses, and one that is known.
   */
  endWake(): void {
    const { losses } = this.outbox;
    const open = untold(losses);
    if (!open.dropped && !open.gap && losses.toldBy === null)
      this.outbox = {
        ...this.outbox,
        losses: { ...losses, safeDropped: losses.dropped, safeGap: losses.gap, cold: false },
      };
    else if (losses.cold && !this.note()) this.spill();
  }

  /** Writes RTC memory; what does not fit goes to flash, or is dropped. */
  save(spilling = true): Failure | undefined {
    for (;;) {
      const written = this.shell.store(this.outbox);
      if (written !== "too large") return written;
      if (spilling && this.spill()) return undefined;
      if (!this.dropSome()) return failure("storage-failed", "RTC memory is too small");
    }
  }

  /** Drops something in RTC memory, the answer to a command before any reading; false when there is nothing. */
  dropSome(): boolean {
    const fewer = dropResult(this.outbox);
    if (!fewer) return this.dropReadings();
    this.replace(fewer);
    this.shell.tell("error", { ...failure("storage-failed", "no room for the answer to a command") });
    return true;
  }

  /** Drops readings in RTC memory as the profile says; false when there are none. */
  private dropReadings(): boolean {
    const { outbox } = this;
    const { drop } = this.settings;
    const fewer =
      drop === "newest" ? dropNewest(outbox) : drop === "thin" ? dropHalf(outbox) : dropOldest(outbox);
    const other = fewer ?? dropOldest(outbox);
    if (!other) return false;
    this.replace(other);
    return true;
  }

  /** No more than so many are in RTC memory alone. */
  private bound(): Failure | undefined {
    const { shelf, outbox } = this;
    const { most } = this.settings;
    const { gap, safeGap } = outbox.losses;
    const count = exposed(outbox);
    if (!shelf && count <= most) return undefined;
    // Those that flash might not take together with the next go before.
    if (shelf && count + gap - safeGap < most && !shelf.takesMuch(contentBytes(outbox.readings)))
      return undefined;
    if (this.spill()) return undefined;
    // One more may be lost while it is taken.
    const limit = shelf ? Math.max(1, most - 1) : most;
    if (count <= limit) return undefined;
    while (exposed(this.outbox) > limit && this.dropReadings());
    const { dropped, safeDropped } = this.outbox.losses;
    // Flash is told every so often: these counts would be lost with RTC memory.
    if (dropped - safeDropped >= most) this.note();
    return this.save(false);
  }

  /** The newest segment is written anew, and says what has been lost since. @returns whether it does */
  private note(): boolean {
    const { shelf, outbox } = this;
    const { losses, spilled } = outbox;
    const { dropped, gap } = losses;
    for (let number = spilled.next - 1; shelf && number >= spilled.first; number--) {
      const segment = shelf.read(number)?.segment;
      if (!segment) continue;
      if (!shelf.write(number, shelf.encode({ ...segment, dropped, gap }))) return false;
      this.outbox = {
        ...outbox,
        losses: { ...losses, safeDropped: dropped, safeGap: gap, cold: false },
      };
      return true;
    }
    return false;
  }

  /** Everything that is in RTC memory alone goes to flash. @returns whether it did, and RTC memory is written */
  spill(): boolean {
    const { shelf } = this;
    const messages = this.hasNoSegments ? this.outbox.messages.filter((one) => one.readings > 0) : [];
    const alone = { messages, readings: this.outbox.readings };
    if (!shelf || countReadings(alone) === 0) return false;
    let room = presentRoom(this.outbox);
    let data = this.encode(shelf, room, alone);
    while (!shelf.fits(this.outbox.spilled.next - room.first, room.bytes, data.length)) {
      if (this.settings.drop === "newest") return false;
      if (this.settings.drop === "thin" && room.gone.length === 0 && this.thin(shelf))
        room = presentRoom(this.outbox);
      else if (room.first === this.outbox.spilled.next) return false;
      else room = withoutOldest(room, this.outbox, shelf);
      data = this.encode(shelf, room, alone);
    }
    const number = this.outbox.spilled.next;
    if (!shelf.write(number, data)) {
      this.shell.tell("error", { ...failure("storage-failed", "flash does not keep readings") });
      return false;
    }
    this.replace(spilledOutbox(this.outbox, room, data.length));
    this.save(false);
    for (const gone of room.gone) shelf.remove(gone);
    if (room.gone.length > 0) this.oldest = undefined;
    this.shell.tell("spilled", { readings: countReadings(alone), segment: number });
    return true;
  }

  /** Another reading or two, and some are dropped. */
  get isNearlyFull(): boolean {
    const { shelf, outbox } = this;
    if (exposed(outbox) + 2 <= this.settings.most) return false;
    const { first, next, bytes } = outbox.spilled;
    const count = next - first;
    return !shelf?.fits(count, bytes, count === 0 ? 0 : bytes / count);
  }

  get hasNoSegments(): boolean {
    return this.outbox.spilled.first === this.outbox.spilled.next;
  }

  /** All of the oldest segment is acknowledged, or stands in RTC memory. */
  get isTaken(): boolean {
    return this.oldest !== undefined && this.outbox.spilled.taken >= this.oldest.end;
  }

  private encode(shelf: Shelf, room: Room, alone: Pick<Segment, "messages" | "readings">): Uint8Array {
    const { spilled, losses, nextSequence } = this.outbox;
    return shelf.encode({
      number: spilled.next,
      first: room.first,
      from: spillFrom(this.outbox),
      end: nextSequence,
      dropped: room.dropped,
      gap: losses.gap,
      clockMs: this.shell.now(),
      ...alone,
    });
  }

  private thin(shelf: Shelf): boolean {
    this.oldest = undefined;
    return thinAll(this.outbox, shelf, (outbox) => {
      this.replace(outbox);
      this.save(false);
    });
  }

  /** Takes over an outbox of which some was dropped, and says so. */
  replace(outbox: FrozenOutbox): void {
    const readings = outbox.losses.dropped - this.outbox.losses.dropped;
    this.outbox = outbox;
    if (readings > 0) this.shell.tell("dropped", { readings, total: outbox.losses.dropped });
  }
}
