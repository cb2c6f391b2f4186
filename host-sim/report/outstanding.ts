/**
 * Messages whose fate is open, and readings that their device has said are lost: what a run in which things went wrong
 * on purpose still owes. It keeps what is open, not what is settled.
 */
import type { RunEvent } from "./events.js";

export class Outstanding {
  /** Sent, and neither acknowledged nor arrived: how many readings are in it. */
  readonly #sent = new Map<string, number>();
  /** Acknowledged, and not arrived. */
  readonly #acked = new Set<string>();
  /** Arrived, and not acknowledged. */
  readonly #arrived = new Set<string>();
  #admitted = 0;

  event(event: RunEvent): void {
    switch (event.event) {
      case "sent": {
        const id = message(event.device, event.counter);
        if (!this.#arrived.has(id)) this.#sent.set(id, event.readings ?? (event.result ? 0 : 1));
        break;
      }
      case "acked": {
        const id = message(event.device, event.counter);
        this.#sent.delete(id);
        if (!this.#arrived.delete(id)) this.#acked.add(id);
        break;
      }
      case "received": {
        const { verdict, counter, topic, device } = event;
        if (counter === undefined || topic.endsWith("/will")) break;
        if (verdict !== "fresh" && verdict !== "unauthenticated" && verdict !== "duplicate") break;
        const id = message(device, counter);
        this.#sent.delete(id);
        if (!this.#acked.delete(id)) this.#arrived.add(id);
        break;
      }
      case "gap":
      case "dropped":
        this.#admitted += event.readings;
        break;
    }
  }

  /** Everything has arrived, or has been given up by its device and counted. */
  get isSettled(): boolean {
    let open = 0;
    for (const readings of this.#sent.values()) open += readings;
    return this.#acked.size === 0 && open <= this.#admitted;
  }
}

function message(device: string, counter: number): string {
  return `${device} ${counter}`;
}
