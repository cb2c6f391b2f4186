/**
 * The shell of the wake cycle: does the work of each phase and tells the machine how it went. The machine
 * decides what is next, until when, and when to sleep.
 */
import {
  type CycleEvent,
  type CyclePlan,
  type CycleState,
  nextWakeAt,
  type Phase,
  step,
} from "dormouse/cycle/wake-cycle";
import { type Failure, failure } from "dormouse/failure";
import type { ReceivedMessage } from "dormouse/mqtt/session-state";
import { deepSleep, readRtc } from "dormouse/native/power";
import { absoluteTimeMs, encodeReading } from "dormouse/senml/measurement";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import type { Secured } from "dormouse/tls/session";
import Time from "time";
import Timer from "timer";
import { sense } from "./app.js";
import { readClock } from "./clock.js";
import { Commands } from "./commands.js";
import { resetState } from "./device-state.js";
import { Link, type LinkEvents } from "./link.js";
import { Memory } from "./memory.js";
import { type Closable, join, resolve, type Station, setClock } from "./network.js";
import { cyclePlan } from "./plan.js";
import { wifiPassword } from "./provisioned.js";
import { Publisher } from "./publisher.js";
import { describeError, report } from "./report.js";
import { Security } from "./security.js";
import { sessionOptions } from "./session-options.js";

const ticketPollMs = 10;
/** Of the phase's time for the handshake: when that is over TLS says so, which tells more than the phase's deadline. */
const handshakeShare = 0.99;
/** How long a time server may take when the time is known and only asked for again. */
const patienceMs = 2000;
/** How CONNACK refuses credentials, MQTT 5 and 3.1.1. */
const notAuthorized: readonly number[] = [134, 135, 4, 5];
/** MQTT 5 §4.13. */
const packetTooLarge = 149;
const unanswered = failure("tls-timeout", "no TLS handshake in this wake");
const closed = failure("connection-lost", "the broker closed the connection");

export class Wake implements LinkEvents {
  readonly #profile: Profile;
  readonly #device: Device;
  readonly #plan: CyclePlan;
  readonly #memory: Memory;
  readonly #security: Security | undefined;
  readonly #publisher: Publisher;
  #state: CycleState = { at: "boot" };
  #timer: Timer | undefined;
  readonly #events: CycleEvent[] = [];
  #wifi: Station | undefined;
  #sntp: Closable | undefined;
  #patience: Timer | undefined;
  /** What was measured, until it is queued. */
  #content: Uint8Array | undefined;
  #address = "";
  #link: Link | undefined;
  #lost = closed;
  #secured = "";
  /** The broker has taken the MQTT session, and no message was refused. */
  #welcome = false;
  /** The broker was not as remembered, so another link may fare better; once a wake. */
  #again: "no" | "yes" | "done" = "no";
  /** TCP stands. */
  #connected = false;
  /** Once a message has come. */
  #commands: Commands | undefined;
  /** Whether the broker has been asked for what it has, and what it has said since: nothing more, at last. */
  #fence: "none" | "asked" | "heard" | "quiet" = "none";

