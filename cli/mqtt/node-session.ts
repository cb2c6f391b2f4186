/**
 * lib/mqtt's session in Node: moves bytes between it and a transport, tells it the time, keeps the messages that the
 * broker has not acknowledged, and connects again where that was asked for. What one turn of the session sends is one
 * write: CONNECT and the first PUBLISH travel together.
 */
import { type Failure, failure } from "../../lib/failure.js";
import type { KeptSession } from "../../lib/mqtt/kept-session.js";
import { maxPacketBytes } from "../../lib/mqtt/limits.js";
import {
  createSession,
  inFlight,
  keep,
  nextWakeAt,
  sendQuota,
  step,
  toResend,
} from "../../lib/mqtt/session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message, SessionEffect, SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import type { Subscription } from "../../lib/mqtt/wire/packet-types.js";
import { backoffMs, isPassing, steadyMs } from "./backoff.js";
import { RefusedError, SessionError } from "./failures.js";
import { Inbox, type InboxOptions } from "./inbox.js";
import { PacketTrace } from "./trace.js";
import { addressText, type Endpoint, openStream, type Transport } from "./transport.js";
import { openWebSocket } from "./websocket.js";

export interface NodeSessionOptions {
  readonly endpoint: Endpoint;
  readonly session: SessionOptions;
  /** What an earlier connection left. */
  readonly kept?: KeptSession | undefined;
  /** Connect again when an established connection is lost; false by default. */
  readonly reconnect?: boolean | undefined;
  /** Everything the session says, in order, after this class has done its part. */
  readonly onEffect?: ((effect: SessionEffect) => void) | undefined;
  /**
   * Who takes the messages over. A message is acknowledged when its promise resolves; while too many wait, nothing is
   * read. Without it a message is acknowledged when `onEffect` returns.
   */
  readonly inbox?: InboxOptions | undefined;
  /** A connection was lost and will be made again. */
  readonly onLost?: ((failure: Failure, retryInMs: number) => void) | undefined;
  /** One line for each connection and packet, without secrets and payloads. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

interface Outbound extends Waiting<number> {
  readonly message: Message;
  /** `written`: at QoS 0, that is all there is, once the broker has accepted the connection. `acked`: PUBCOMP is awaited. */
  stage: "waiting" | "sent" | "written" | "acked";
}

/** After a pause, until an answer that came meanwhile must have been read. */
const unreadGraceMs = 10_000;

/** Connects at once. */
export class NodeSession {
  readonly #options: NodeSessionOptions;
  #state: SessionState;
  #transport: Transport | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #nextToken = 1;
  /** In the order in which they are to go out. */
  readonly #outbox = new Map<number, Outbound>();
  readonly #requests = new Map<number, Waiting<readonly number[]>>();
  readonly #events: SessionEvent[] = [];
  readonly #inbox: Inbox | undefined;
  #subscriptions: readonly Subscription[] | undefined;
  /** Too many messages wait: this connection is not read, or the next one not made. */
  #paused = false;
  #openWhenRead = false;
  /** No deadline passes before: what came in time may not have been read. */
  #graceUntilMs = 0;
  #turning = false;
  #unsent: Uint8Array[] = [];
  #unwritten: number[] = [];
  /** The next message does not go out before CONNACK. */
  #postponed = false;
  #sessionFailure: Failure | undefined;
  /** What was assumed of the broker did not hold: the session asks for another connection, at once and once. */
  #again = false;
  #triedAgain = false;
  #wasConnected = false;
  /** This connection. */
  #connectedAtMs = Number.POSITIVE_INFINITY;
  #attempt = 0;
  #leaving = false;
  /** Why nothing can be published any more. */
  #over: Failure | undefined;
  #end: (failure: Failure | undefined) => void = () => {};
  /** Resolves once, when the session is over and its transport closed: with why, if not by `disconnect`. */
  readonly ended = new Promise<Failure | undefined>((resolve) => {
    this.#end = resolve;
  });

