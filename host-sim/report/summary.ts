/** Adds up a run's events, of one device or of several. */
import type { BootEnd, Meters } from "../device.js";
import { EnergyAccount, type EnergySummary } from "../energy/account.js";
import type { WakeEstimate } from "../energy/wake-meter.js";
import { Counters } from "./counters.js";
import type { RunEvent, Summary } from "./events.js";
import { Outstanding } from "./outstanding.js";

export class Tally {
  readonly #sent = new Counters();
  readonly #acked = new Counters();
  readonly #awakeMs: number[] = [];
  readonly #bytecodes: number[] = [];
  readonly #energy = new EnergyAccount();
  readonly #energySummary: (account: EnergyAccount) => EnergySummary | undefined;
  readonly #devices = new Set<string>();
  readonly #outstanding = new Outstanding();
  #faults = 0;
  #wakes = 0;
  #handshakes = 0;
  #resumed = 0;
  #verified = 0;
  #unauthenticated = 0;
  #rejected = 0;
  #protection: string | null = null;
  #bytesUp = 0;
  #bytesDown = 0;
  /** Devices whose last wake did. */
  readonly #failed = new Set<string>();
  /** In the round that runs, of boards that stay awake. */
  readonly #erred = new Set<string>();
  #heap: Meters = { slotBytesPeak: 0, chunkBytesPeak: 0, stackBytesPeak: 0, tlsBytesPeak: 0 };

  /** @param energySummary what the account of all wakes comes to on this board */
  constructor(energySummary: (account: EnergyAccount) => EnergySummary | undefined = () => undefined) {
    this.#energySummary = energySummary;
  }

  event(event: RunEvent): void {
    this.#outstanding.event(event);
    switch (event.event) {
      case "wake":
        this.#wakes++;
        this.#devices.add(event.device);
        this.#failed.delete(event.device);
        break;
      case "phase":
        if (event.name !== "secure") break;
        this.#handshakes++;
        if (event.resumed) this.#resumed++;
        break;
      case "sent":
        this.#sent.add(event.device, event.counter);
        break;
      case "acked":
        this.#acked.add(event.device, event.counter);
        break;
      case "fault":
        this.#faults++;
        break;
      case "reset":
        if (event.reason !== "restart" && event.reason !== "off") this.#failed.add(event.device);
        break;
      case "error":
        this.#failed.add(event.device);
        this.#erred.add(event.device);
        break;
      case "idle":
        // What a round could not do the next one may.
        if (!this.#erred.delete(event.device)) this.#failed.delete(event.device);
        break;
      case "received":
        this.#received(event);
        break;
    }
  }

  #received({ verdict, topic, protection }: Extract<RunEvent, { event: "received" }>): void {
    this.#protection ??= protection ?? null;
    if (verdict === "duplicate") return;
    if (verdict !== "fresh" && verdict !== "unauthenticated") this.#rejected++;
    else if (topic.endsWith("/will")) return;
    else if (verdict === "fresh") this.#verified++;
    else this.#unauthenticated++;
  }

  /** See EnergyAccount.wake(). */
  energy(estimate: WakeEstimate, elapsedMs: number, first: boolean): void {
    this.#energy.wake(estimate, elapsedMs, first);
  }

  boot(end: BootEnd, awakeMs: number): void {
    this.#awakeMs.push(awakeMs);
    this.#bytecodes.push(end.bytecodes);
    this.#bytesUp += end.bytesUp;
    this.#bytesDown += end.bytesDown;
    const { heap } = end;
    this.#heap = {
      slotBytesPeak: Math.max(this.#heap.slotBytesPeak, heap.slotBytesPeak),
      chunkBytesPeak: Math.max(this.#heap.chunkBytesPeak, heap.chunkBytesPeak),
      stackBytesPeak: Math.max(this.#heap.stackBytesPeak, heap.stackBytesPeak),
      tlsBytesPeak: Math.max(this.#heap.tlsBytesPeak, heap.tlsBytesPeak),
    };
  }

  /** Messages that were acknowledged and are still to be judged by the listener. */
  get unjudged(): number {
    return this.#acked.size - this.#verified - this.#unauthenticated - this.#rejected;
  }

  get summary(): Summary {
    const energy = this.#energySummary(this.#energy);
    return {
      devices: this.#devices.size,
      wakes: this.#wakes,
      published: this.#sent.size,
      acked: this.#acked.size,
      verified: this.#verified,
      unauthenticated: this.#unauthenticated,
      rejected: this.#rejected,
      protection: this.#protection,
      handshakes: this.#handshakes,
      resumed: this.#resumed,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      awakeMsMedian: median(this.#awakeMs),
      bytecodesMedian: median(this.#bytecodes),
      heap: this.#heap,
      ...(this.#faults > 0 && { faults: this.#faults }),
      ...(energy && { energy }),
    };
  }

  /** Where nobody judges: everything that was sent has been acknowledged, and the device ended well. */
  get delivered(): boolean {
    return this.#sent.size > 0 && this.#sent.size === this.#acked.size && this.#failed.size === 0;
  }

  /**
   * Everything that was sent arrived and verified, nothing else did, and the device ended well. Unauthenticated is a
   * verdict where the profile wants no other: there a retry counts once more, as nothing tells it from another message.
   * Where faults were ordered it is enough that everything arrived in the end, or that the device says that it is lost.
   */
  get success(): boolean {
    const { published, acked, verified, unauthenticated, rejected } = this.summary;
    const isSound = published > 0 && rejected === 0 && this.#failed.size === 0;
    if (this.#faults > 0) return isSound && this.#outstanding.isSettled;
    const arrived = unauthenticated > 0 ? verified === 0 && unauthenticated >= acked : verified === acked;
    return isSound && published === acked && arrived;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 ? sorted[middle]! : Math.round((sorted[middle - 1]! + sorted[middle]!) / 2);
}
