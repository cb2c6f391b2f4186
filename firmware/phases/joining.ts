/** The phases up to the broker's address: the access point, the time when it is unknown, the name service. */
import { absoluteTimeMs } from "dormouse/senml/measurement";
import type { Profile } from "dormouse/store/profile";
import Time from "time";
import Timer from "timer";
import { readClock } from "../clock.js";
import type { Memory } from "../memory.js";
import { type Closable, join, resolve, type Station, setClock } from "../network.js";
import { wifiPassword } from "../provisioned.js";
import type { Cycle } from "./cycle.js";

/** How long a time server may take when the time is known and only asked for again. */
const patienceMs = 2000;

export class Joining {
  private readonly profile: Profile;
  private readonly memory: Memory;
  private readonly cycle: Cycle;
  private wifi: Station | undefined;
  private sntp: Closable | undefined;
  private patience: Timer | undefined;
  /** The broker's, once it is resolved. */
  address = "";

  constructor(profile: Profile, memory: Memory, cycle: Cycle) {
    this.profile = profile;
    this.memory = memory;
    this.cycle = cycle;
  }

  /** The strength of the access point's signal, in dBm; undefined when it is not known. */
  get rssi(): number | undefined {
    return this.wifi?.rssi;
  }

  join(): void {
    this.leave();
    const { ssid } = this.profile.wifi;
    this.wifi = join({ ssid, password: wifiPassword() }, (reason) => this.cycle.settle("join", reason));
  }

  clock(): void {
    const before = readClock();
    const known = this.memory.clock !== "unknown" && before >= absoluteTimeMs;
    if (known && !this.memory.wantsTime(before)) return this.cycle.done("clock", true);
    const startedAt = Time.ticks;
    this.sntp = setClock(this.profile.time.server, (reason) => {
      this.stopClock();
      const now = Date.now();
      if (!reason) this.memory.clockSet(now, now - before - (Time.ticks - startedAt));
      // A known time serves on when the server is silent.
      if (known && reason) this.cycle.done("clock", true);
      else this.cycle.settle("clock", reason);
    });
    if (!known) return;
    this.patience = Timer.set(() => {
      this.patience = undefined;
      this.stopClock();
      this.cycle.done("clock", true);
    }, patienceMs);
  }

  /** Also so that no late answer sets the clock in the middle of what goes by it. */
  stopClock(): void {
    if (this.patience) Timer.clear(this.patience);
    this.patience = undefined;
    this.sntp?.close();
    this.sntp = undefined;
  }

  resolve(): void {
    resolve(this.profile.broker.host, (reason, address) => {
      this.address = address ?? "";
      this.cycle.settle("resolve", reason);
    });
  }

  /** Leaves the access point. */
  leave(): void {
    this.wifi?.close();
    this.wifi = undefined;
  }
}
