/**
 * The device's end of provisioning over serial (docs/serial.md), and of Improv Wi-Fi on the same port: events in, effects
 * out; without I/O and clock. No message reads a secret; what would change a provisioned board is refused as `locked`. It
 * owns the order of requests and answers: one at a time, the same again for a request that is repeated, slower after
 * noise. Memory: 1 KB for what comes, one answer, and what is staged.
 */
import { crc32 } from "../crc32.js";
import { Demultiplexer, type PortEvent } from "./demultiplexer.js";
import { ImprovDevice, type ImprovOutcome } from "./device-improv.js";
import { DeviceRequests } from "./device-requests.js";
import type { DeviceEffect, DeviceEvent, DeviceOptions } from "./device-shell.js";
import { answerBit, type Frame } from "./frames.js";
import {
  type Answer,
  type BoardState,
  decodeRequest,
  encodeAnswer,
  type Request,
  type Unreadable,
} from "./messages.js";

/** So many frames in a row may be bad before answers get slower. */
const badAllowed = 8;
const firstDelayMs = 100;
const maxDelayMs = 5000;
/** Of one event: a host waits for its answer, so what sends more is none. */
const maxAnswers = 4;

/** What tells one request from another. */
interface Mark {
  readonly type: number;
  readonly sequence: number;
  readonly length: number;
  /** CRC-32 of its payload. */
  readonly crc: number;
}

interface Asked extends Mark {
  readonly request: Request;
  readonly payload: Uint8Array;
}

interface Answered extends Mark {
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

const unreadable: { readonly [error in Unreadable]: string } = Object.freeze({
  "bad-request": "the request cannot be read",
  "unknown-request": "this firmware does not know the request",
  "unknown-entry": "this firmware does not know the entry",
});

/**
 * @example
 * const machine = new ProvisioningDevice({ mode: "open", crypto, store, board });
 * for (const effect of machine.handle({ type: "bytes", bytes }, nowMs)) carryOut(effect);
 * // and again with { type: "time" } at machine.nextWakeAtMs
 */
export class ProvisioningDevice {
  private readonly port = new Demultiplexer();
  private readonly requests: DeviceRequests;
  private readonly improv: ImprovDevice;
  private last: Answered | undefined;
  private badInARow = 0;
  /** An answer waits until then, and nothing else is answered. */
  private quietUntilMs = Number.NEGATIVE_INFINITY;
  private heard: number | undefined;
  private greeted: number | undefined;
  private effects: DeviceEffect[] = [];
  private answers = 0;

  constructor(options: DeviceOptions) {
    this.requests = new DeviceRequests(options);
    this.improv = new ImprovDevice(options.store, options.board);
  }

  get state(): BoardState {
    return this.requests.state;
  }

  /** When a valid request or Improv packet came last; undefined while none has. */
  get heardAtMs(): number | undefined {
    return this.heard;
  }

  /** When a `hello` came last. */
  get helloAtMs(): number | undefined {
    return this.greeted;
  }

