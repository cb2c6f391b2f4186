/**
 * What is sent, and in which order: the messages in RTC memory, then the oldest segment, which is loaded when everything
 * before it has been acknowledged, its messages first; and when there is no segment left, the readings in RTC memory. A
 * message that is frozen of a segment stands in RTC memory, its readings in flash until it has been acknowledged.
 */
import type { Failure } from "../failure.js";
import type { Numbered } from "../sealed/frozen.js";
import { absoluteTimeMs, type Packing } from "../senml/measurement.js";
import type { FrozenMessage, OutboxDraft, Reading } from "../store/outbox-items.js";
import type { Outbox } from "../store/rtc-outbox.js";
import type { Segment } from "../store/spill-segment.js";
import { lifeEndMs } from "./lives.js";
import {
  acknowledge,
  dateReadings,
  draftMessage,
  readingsPerMessage,
  withDropped,
  withGap,
  withMessage,
} from "./outbox.js";
import type { OutboxKeeper } from "./outbox-keeper.js";
import { pendingMessages, pendingReadings } from "./spill.js";

/** Half of what a host's replay window holds. */
const oldBy = 2048;

const none: readonly number[] = Object.freeze([]);

export class OutboxReader {
  private readonly keeper: OutboxKeeper;
  /** Counters of messages of the segment that are acknowledged while one before them is not. */
  private ahead: readonly number[] = none;
  /** Up to which sequence number the oldest segment is taken with the message that was drafted last. */
  private drafted = 0;

  constructor(keeper: OutboxKeeper) {
    this.keeper = keeper;
  }

  /** What is frozen and not acknowledged, in the order in which it goes. */
  get messages(): readonly FrozenMessage[] {
    const { messages } = this.keeper.outbox;
    const pending = this.pending();
    if (pending.length === 0) return messages;
    return [...messages, ...pending.filter((one) => !this.ahead.includes(one.counter) && !this.isOld(one))];
  }

  /**
   * The next message: of the oldest readings; undefined while there is something before them, or nothing. A segment is not
   * held any longer than that: a small board has no room for it beside what freezing takes.
   */
  draft(packing: Packing, nowMs: number, maxContentBytes: number): OutboxDraft | undefined {
    const { keeper } = this;
    if (!this.find()) return draftMessage(keeper.outbox.readings, packing, nowMs, maxContentBytes);
    if (keeper.isTaken || this.pending().length > 0) return undefined;
    const segment = this.load();
    if (!segment) return undefined;
    const readings = pendingReadings(segment, keeper.outbox.spilled.taken);
    const draft = draftMessage(readings, packing, nowMs, maxContentBytes);
    if (draft) this.drafted = nextIn(segment, draft.firstSequence + draft.readings);
    this.unload();
    return draft;
  }

  /**
   * As `draft`, of a message that was frozen so many counters ago that receivers may no longer tell it from a replay: it
   * goes under another, when it is its turn.
   */
  renewed(): OutboxDraft | undefined {
    const [first] = this.pending();
    const segment = this.load();
    if (!first || !segment || !this.isOld(first)) return undefined;
    const { plaintext, contentType, topic, firstSequence, readings } = first;
    this.drafted = nextIn(segment, firstSequence + readings);
    return { plaintext, ...(contentType && { contentType }), topic, firstSequence, readings };
  }

  /** The outbox with the message that was drafted last, or with an answer. @param tells it says what was lost */
  with<M extends Numbered<OutboxDraft>>(message: M, tells: boolean): Outbox<M | FrozenMessage> {
    const { outbox, oldest } = this.keeper;
    const { losses, spilled } = outbox;
    return {
      ...withMessage<M | FrozenMessage>(outbox, message),
      ...(tells && {
        losses: { ...losses, toldDropped: losses.dropped, toldGap: losses.gap, toldBy: message.counter },
      }),
      ...(oldest && message.readings > 0 && { spilled: { ...spilled, taken: this.drafted } }),
    };
  }

  /** The reading, the first of those that wait, cannot be sent. */
  drop(sequence: number): void {
    const { keeper } = this;
    const { outbox } = keeper;
    const fewer = withDropped(outbox, 1);
    const segment = keeper.oldest && this.load();
    if (segment) {
      keeper.replace({ ...fewer, spilled: { ...outbox.spilled, taken: nextIn(segment, sequence + 1) } });
      this.finish();
    } else {
      keeper.replace({ ...fewer, readings: outbox.readings.filter((one) => one.sequence !== sequence) });
    }
  }

  /** The broker has the message. */
  acknowledged(counter: number): Failure | undefined {
    const { keeper } = this;
    const { losses } = keeper.outbox;
    keeper.outbox = acknowledge(keeper.outbox, counter);
    if (losses.toldBy === counter) {
      const { toldDropped: safeDropped, toldGap: safeGap } = losses;
      keeper.outbox = {
        ...keeper.outbox,
        losses: { ...losses, toldBy: null, safeDropped, safeGap, cold: false },
      };
    }
    if (!keeper.oldest) return undefined;
    this.ahead = [...this.ahead, counter];
    this.advance();
    return this.finish();
  }

