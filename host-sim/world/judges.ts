/**
 * Who judges what arrives: for each device a judge that accepts what is this device's. Devices are told apart by their
 * topics, of which no two have one in common.
 */
import type { ReplayStore } from "../../backend/replay/replay-store.js";
import type { Profile } from "../../lib/store/profile.js";
import { deviceSender, type Keyed } from "./device-sender.js";
import type { Resident } from "./scene.js";
import { Judge, type Judged } from "./verdict.js";

interface Court {
  readonly judge: Judge;
  readonly onReceived: Resident["onReceived"];
}

export class Judges {
  readonly #courts = new Map<string, Court>();

  /**
   * @param keyed of each resident, in their order
   * @throws RangeError when two residents publish to one topic
   */
  constructor(residents: readonly Resident[], keyed: readonly Keyed[], replay: ReplayStore) {
    for (const [n, { deviceSecret, onReceived }] of residents.entries()) {
      const judge = new Judge([deviceSender(keyed[n]!, deviceSecret)], replay);
      for (const topic of heard(keyed[n]!.profile)) {
        if (this.#courts.has(topic)) throw new RangeError(`two devices publish to ${topic}`);
        this.#courts.set(topic, { judge, onReceived });
      }
    }
  }

  /** All that the devices publish to. */
  get topics(): string[] {
    return [...this.#courts.keys()];
  }

  /** See Judge. */
  judge(topic: string, message: Uint8Array): Promise<Judged> {
    return this.#of(topic).judge.judge(topic, message);
  }

  /** Tells whose it is. */
  tell(judged: Judged): void {
    this.#of(judged.topic).onReceived(judged);
  }

  #of(topic: string): Court {
    const court = this.#courts.get(topic);
    if (!court) throw new RangeError(`nobody here publishes to ${topic}`);
    return court;
  }
}

/** All that a device publishes. */
function heard({ topics: { base, readings } }: Profile): string[] {
  return [readings, `${base}/will`, `${base}/result`];
}
