/**
 * The phases with the broker: TCP, TLS, the MQTT session; what waits is published until it is acknowledged; what the broker
 * had for the device is listened to; and the end of it.
 */
import type { Outcome } from "dormouse/cycle/sending";
import type { Phase } from "dormouse/cycle/wake-cycle";
import { type Failure, failure } from "dormouse/failure";
import type { ReceivedMessage } from "dormouse/mqtt/session-state";
import type { Device } from "dormouse/store/device-record";
import type { Profile } from "dormouse/store/profile";
import type { Secured } from "dormouse/tls/session";
import Time from "time";
import Timer from "timer";
import type { Bench } from "../carry-out/built-in.js";
import { Link, type LinkEvents } from "../link.js";
import type { Memory } from "../memory.js";
import { Publisher } from "../publisher.js";
import { report } from "../report.js";
import { Security } from "../security.js";
import { sessionOptions } from "../session-options.js";
import type { Cycle } from "./cycle.js";
import type { Joining } from "./joining.js";
import { Listening } from "./listening.js";

const ticketPollMs = 10;
/** How long the broker may take to answer a SYN at a remembered address, or to a remembered one: lwIP sends it twice. */
const silenceMs = 2500;
/** How CONNACK refuses credentials, MQTT 5 and 3.1.1. */
const notAuthorized: readonly number[] = [134, 135, 4, 5];
/** MQTT 5 §4.13. */
const packetTooLarge = 149;
/** In these something waits for the link, and is to hear of its end. */
const linkPhases: readonly Phase[] = Object.freeze(["connect", "secure", "session", "drain", "commands"]);
const unanswered = failure("tls-timeout", "no TLS handshake in this wake");
const closed = failure("connection-lost", "the broker closed the connection");

export class Connection implements LinkEvents, Bench {
  readonly profile: Profile;
  readonly device: Device;
  readonly memory: Memory;
  private readonly joining: Joining;
  private readonly cycle: Cycle;
  private readonly security: Security | undefined;
  private readonly publisher: Publisher;
  private listening: Listening | undefined;
  private link: Link | undefined;
  private lost = closed;
  private tls = "";
  /** The broker has taken the MQTT session, and no message was refused. */
  private welcome = false;
  /** The broker was not as remembered, so another link may fare better; once a wake. */
  private another: "no" | "yes" | "done" = "no";
  /** TCP stands. */
  private stands = false;
  private patience: Timer | undefined;
  /** What has come of it in this wake or round: nothing; the broker has taken the session; or a message. */
  private progress: 0 | 1 | 2 = 0;

  constructor(
    profile: Profile,
    device: Device,
    memory: Memory,
    joining: Joining,
    handshakeMs: number,
    cycle: Cycle,
  ) {
    this.profile = profile;
    this.device = device;
    this.memory = memory;
    this.joining = joining;
    this.cycle = cycle;
    const { host, tls } = profile.broker;
    if (tls) this.security = new Security(host, tls, device, memory, handshakeMs);
    this.publisher = new Publisher(profile, device, memory);
  }

  /** What the report of a phase says besides its time. */
  told(phase: Phase): { readonly detail?: string; readonly resumed?: boolean } {
    if (phase === "secure") return { detail: this.tls, resumed: this.security?.resumed ?? false };
    const detail = phase === "commands" ? this.listening?.told : undefined;
    return detail === undefined ? {} : { detail };
  }

  get matchedPins(): number {
    return this.security?.matchedPins ?? 0;
  }

  /** The broker has taken the MQTT session. */
  get reached(): boolean {
    return this.progress > 0;
  }

  /** A command wants the board restarted at the end of the wake. */
  get restarts(): boolean {
    return this.listening?.restarts ?? false;
  }

  get linked(): boolean {
    return this.link !== undefined;
  }

  get outcome(): Outcome {
    if (this.progress > 0 && !this.memory.hasWaiting) return "sent";
    return this.progress === 2 ? "some" : "failed";
  }