  /**
   * The clock was set: readings in flash that were taken without one are dated. Others keep their date: flash would wear by
   * what time servers say.
   */
  dateSegments(date: (timeMs: number) => number): void {
    const { keeper } = this;
    const { shelf } = keeper;
    const { first, next } = keeper.outbox.spilled;
    for (let number = first; shelf && number < next; number++) {
      const before = lifeEndMs(shelf, number, keeper.outbox.spilled.foreign);
      const segment = shelf.read(number)?.segment;
      if (!segment) continue;
      const readings = this.shifted(segment, before, date);
      if (readings.every(({ content }, i) => content === segment.readings[i]!.content)) continue;
      shelf.write(number, shelf.encode({ ...segment, readings }));
    }
    this.unload();
  }

  /** Messages of the oldest segment that are not acknowledged. */
  private pending(): FrozenMessage[] {
    const { keeper } = this;
    // Those in RTC memory were made of readings behind them.
    if (!this.find() || keeper.isTaken || keeper.outbox.messages.some(({ readings }) => readings > 0))
      return [];
    const segment = this.load();
    return segment ? pendingMessages(segment, keeper.outbox.spilled.taken) : [];
  }

  private isOld({ counter }: FrozenMessage): boolean {
    return this.keeper.shell.nextCounter - counter > oldBy;
  }

  /** Finds the oldest segment of which something is left; false when there is none. */
  private find(): boolean {
    const { keeper } = this;
    const { shelf } = keeper;
    while (!keeper.oldest && shelf && !keeper.hasNoSegments) {
      const { first, end } = keeper.outbox.spilled;
      // Once, and not deep in the stack of what comes from the broker. Where the time is known they are dated.
      const known = keeper.shell.now() >= absoluteTimeMs;
      const before = known ? 0 : lifeEndMs(shelf, first, keeper.outbox.spilled.foreign);
      const shelved = shelf.read(first);
      this.ahead = none;
      if (shelved) {
        const { segment, bytes } = shelved;
        this.missed(segment.from);
        const last = segment.messages[segment.messages.length - 1];
        const messagesEnd = last ? last.firstSequence + last.readings : 0;
        keeper.oldest = {
          segment: this.dated(segment, before),
          before,
          end: segment.end,
          messagesEnd,
          bytes,
        };
        this.advance();
        this.finish();
      } else {
        keeper.outbox = { ...keeper.outbox, spilled: { ...keeper.outbox.spilled, first: first + 1 } };
        if (keeper.hasNoSegments) this.missed(end);
      }
    }
    return keeper.oldest !== undefined;
  }

  /** It is read again when it is wanted. */
  private unload(): void {
    const { oldest } = this.keeper;
    if (oldest) oldest.segment = undefined;
  }

  private load(): Segment | undefined {
    const { oldest, shelf, outbox } = this.keeper;
    if (!oldest || oldest.segment) return oldest?.segment;
    const shelved = shelf?.read(outbox.spilled.first);
    if (shelved) oldest.segment = this.dated(shelved.segment, oldest.before);
    return oldest.segment;
  }

  /** What should have come before this sequence number, and cannot be read. */
  private missed(from: number): void {
    const { keeper } = this;
    const { taken } = keeper.outbox.spilled;
    if (taken >= from) return;
    const outbox = withGap(keeper.outbox, Math.min(from - taken, readingsPerMessage));
    keeper.outbox = { ...outbox, spilled: { ...outbox.spilled, taken: from } };
  }

  private dated(segment: Segment, before: number): Segment {
    if (before === 0) return segment;
    return { ...segment, readings: this.shifted(segment, before, (timeMs) => timeMs) };
  }

  /** Readings that an earlier life took without a clock were taken before this one began: its clock began at zero. */
  private shifted(
    { readings }: Segment,
    before: number,
    date: (timeMs: number) => number,
  ): readonly Reading[] {
    return dateReadings(readings, (timeMs) => (timeMs < absoluteTimeMs ? date(timeMs - before) : timeMs));
  }

  /** Past the segment's messages that are acknowledged, in their order, and what is missing between them. */
  private advance(): void {
    const { keeper } = this;
    for (;;) {
      const [message] = this.pending();
      if (message && !this.ahead.includes(message.counter)) return;
      const segment = keeper.oldest?.segment;
      const { spilled } = keeper.outbox;
      const from = message ? message.firstSequence + message.readings : spilled.taken;
      const taken = segment ? nextIn(segment, from) : from;
      if (taken <= spilled.taken) return;
      keeper.outbox = { ...keeper.outbox, spilled: { ...spilled, taken } };
    }
  }

  /** Deletes the segment when all of it is acknowledged: first RTC memory is to say so. */
  private finish(): Failure | undefined {
    const { keeper } = this;
    const { spilled, messages, losses } = keeper.outbox;
    if (!keeper.oldest || !keeper.isTaken || messages.some(({ readings }) => readings > 0)) return undefined;
    const first = spilled.first + 1;
    const bytes = first === spilled.next ? 0 : Math.max(0, spilled.bytes - keeper.oldest.bytes);
    keeper.oldest = undefined;
    keeper.outbox = {
      ...keeper.outbox,
      // It may have been the one that told of it.
      losses: { ...losses, cold: losses.cold || losses.gap !== losses.toldGap },
      spilled: { ...spilled, first, bytes },
    };
    const reason = keeper.save();
    if (reason) return reason;
    keeper.shelf?.remove(spilled.first);
    return undefined;
  }
}

/** Of the first reading or message from `sequence` on that the segment has; else its end. */
function nextIn({ messages, readings, end }: Segment, sequence: number): number {
  const message = messages.find(({ firstSequence }) => firstSequence >= sequence);
  return message?.firstSequence ?? readings.find((one) => one.sequence >= sequence)?.sequence ?? end;
}
