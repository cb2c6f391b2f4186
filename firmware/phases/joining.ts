/**
 * The phases up to the broker's address: the access point, the time when it is unknown, the name service. What an earlier
 * wake found out is used as long as it leads to the broker.
 */
import { nameSeconds, remembered, usable } from "dormouse/cycle/join-cache";
import type { Phase } from "dormouse/cycle/wake-cycle";
import { failure } from "dormouse/failure";
import { absoluteTimeMs } from "dormouse/senml/measurement";
import type { Profile } from "dormouse/store/profile";
import type { NetworkCache } from "dormouse/store/rtc-network";
import Time from "time";
import Timer from "timer";
import { readClock } from "../clock.js";
import type { Memory } from "../memory.js";
import { type Closable, isAddress, resolve, setClock } from "../network.js";
import { wifiPassword, wifiSsid } from "../provisioned.js";
import { Station } from "../station.js";
import type { Cycle } from "./cycle.js";

/** How long a time server may take when the time is known and only asked for again. */
const patienceMs = 2000;
/** How long a name server may take at a remembered address. */
const silenceMs = 2500;

export class Joining {
  private readonly profile: Profile;
  private readonly memory: Memory;
  private readonly cycle: Cycle;
  private station: Station | undefined;
  private sntp: Closable | undefined;
  private patience: Timer | undefined;
  /** What is used of what an earlier wake found out. */
  private known: NetworkCache = {};
  /** Nobody has heard the board at the remembered address: the next join asks for another. */
  private renews = false;
  /** A time server was asked in this wake, and did not answer. */
  private vain = false;
  /** Somebody has answered the board, at whatever address it has. */
  private heard = false;
  /** The broker has: its address is the right one. */
  private arrived = false;
  /** Which question to the name service the answer is waited for. */
  private question = 0;
  /** The broker's, once it is resolved. */
  address = "";
  /** What the report says of the join. */
  told: string | undefined;

  constructor(profile: Profile, memory: Memory, cycle: Cycle) {
    this.profile = profile;
    this.memory = memory;
    this.cycle = cycle;
  }

  /** The strength of the access point's signal, in dBm; undefined when it is not known. */
  get rssi(): number | undefined {
    return this.station?.rssi;
  }

  /** The board's address, or the broker's, is a remembered one. */
  get relies(): boolean {
    return this.station?.fixed === true || this.known.broker !== undefined;
  }

  join(): void {
    if (this.renews && this.station) {
      this.renews = false;
      return this.station.renew();
    }
    this.leave();
    // Who stays for long has to ask for a longer lease in time.
    if (this.profile.cycle.mode === "awake") this.forget("lease");
    const known = usable(this.memory.network, nowSeconds());
    this.known = known;
    this.heard = this.arrived = false;
    const ssid = this.profile.wifi.ssid ?? wifiSsid();
    this.station = new Station({ ssid, password: wifiPassword() }, known, (reason) => {
      if (reason) this.forget("bssid");
      else this.joined();
      this.cycle.settle("join", reason);
    });
  }

  private joined(): void {
    const { station, known } = this;
    if (!station) return;
    const { lease, ...others } = known;
    const { fixed, aimed } = station;
    this.memory.network = remembered(fixed ? known : others, station.joined, nowSeconds());
    if (known.bssid && !aimed) this.told = "the remembered access point is not there";
    else if (lease && !fixed) this.told = "nobody heard the remembered address";
    else if (fixed) this.told = aimed ? "without a scan, without DHCP" : "without DHCP";
    else if (aimed) this.told = "without a scan";
  }