  connect(): void {
    const { broker, commands } = this.profile;
    this.lost = closed;
    this.stands = false;
    const session = sessionOptions(this.profile, this.device, this.memory);
    if ("kind" in session) return this.cycle.settle("connect", session);
    const link = new Link({ address: this.joining.address, broker, session, kept: this.memory.mqtt }, this);
    this.publisher.relink(this.joining.rssi);
    this.listening = commands && new Listening(commands, this);
    try {
      this.link = link;
      if (this.security?.early) this.begin();
      if (this.security) this.security.open(link);
      else link.open();
      if (this.joining.relies) this.patience = Timer.set(() => this.silent(), silenceMs);
    } catch (error) {
      this.link = undefined;
      link.close();
      const unusable = error instanceof RangeError || error instanceof TypeError;
      const reason = failure(unusable ? "tls-credentials" : "tls-memory", String(error));
      this.cycle.settle(this.cycle.phase, reason);
    }
  }

  secure(): void {
    if (!this.security) return this.cycle.done("secure", true);
    return this.needLink("secure");
  }

  session(): void {
    this.needLink("session");
    this.begin();
  }

  /** The remembered way leads nowhere: another is found in the same wake. */
  private silent(): void {
    this.patience = undefined;
    if (this.stands || !this.link) return;
    this.link.close();
    this.link = undefined;
    const from = this.joining.silent();
    if (from) this.cycle.again(from);
    else this.cycle.settle("connect", this.lost);
  }

  private stopPatience(): void {
    if (this.patience) Timer.clear(this.patience);
    this.patience = undefined;
  }

  connected(): void {
    this.stands = true;
    this.stopPatience();
    this.joining.answered();
    this.cycle.done("connect");
  }

  secured(secured: Secured): void {
    this.security?.secured(secured);
    const resumed = secured.earlyDataAccepted ? ", resumed with early data" : ", resumed";
    const how = secured.resumed ? resumed : (this.security?.setback ?? "");
    this.tls = `TLS ${secured.version} ${secured.cipherSuite}${how}`;
    this.cycle.done("secure");
  }

  opened(): void {
    this.welcome = true;
    if (this.progress === 0) this.progress = 1;
    this.joining.reached();
    // What the link has taken up; it gives another at its end.
    this.memory.mqtt = undefined;
    this.cycle.done("session");
  }

  /** CONNECT, and at once behind it what the broker is known to take. */
  private begin(): void {
    const { link } = this;
    if (!link) return;
    // Without a time a message counts its times back from when it is frozen: that is not to be before somebody takes it.
    const dated = this.memory.clock !== "unknown";
    // Frozen first: a small board has no room for CONNECT beside what that takes.
    if (dated) this.publisher.prepare(link);
    link.start();
    if (dated) this.publisher.publish(link);
    link.flush();
  }

  /** The link goes on by itself, unless it has ended while the machine was busy. */
  private needLink(phase: Phase): void {
    if (!this.link) this.broken(phase);
  }

  /** Publishes what waits until all of it is acknowledged. */
  drain(): void {
    if (this.cycle.phase !== "drain") return;
    const { link } = this;
    if (!link) return this.cycle.settle("drain", this.lost);
    this.publisher.publish(link);
    link.flush();
    if (this.link && link.inFlight === 0) this.cycle.settle("drain", this.publisher.trouble);
  }

  commands(): void {
    if (!this.profile.commands) return this.cycle.done("commands", true);
    this.listening?.begin();
    this.goOnLater();
  }

  acked(counter: number): void {
    const result = this.memory.isResult(counter) || undefined;
    this.memory.acknowledged(counter);
    this.progress = 2;
    report("acked", { counter, result });
    this.goOnLater();
  }

  refused(counter: number, reason: Failure): void {
    this.welcome = false;
    this.publisher.refused(reason);
    // An answer that is not wanted must not stand in the way of the next.
    if (this.memory.isResult(counter)) this.memory.acknowledged(counter);
    this.goOnLater();
  }

  postponed(counter: number): void {
    this.publisher.postponed(counter);
  }

  subscribed(reason: Failure | undefined): void {
    if (reason) this.publisher.refused(reason);
    this.goOnLater();
  }

  /**
   * It waits for its phase, when there is nothing else to do: it may want all the memory there is. Then it is handled in
   * a job of its own, and before anything more is read.
   */
  message(message: ReceivedMessage): void {
    if (!this.listening?.take(message)) return;
    if (this.cycle.idle) return this.cycle.message();
    if (this.cycle.phase !== "commands") return;
    this.link?.pause();
    this.goOnLater();
  }

  pong(): void {
    this.listening?.pong();
    this.goOnLater();
  }

  private goOnLater(): void {
    this.cycle.later(() => this.goOn());
  }