  constructor(profile: Profile, device: Device) {
    this.#profile = profile;
    this.#device = device;
    this.#plan = cyclePlan(profile);
    this.#memory = new Memory(device, readRtc());
    const { host, tls } = profile.broker;
    const handshakeMs = Math.floor(this.#plan.deadlineMs.secure * handshakeShare);
    if (tls) this.#security = new Security(host, tls, device, this.#memory, handshakeMs);
    this.#publisher = new Publisher(profile, device, this.#memory);
  }

  run(): void {
    this.dispatch({ type: "wake" });
  }

  /**
   * Handles the event in a job of its own: a callback comes through TCP, TLS and MQTT, and what a phase does
   * would not fit the rest of a small board's stack.
   */
  private dispatch(event: CycleEvent): void {
    this.#events.push(event);
    if (this.#events.length === 1) this.later(() => this.work());
  }

  private work(): void {
    for (let event = this.#events[0]; event; event = this.#events[0]) {
      this.handle(event);
      this.#events.shift();
    }
    this.setTimer();
  }

  private later(work: () => void): void {
    Promise.resolve().then(work);
  }

  private handle(event: CycleEvent): void {
    const { state, effects } = step(this.#plan, this.#state, event, Time.ticks);
    this.#state = state;
    for (const effect of effects) {
      switch (effect.type) {
        case "finished":
          report("phase", { name: effect.phase, ms: effect.ms, ...this.told(effect.phase) });
          break;
        case "failed":
          if (effect.phase === "clock") this.stopSntp();
          report("error", { ...effect.failure, phase: effect.phase });
          break;
        case "enter":
          this.enter(effect.phase);
          break;
        case "sleep":
          deepSleep(effect.ms);
      }
    }
  }

  private setTimer(): void {
    if (this.#timer) Timer.clear(this.#timer);
    const at = nextWakeAt(this.#state);
    this.#timer =
      at === undefined
        ? undefined
        : Timer.set(() => this.dispatch({ type: "time" }), Math.max(0, at - Time.ticks));
  }

  private done(phase: Phase, skipped = false): void {
    this.dispatch({ type: "done", phase, skipped });
  }

  /** Ends a phase well, or with the failure that is given. */
  private settle(phase: Phase, reason: Failure | undefined): void {
    if (reason) this.dispatch({ type: "failed", phase, failure: reason });
    else this.done(phase);
  }

  /** What the report of a phase says besides its time. */
  private told(phase: Phase): { readonly detail?: string; readonly resumed?: boolean } {
    if (phase === "secure") return { detail: this.#secured, resumed: this.#security?.resumed ?? false };
    const { dropped } = this.#memory;
    if (phase === "persist" && dropped > 0) return { detail: `no room for the ${dropped} oldest` };
    const detail = phase === "commands" ? this.#commands?.told : undefined;
    return detail === undefined ? {} : { detail };
  }

  private enter(phase: Phase): void {
    switch (phase) {
      case "sense":
        return this.sense();
      case "queue":
        return this.queue();
      case "join":
        return this.join();
      case "clock":
        return this.clock();
      case "resolve":
        return resolve(this.#profile.broker.host, (reason, address) => {
          this.#address = address ?? "";
          this.settle("resolve", reason);
        });
      case "connect":
        return this.connect();
      case "secure":
        if (!this.#profile.broker.tls) return this.done("secure", true);
        return this.needLink(phase);
      case "session":
        this.needLink(phase);
        return this.begin();
      case "drain":
        return this.drain();
      case "commands":
        if (!this.#profile.commands) return this.done("commands", true);
        return this.later(() => this.goOn());
      case "close":
        return this.close();
      case "persist":
        return this.settle("persist", this.#memory.saveAll());
    }
  }

  private sense(): void {
    try {
      const measurements = [...sense(), ...resetState(this.#profile)];
      if (measurements.length > 0) this.#content = encodeReading({ timeMs: readClock(), measurements });
      this.done("sense");
    } catch (error) {
      this.settle("sense", failure("sensor-failed", describeError(error)));
    }
  }

  private queue(): void {
    if (!this.#content) return this.done("queue", true);
    const content = this.#content;
    this.#content = undefined;
    this.settle("queue", this.#memory.queue(content));
  }

  private join(): void {
    const { ssid } = this.#profile.wifi;
    this.#wifi = join({ ssid, password: wifiPassword() }, (reason) => this.settle("join", reason));
  }

  private clock(): void {
    const before = readClock();
    const known = this.#memory.clock !== "unknown" && before >= absoluteTimeMs;
    if (known && !this.#memory.wantsTime(before)) return this.done("clock", true);
    const startedAt = Time.ticks;
    this.#sntp = setClock(this.#profile.time.server, (reason) => {
      this.stopSntp();
      const now = Date.now();
      if (!reason) this.#memory.clockSet(now, now - before - (Time.ticks - startedAt));
      // A known time serves on when the server is silent.
      if (known && reason) this.done("clock", true);
      else this.settle("clock", reason);
    });
    if (!known) return;
    this.#patience = Timer.set(() => {
      this.#patience = undefined;
      this.stopSntp();
      this.done("clock", true);
    }, patienceMs);
  }

  /** Also so that no late answer sets the clock in the middle of what goes by it. */
  private stopSntp(): void {
    if (this.#patience) Timer.clear(this.#patience);
    this.#patience = undefined;
    this.#sntp?.close();
    this.#sntp = undefined;
  }

  private connect(): void {
    const { broker } = this.#profile;
    this.#lost = closed;
    this.#connected = false;
    const session = sessionOptions(this.#profile, this.#device, this.#memory);
    if ("kind" in session) return this.settle("connect", session);
    const link = new Link({ address: this.#address, broker, session, kept: this.#memory.mqtt }, this);
    this.#publisher.relink(this.#wifi?.rssi);
    // What an earlier link has brought comes again.
    this.#commands = undefined;
    try {
      this.#link = link;
      if (this.#security?.early) this.begin();
      if (this.#security) this.#security.open(link);
      else link.open();
    } catch (error) {
      this.#link = undefined;
      link.close();
      const unusable = error instanceof RangeError || error instanceof TypeError;
      const reason = failure(unusable ? "tls-credentials" : "tls-memory", String(error));
      this.dispatch({ type: "failed", phase: this.phase, failure: reason });
    }
  }

  connected(): void {
    this.#connected = true;
    this.done("connect");
  }

  secured(secured: Secured): void {
    this.#security?.secured(secured);
    const resumed = secured.earlyDataAccepted ? ", resumed with early data" : ", resumed";
    const how = secured.resumed ? resumed : (this.#security?.setback ?? "");
    this.#secured = `TLS ${secured.version} ${secured.cipherSuite}${how}`;
    this.done("secure");
  }

  opened(): void {
    this.#welcome = true;
    // What the link has taken up; it gives another at its end.
    this.#memory.mqtt = undefined;
    this.done("session");
  }

  /** CONNECT, and at once behind it what the broker is known to take. */
  private begin(): void {
    const link = this.#link;
    if (!link) return;
    // Frozen first: a small board has no room for CONNECT beside what that takes.
    this.#publisher.prepare(link);
    link.start();
    this.#publisher.publish(link);
    link.flush();
  }

  /** The link goes on by itself, unless it has ended while the machine was busy. */
  private needLink(phase: Phase): void {
    if (!this.#link) this.broken(phase);
  }

  /** Publishes what waits until all of it is acknowledged. */
  private drain(): void {
    if (this.phase !== "drain") return;
    const link = this.#link;
    if (!link) return this.settle("drain", this.#lost);
    this.#publisher.publish(link);
    link.flush();
    if (this.#link && link.inFlight === 0) this.settle("drain", this.#publisher.trouble);
  }

  acked(counter: number): void {
    const result = this.#memory.isResult(counter) || undefined;
    this.#memory.acknowledged(counter);
    report("acked", { counter, result });
    this.later(() => this.goOn());
  }

  refused(counter: number, reason: Failure): void {
    this.#welcome = false;
    this.#publisher.refused(reason);
    // An answer that is not wanted must not stand in the way of the next.
    if (this.#memory.isResult(counter)) this.#memory.acknowledged(counter);
    this.later(() => this.goOn());
  }

  subscribed(reason: Failure | undefined): void {
    if (reason) this.#publisher.refused(reason);
    this.later(() => this.goOn());
  }

  /**
   * It waits for its phase, when there is nothing else to do: it may want all the memory there is. Then it is handled in
   * a job of its own, and before anything more is read.
   */
  message(message: ReceivedMessage): void {
    const settings = this.#profile.commands;
    if (!settings) return;
    this.#commands ??= new Commands(this.#profile, settings, this.#device, this.#memory);
    if (this.#fence !== "none") this.#fence = this.#fence === "quiet" ? "none" : "heard";
    if (!this.#commands.take(message) || this.phase !== "commands") return;
    this.#link?.pause();
    this.later(() => this.goOn());
  }

  /** Something has changed for a phase that waits for the broker; or a command waits, which comes first. */
  private goOn(): void {
    const link = this.#link;
    const commands = this.#commands;
    // Without a connection it comes again with the next.
    if (link && commands && this.phase === "commands") {
      if (commands.ready) commands.handle();
      for (let id = commands.release(); id !== undefined; id = commands.release()) link.acknowledge(id);
      if (commands.ready) return this.later(() => this.goOn());
      this.#publisher.publish(link);
      link.flush();
    }
    this.#link?.resume();
    this.drain();
    this.listen();
  }

  pong(): void {
    this.#fence = this.#fence === "asked" ? "quiet" : "none";
    this.later(() => this.goOn());
  }

  /** Until the broker has no more commands, or has to keep them, and has every answer. */
  private listen(): void {
    if (this.phase !== "commands") return;
    const link = this.#link;
    if (!link) return this.settle("commands", this.#lost);
    const commands = this.#commands;
    this.#publisher.publish(link);
    link.flush();
    if (!this.#link || link.inFlight > 0 || commands?.busy) return;
    if (this.#fence === "quiet" || commands?.full)
      return this.settle("commands", commands?.trouble ?? this.#publisher.trouble);
    if (this.#fence !== "none") return;
    this.#fence = "asked";
    link.ping();
    link.flush();
  }

  postponed(counter: number): void {
    this.#publisher.postponed(counter);
  }

  private close(): void {
    this.leave(Time.ticks + (this.#security?.ticketWaitMs ?? 0));
  }

  /** In TLS 1.3 the ticket comes after the handshake; by now it is usually here. */
  private leave(ticketUntil: number): void {
    const link = this.#link;
    if (link?.secured && !link.resumable && Time.ticks < ticketUntil) {
      Timer.set(() => this.leave(ticketUntil), ticketPollMs);
      return;
    }
    if (link?.secured) this.#security?.keep(this.#welcome ? link : undefined);
    // The wake's budget may end sooner than the handshake's own time.
    else if (link && this.#connected) this.#security?.failed(unanswered);
    this.#link = undefined;
    // A session that ends sooner would set the will off at once.
    const after = this.#profile.mqtt.will?.afterSeconds ?? 0;
    link?.disconnect(after > 0 && link.sessionExpirySeconds >= after);
    if (link) this.#memory.mqtt = link.kept;
    link?.close();
    this.#wifi?.close();
    this.#wifi = undefined;
    this.done("close");
  }

  /** The link ended by itself: whatever phase was waiting for it has failed. */
  ended(reason: Failure | undefined, again: boolean): void {
    if (this.#link) this.#memory.mqtt = this.#link.kept;
    this.#link = undefined;
    if (reason) this.#lost = reason;
    // A broker that does not mind what it was told would send it each time.
    if (reason?.kind === "protocol-error" && reason.code === packetTooLarge) this.#memory.forgetSession();
    // A token is only as good as the time in it.
    const { auth } = this.#profile.broker;
    if (auth === "jwt" && reason?.kind === "broker-refused" && notAuthorized.includes(reason.code))
      this.#memory.doubtClock();
    if (again && this.#again === "no") this.#again = "yes";
    this.broken(this.phase);
  }

  /** What was remembered may be at fault: then the connection is made once more, without it. */
  private broken(phase: Phase): void {
    const early = phase === "secure" || phase === "session";
    const afresh = early && this.#security?.failed(this.#lost);
    const again = this.#again === "yes" && (early || phase === "drain");
    if (again) this.#again = "done";
    if (afresh || again) this.dispatch({ type: "again" });
    else if (phase !== "close") this.settle(phase, this.#lost);
  }

  private get phase(): Phase {
    return this.#state.at === "awake" ? this.#state.phase : "persist";
  }
}