  clock(): void {
    const before = readClock();
    const known = this.memory.clock !== "unknown" && before >= absoluteTimeMs;
    if (known && !this.memory.wantsTime(before)) return this.cycle.done("clock", true);
    const startedAt = Time.ticks;
    this.vain = true;
    this.sntp = setClock(this.profile.time.server, (reason) => {
      this.stopClock();
      const now = Date.now();
      if (!reason) {
        this.vain = false;
        this.heard = true;
        this.memory.clockSet(now, now - before - (Time.ticks - startedAt));
      }
      // A known time serves on when the server is silent.
      if (known && reason) this.cycle.done("clock", true);
      else this.cycle.settle("clock", reason);
    });
    if (!known) return;
    this.patience = Timer.set(() => {
      this.stopClock();
      this.cycle.done("clock", true);
    }, patienceMs);
  }

  /** Also so that no late answer sets the clock in the middle of what goes by it. */
  stopClock(): void {
    this.stopPatience();
    this.sntp?.close();
    this.sntp = undefined;
  }

  resolve(): void {
    const { host } = this.profile.broker;
    const { broker } = this.known;
    if (broker) {
      this.address = broker.address;
      return this.cycle.done("resolve", true);
    }
    const failed = failure("name-unresolved", `no address for ${host}`);
    const again = () => {
      this.stopPatience();
      const from = this.silent();
      if (from) this.cycle.again(from);
      else this.cycle.settle("resolve", failed);
    };
    if (this.station?.fixed) this.patience = Timer.set(again, silenceMs);
    this.find("resolve", (address) => {
      if (address === undefined) return again();
      this.stopPatience();
      this.address = address;
      this.cycle.done("resolve");
    });
  }

  /** Asks for the broker's address. @param phase which waits for it */
  private find(phase: Phase, found: (address: string | undefined) => void): void {
    const { host } = this.profile.broker;
    const question = ++this.question;
    resolve(host, (address) => {
      // An answer may come when nobody waits for it any more.
      if (this.cycle.phase !== phase || question !== this.question) return;
      if (!address) return found(undefined);
      this.heard = true;
      const broker = { address, endsAtSeconds: nowSeconds() + nameSeconds };
      if (!isAddress(host)) this.memory.network = { ...this.memory.network, broker };
      found(address);
    });
  }

  /** Somebody at the broker's address answers. */
  answered(): void {
    this.heard = true;
  }

  /** It is the broker. */
  reached(): void {
    this.arrived = true;
  }

  /**
   * Nobody answers: what was remembered of the way is forgotten.
   * @returns the phase from which on another way may be found; undefined when this was all new
   */
  silent(): Phase | undefined {
    const { broker, ...others } = this.known;
    this.known = others;
    this.forget("broker");
    if (this.station?.fixed && !this.renews) {
      this.forget("lease");
      this.renews = true;
      // It may have been asked in vain because nobody heard.
      if (this.vain) this.memory.doubtClock();
      return "join";
    }
    return broker && "resolve";
  }

  /**
   * Whoever answers at the broker's address is of no use, while `phase` waits for it.
   * @param done told whether the broker is to be found at another address by now; `resolve` gives that
   */
  elsewhere(phase: Phase, done: (moved: boolean) => void): void {
    const { broker, ...others } = this.known;
    this.known = others;
    this.forget("broker");
    if (!broker) return done(false);
    this.find(phase, (address) => {
      const { network } = this.memory;
      if (address === undefined || address === broker.address || !network?.broker) return done(false);
      this.known = { ...others, broker: network.broker };
      done(true);
    });
  }

  private forget(part: "bssid" | "lease" | "broker"): void {
    if (!this.memory.network) return;
    const { [part]: _, ...others } = this.memory.network;
    this.memory.network = others;
  }

  /** Leaves the access point. */
  leave(): void {
    if (!this.station) return;
    this.stopPatience();
    this.renews = false;
    // A deadline may have come before any doubt.
    if (!this.arrived) this.forget("broker");
    if (this.station.fixed && !this.heard) this.forget("lease");
    this.station.close();
    this.station = undefined;
  }

  private stopPatience(): void {
    if (this.patience) Timer.clear(this.patience);
    this.patience = undefined;
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