  /** Something has changed for a phase that waits for the broker; or a command waits, which comes first. */
  private goOn(): void {
    const { link } = this;
    // Without a connection it comes again with the next.
    if (link && this.cycle.phase === "commands") {
      const more = this.listening?.step(link);
      if (more) return this.goOnLater();
      if (more === false) {
        this.publisher.publish(link);
        link.flush();
      }
    }
    this.link?.resume();
    this.drain();
    this.listen();
  }

  /** Until the broker has no more commands, or has to keep them, and has every answer. */
  private listen(): void {
    if (this.cycle.phase !== "commands") return;
    const { link, listening } = this;
    if (!link) return this.cycle.settle("commands", this.lost);
    this.publisher.publish(link);
    link.flush();
    if (!this.link || link.inFlight > 0 || !listening || listening.busy) return;
    if (listening.over) this.cycle.settle("commands", listening.trouble ?? this.publisher.trouble);
    else listening.ask(link);
  }

  /** Of a board that stays connected: what the next boot is to know, should this one end all of a sudden. */
  keep(): void {
    const { link } = this;
    if (!link) return;
    if (link.secured && link.resumable && this.welcome) this.security?.keep(link);
    this.memory.mqtt = link.kept;
  }

  /** The round is over: what it has left undone makes another. */
  rest(): void {
    this.publisher.renew();
    this.another = "no";
    this.progress = this.link ? 1 : 0;
    // What the broker was left with comes again with another connection only.
    if (!this.link || this.listening?.full || this.restarts) this.cycle.lost();
    else if (this.listening?.busy) this.cycle.message();
  }

  close(): void {
    this.leave(Time.ticks + (this.security?.ticketWaitMs ?? 0));
  }

  /** In TLS 1.3 the ticket comes after the handshake; by now it is usually here. */
  private leave(ticketUntil: number): void {
    const { link } = this;
    if (link?.secured && !link.resumable && Time.ticks < ticketUntil) {
      Timer.set(() => this.leave(ticketUntil), ticketPollMs);
      return;
    }
    if (link?.secured) this.security?.keep(this.welcome ? link : undefined);
    // The wake's budget may end sooner than the handshake's own time.
    else if (link && this.stands) this.security?.failed(unanswered);
    this.stopPatience();
    this.link = undefined;
    // A session that ends sooner would set the will off at once.
    const after = this.profile.mqtt.will?.afterSeconds ?? 0;
    link?.disconnect(after > 0 && link.sessionExpirySeconds >= after);
    if (link) this.memory.mqtt = link.kept;
    link?.close();
    this.joining.leave();
    this.cycle.done("close");
  }

  /** The link ended by itself: whatever phase was waiting for it has failed. */
  ended(reason: Failure | undefined, again: boolean): void {
    this.stopPatience();
    if (this.link) this.memory.mqtt = this.link.kept;
    this.link = undefined;
    if (reason) this.lost = reason;
    // A broker that does not mind what it was told would send it each time.
    if (reason?.kind === "protocol-error" && reason.code === packetTooLarge) this.memory.forgetSession();
    // A token is only as good as the time in it.
    const { auth } = this.profile.broker;
    if (auth === "jwt" && reason?.kind === "broker-refused" && notAuthorized.includes(reason.code))
      this.memory.doubtClock();
    if (again && this.another === "no") this.another = "yes";
    if (this.cycle.idle) this.cycle.lost();
    else this.broken(this.cycle.phase);
  }

  /** What was remembered may be at fault: then the connection is made once more, without it. */
  private broken(phase: Phase): void {
    const early = phase === "secure" || phase === "session";
    const afresh = early && this.security?.failed(this.lost);
    const again = this.another === "yes" && (early || phase === "drain");
    if (again) this.another = "done";
    if (afresh || again) return this.cycle.again("connect");
    if (!linkPhases.includes(phase)) return;
    const { lost } = this;
    if (phase === "connect") this.joining.answered();
    if (!(early || phase === "connect") || !this.mayBeElsewhere) return this.cycle.settle(phase, lost);
    this.joining.elsewhere(phase, (moved) => {
      if (moved) this.cycle.again("resolve");
      else this.cycle.settle(phase, lost);
    });
  }

  /** Whether another address may do better: not when the broker itself has refused, nor after waiting that long. */
  private get mayBeElsewhere(): boolean {
    const { kind } = this.lost;
    if (kind === "clock-suspect" || kind === "tls-timeout") return false;
    return !this.security || kind !== "broker-refused";
  }
}
