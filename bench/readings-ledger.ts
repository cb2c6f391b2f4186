/**
 * What became of one device's readings, from the events of its run: every one that was queued is delivered, or the device
 * says that it was dropped, or that it went with RTC memory.
 */
import { Counters } from "../host-sim/report/counters.js";
import type { RunEvent } from "../host-sim/report/events.js";

interface Span {
  readonly first: number;
  readonly readings: number;
}

export class ReadingsLedger {
  #queued = 0;
  /** Queued and not delivered. */
  readonly #missing = new Set<number>();
  readonly #delivered = new Counters();
  /** What is in messages that have not arrived, by their counters. */
  readonly #sent = new Map<number, Span>();
  #dropped = 0;
  #gap = 0;

  event(event: RunEvent): void {
    switch (event.event) {
      case "queued":
        this.#queued++;
        this.#missing.add(event.sequence);
        break;
      case "sent":
        if (event.first !== undefined && event.readings)
          this.#sent.set(event.counter, { first: event.first, readings: event.readings });
        break;
      case "received":
        this.#received(event);
        break;
      case "dropped":
        this.#dropped += event.readings;
        break;
      case "gap":
        this.#gap += event.readings;
        break;
    }
  }

  #received({ verdict, counter, device }: Extract<RunEvent, { event: "received" }>): void {
    const span = counter === undefined ? undefined : this.#sent.get(counter);
    if (verdict !== "fresh" || !span) return;
    this.#sent.delete(counter!);
    for (let i = 0; i < span.readings; i++) {
      this.#delivered.add(device, span.first + i);
      this.#missing.delete(span.first + i);
    }
  }

  get queued(): number {
    return this.#queued;
  }

  get delivered(): number {
    return this.#delivered.size;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get gap(): number {
    return this.#gap;
  }

  /** A gap may be told of more than were lost, never of fewer. */
  get unaccounted(): number {
    return Math.max(0, this.#missing.size - this.dropped - this.gap);
  }
}