  /** When it wants to be told the time; undefined: whenever something else happens. */
  get nextWakeAtMs(): number | undefined {
    const port = this.port.nextWakeAtMs ?? Number.POSITIVE_INFINITY;
    const improv = this.improv.nextWakeAtMs ?? Number.POSITIVE_INFINITY;
    const next = Math.min(port, improv);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /**
   * A request is performed here, and not further down: the check of a commit goes deep, and a board's stack is small.
   * @param nowMs of a clock that only moves on, the same for all events
   */
  handle(event: DeviceEvent, nowMs: number): DeviceEffect[] {
    const { improv, requests } = this;
    this.answers = 0;
    switch (event.type) {
      case "joined":
        this.carryOut(improv.joined(event.ok, event.attempt, requests.closed), nowMs);
        break;
      case "scanned":
        this.carryOut(improv.scanned(event.networks), nowMs);
        break;
      case "time":
        this.carryOut(improv.time(requests.closed, nowMs), nowMs);
        break;
    }
    for (const come of this.port.receive(event.type === "bytes" ? event.bytes : nothing, nowMs)) {
      const asked = this.take(come, nowMs);
      if (!asked) continue;
      const answer = requests.perform(asked.request, improv.ssid, nowMs);
      this.answer(asked, answer, nowMs);
    }
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Zeroes what is staged, and what has come in part: it serves no longer. */
  close(): void {
    this.port.clear();
    this.requests.close();
    this.improv.cancel(true);
    this.last = undefined;
  }

  /** Does what is quickly done. @returns a request that is to be performed */
  private take(come: PortEvent, nowMs: number): Asked | undefined {
    switch (come.kind) {
      case "frame":
        return this.takeFrame(come.frame, nowMs);
      case "improv":
        if (!this.mayAnswer(nowMs)) break;
        this.heard = nowMs;
        this.carryOut(this.improv.take(come.packet, this.requests.closed, nowMs), nowMs);
        come.packet.data.fill(0); // it may have held a password
        this.badInARow = 0;
        break;
      case "bad":
        this.badInARow++;
        if (come.improv && this.mayAnswer(nowMs)) this.carryOut(this.improv.damaged(), nowMs);
    }
    return undefined;
  }

  private takeFrame(frame: Frame, nowMs: number): Asked | undefined {
    // The line gives back what was sent: no host says that.
    if (frame.type >= answerBit || !this.mayAnswer(nowMs)) return undefined;
    const { type, sequence, payload } = frame;
    const asked = { type, sequence, length: payload.length, crc: crc32(payload, 0, payload.length) };
    const request = decodeRequest(frame);
    if (typeof request === "string") {
      this.badInARow++;
      const answer = encodeAnswer({ kind: "error", error: request, detail: unreadable[request] }, sequence);
      this.send(answer, nowMs);
      return undefined;
    }
    this.heard = nowMs;
    // Another host may say hello in the same bytes, and must hear how things are now.
    if (request.kind === "hello") this.greeted = nowMs;
    else if (this.last && isSame(this.last, asked)) {
      payload.fill(0);
      this.send(this.last.bytes, nowMs);
      this.badInARow = 0;
      if (request.kind === "restart") this.effects.push({ type: "restart" });
      return undefined;
    }
    return { ...asked, request, payload };
  }

  private answer({ request, payload, ...asked }: Asked, answer: Answer, nowMs: number): void {
    payload.fill(0); // it may have held a secret
    // A network that is being joined must not be stored behind what was erased, or under what is committed.
    if (answer.kind === "begin" || answer.kind === "erase" || answer.kind === "commit")
      this.carryOut(this.improv.cancel(this.requests.closed), nowMs);
    const bytes = encodeAnswer(answer, asked.sequence);
    this.last = { ...asked, bytes };
    this.send(bytes, nowMs);
    this.badInARow = 0;
    if (request.kind === "restart") this.effects.push({ type: "restart" });
  }

  /** While an answer waits, and beyond what one event is worth, nothing is answered. */
  private mayAnswer(nowMs: number): boolean {
    return nowMs >= this.quietUntilMs && this.answers++ < maxAnswers;
  }

  private carryOut(outcomes: readonly ImprovOutcome[], nowMs: number): void {
    for (const outcome of outcomes)
      if (outcome instanceof Uint8Array) this.send(outcome, nowMs);
      else this.effects.push(outcome);
  }

  private send(bytes: Uint8Array, nowMs: number): void {
    const tooMany = this.badInARow - badAllowed;
    const delayMs = tooMany > 0 ? Math.min(firstDelayMs * 2 ** (tooMany - 1), maxDelayMs) : 0;
    this.quietUntilMs = Math.max(this.quietUntilMs, nowMs + delayMs);
    this.effects.push({ type: "send", bytes, notBeforeMs: this.quietUntilMs });
  }
}

function isSame(one: Mark, other: Mark): boolean {
  const { type, sequence, length, crc } = one;
  return other.type === type && other.sequence === sequence && other.length === length && other.crc === crc;
}