  /** @throws {TypeError | RangeError} for options that no session can have */
  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.#subscriptions = options.session.subscriptions;
    this.#state = createSession(options.session, options.kept);
    this.#inbox =
      options.inbox &&
      new Inbox(options.inbox, {
        release: (ack) => this.#release(ack),
        full: (isFull) => (isFull ? this.#pause() : this.#resume()),
      });
    this.#open();
  }

  get state(): SessionState {
    return this.#state;
  }

  /**
   * @returns at QoS 0 when it is written and the connection accepted, at 1 and 2 when the broker has it for good: the
   *   reason code, 16 for nobody has subscribed
   * @throws {RefusedError} when the broker does not accept it; the session goes on
   * @throws {SessionError} when the session ends before
   * @throws {TypeError | RangeError} for a message that cannot be sent
   */
  publish(message: Message): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#over) throw new SessionError(this.#over);
      this.#outbox.set(this.#nextToken++, { message, stage: "waiting", resolve, reject });
      this.#turn();
    });
  }

  /** Only while connected. @returns a reason code for each filter; none in 3.1.1 */
  unsubscribe(filters: readonly string[]): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const token = this.#nextToken++;
      this.#requests.set(token, { resolve, reject });
      this.do({ type: "unsubscribe", filters, token });
    });
  }

  /** Replaces what the session subscribes to, now and when it connects again. */
  subscribe(subscriptions: readonly Subscription[]): void {
    const before = this.#subscriptions ?? [];
    this.#subscriptions = subscriptions;
    if (this.#state.at !== "connected") return;
    const gone = before.filter(({ filter }) => !subscriptions.some((one) => one.filter === filter));
    const come = subscriptions.filter(({ filter }) => !before.some((one) => one.filter === filter));
    if (come.length > 0) this.do({ type: "subscribe", subscriptions: come, token: this.#nextToken++ });
    if (gone.length > 0)
      this.do({ type: "unsubscribe", filters: gone.map(({ filter }) => filter), token: this.#nextToken++ });
  }

  /**
   * Reads no more, has what came handled and acknowledged, and disconnects.
   * @param what `begun`: messages that nobody has begun with stay unacknowledged
   * @param limitMs how long the handling may take
   */
  async finish(what: "all" | "begun", limitMs: number): Promise<Failure | undefined> {
    this.#leaving = true;
    const inbox = this.#inbox;
    if (inbox) {
      this.#pause();
      if (what === "begun") inbox.stop();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, limitMs);
      });
      await Promise.race([inbox.idle(), late]);
      clearTimeout(timer);
      inbox.stop();
    }
    return this.disconnect();
  }

  /**
   * DISCONNECT, then the transport is closed.
   * @param sessionExpirySeconds how long the broker is to keep the session from here on, where it keeps one
   * @returns what `ended` gives
   */
  disconnect(sessionExpirySeconds?: number): Promise<Failure | undefined> {
    this.#leaving = true;
    if (this.#transport === undefined) this.#finish(undefined);
    else if (sessionExpirySeconds === undefined) this.do({ type: "disconnect" });
    else this.do({ type: "disconnect", sessionExpirySeconds });
    return this.ended;
  }

  /** An event that has no method here. */
  do(event: SessionEvent): void {
    this.#events.push(event);
    this.#turn();
  }

  #open(): void {
    const { endpoint, session, onTrace } = this.#options;
    const trace = onTrace && new PacketTrace((line) => onTrace(`received ${line}`), session);
    this.#openWhenRead = false;
    onTrace?.(`connecting to ${addressText(endpoint)}`);
    const open = endpoint.websocketPath === undefined ? openStream : openWebSocket;
    this.#transport = open(endpoint, {
      opened: (how) => {
        onTrace?.(`connected to ${how}`);
        this.do({ type: "start" });
      },
      received: (bytes) => {
        trace?.bytes(bytes);
        this.do({ type: "received", bytes });
      },
      closed: (why) => this.#closed(why),
    });
  }

  /** Does what is to be done, one event after the other, also when a handler asks for more meanwhile. */
  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    try {
      do {
        for (let event = this.#events.shift(); event; event = this.#events.shift()) this.#step(event);
        this.#publishMore();
      } while (this.#events.length > 0);
    } finally {
      this.#turning = false;
      this.#flush();
      this.#setTimer();
    }
  }

  #step(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event, performance.now());
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === "send" && this.#inbox?.holds(effect.bytes)) continue;
      if (effect.type === "message") this.#inbox?.take(effect.message);
      this.#handle(effect);
      this.#options.onEffect?.(effect);
    }
  }

  #release(ack: Uint8Array): void {
    if (this.#state.at !== "connected") return;
    this.#unsent.push(ack);
    if (!this.#turning) this.#flush();
  }

  #pause(): void {
    this.#paused = true;
    this.#transport?.pause();
  }

  #resume(): void {
    if (this.#leaving) return;
    this.#paused = false;
    this.#graceUntilMs = performance.now() + unreadGraceMs;
    this.#transport?.resume();
    if (this.#openWhenRead) this.#open();
    this.#setTimer();
  }

  #publishMore(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const outbound = this.#outbox.get(next);
      if (!outbound) {
        this.#step({ type: "forget", token: next });
        continue;
      }
      try {
        this.#step({ type: "publish", message: outbound.message, token: next });
      } catch (error) {
        this.#outbox.delete(next);
        outbound.reject(error as Error);
      }
    }
  }

  /** The token of the message that can go out now. What an earlier connection left goes first. */
  #next(): number | undefined {
    const state = this.#state;
    if (state.at !== "connected" && state.at !== "connecting") return undefined;
    if (state.at === "connecting" && this.#postponed) return undefined;
    const free = sendQuota(state) > 0;
    const [again] = toResend(state);
    if (again !== undefined) return free || !this.#outbox.has(again) ? again : undefined;
    for (const [token, { message, stage }] of this.#outbox)
      if (stage === "waiting")
        // At QoS 0 at most once: what goes out before CONNACK could be lost, or be sent again.
        return (message.qos === 0 ? state.at === "connected" : free) ? token : undefined;
    return undefined;
  }

  #handle(effect: SessionEffect): void {
    switch (effect.type) {
      case "send":
        this.#unsent.push(effect.bytes);
        return;
      case "connected":
        this.#wasConnected = true;
        this.#connectedAtMs = performance.now();
        this.#settleWhatIsDone(effect.sessionPresent);
        return;
      case "published": {
        const outbound = this.#outbox.get(effect.token);
        if (!outbound) return;
        outbound.stage = "sent";
        if (outbound.message.qos === 0) this.#unwritten.push(effect.token);
        return;
      }
      case "acked": {
        const outbound = this.#outbox.get(effect.token);
        if (outbound?.message.qos === 2) outbound.stage = "acked";
        else this.#settle(effect.token, effect.reasonCode);
        return;
      }
      case "completed":
        this.#settle(effect.token, 0);
        return;
      case "postponed":
        this.#postponed = true;
        return;
      case "refused":
        this.#outbox.get(effect.token)?.reject(new RefusedError(effect.failure));
        this.#outbox.delete(effect.token);
        return;
      case "subscribed":
      case "unsubscribed": {
        if (effect.token === undefined) return;
        this.#requests.get(effect.token)?.resolve(effect.codes);
        this.#requests.delete(effect.token);
        return;
      }
      case "failed":
        this.#sessionFailure = effect.failure;
        this.#again = effect.again;
        return;
    }
  }

  #settle(token: number, reasonCode: number): void {
    this.#outbox.get(token)?.resolve(reasonCode);
    this.#outbox.delete(token);
  }

  #settleWhatIsDone(sessionPresent: boolean): void {
    for (const [token, { stage, reject }] of this.#outbox) {
      if (stage === "written") this.#settle(token, 0);
      if (stage !== "acked" || sessionPresent) continue;
      // A broker may hand a QoS 2 message on at PUBREL only (§4.3.3), and will not get one.
      this.#outbox.delete(token);
      reject(
        new SessionError(failure("connection-lost", "the broker lost the session, maybe with the message")),
      );
    }
  }

  #written(tokens: readonly number[]): void {
    for (const token of tokens) {
      if (this.#state.at === "connected") this.#settle(token, 0);
      const outbound = this.#outbox.get(token);
      if (outbound?.stage === "sent") outbound.stage = "written";
    }
  }

  #flush(): void {
    const parts = this.#unsent;
    const tokens = this.#unwritten;
    this.#unsent = [];
    this.#unwritten = [];
    if (parts.length > 0) {
      this.#traceSent(parts);
      const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      if (parts.length > 1) for (const part of parts) part.fill(0);
      this.#transport?.send(bytes, () => this.#written(tokens));
    }
    if (this.#state.at === "ended") this.#transport?.end();
  }

  #traceSent(parts: readonly Uint8Array[]): void {
    const { onTrace, session } = this.#options;
    if (!onTrace) return;
    const trace = new PacketTrace((line) => onTrace(`sent ${line}`), { ...session, maxPacketBytes });
    for (const part of parts) trace.bytes(part);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const wakeAt = nextWakeAt(this.#state);
    if (wakeAt === undefined) return;
    const state = this.#state;
    const awaits = state.at !== "connected" || state.pingDeadlineMs !== undefined || inFlight(state) > 0;
    // What is awaited may have come, and wait to be read.
    if (awaits && this.#paused) return;
    const dueMs = awaits ? Math.max(wakeAt, this.#graceUntilMs) : wakeAt;
    const inMs = Math.min(Math.max(0, dueMs - performance.now()), 0x7fff_ffff);
    this.#timer = setTimeout(() => this.do({ type: "time" }), inMs);
  }

  #closed(why: Failure | undefined): void {
    this.#transport = undefined;
    this.#inbox?.disconnected();
    const neverStarted = this.#state.at === "idle";
    if (!neverStarted) this.do({ type: "transport-closed" });
    const lost = causeOf(why, this.#sessionFailure);
    const again = this.#again && !this.#triedAgain;
    this.#sessionFailure = undefined;
    this.#again = false;
    this.#postponed = false;
    if (this.#leaving) return this.#finish(undefined);
    if (performance.now() - this.#connectedAtMs > steadyMs) {
      this.#attempt = 0;
      this.#triedAgain = false;
    }
    if (again) {
      this.#triedAgain = true;
      this.#retry(lost, 0);
    } else if (this.#options.reconnect && this.#wasConnected && isPassing(lost)) {
      // Ever more slowly: two clients of one name cut each other off as soon as they are connected.
      this.#retry(lost, backoffMs(this.#attempt++));
    } else this.#finish(lost);
  }

  #retry(lost: Failure, inMs: number): void {
    const { onTrace, onLost, session } = this.#options;
    this.#connectedAtMs = Number.POSITIVE_INFINITY;
    onTrace?.(`${lost.kind}: ${lost.detail}`);
    onLost?.(lost, inMs);
    const kept = keep(this.#state) ?? this.#options.kept;
    this.#state = createSession({ ...session, subscriptions: this.#subscriptions }, kept);
    // Whatever was under way: the session says what of it goes out again under its old packet identifier.
    for (const outbound of this.#outbox.values()) if (outbound.stage !== "acked") outbound.stage = "waiting";
    this.#rejectRequests(lost);
    this.#retryTimer = setTimeout(() => {
      if (this.#inbox?.isFull) this.#openWhenRead = true;
      else this.#open();
    }, inMs);
  }

  #finish(why: Failure | undefined): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#retryTimer);
    const reason =
      why ?? failure("connection-lost", "the session was ended before the broker had the message");
    this.#over ??= reason;
    for (const { reject } of this.#outbox.values()) reject(new SessionError(reason));
    this.#outbox.clear();
    this.#rejectRequests(reason);
    this.#end(why);
  }

  #rejectRequests(reason: Failure): void {
    for (const { reject } of this.#requests.values()) reject(new SessionError(reason));
    this.#requests.clear();
  }
}

/** Of what the transport and the session know, the more telling. */
function causeOf(transport: Failure | undefined, session: Failure | undefined): Failure {
  if (!session) return transport ?? failure("connection-lost", "the connection ended");
  if (!transport || session.kind !== "connection-lost") return session;
  // In TLS 1.3 a broker refuses a client's certificate only after the handshake.
  if (transport.kind.startsWith("tls-")) return transport;
  return { ...transport, detail: `${transport.detail}; ${session.detail}` };
}
