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
import { type BoardState, decodeRequest, encodeAnswer, type Request, type Unreadable } from "./messages.js";

/** So many frames in a row may be bad before answers get slower. */
const badAllowed = 8;
const firstDelayMs = 100;
const maxDelayMs = 5000;
/** Of one event: a host waits for its answer, so what sends more is none. */
const maxAnswers = 4;

interface Answered {
  readonly type: number;
  readonly sequence: number;
  readonly length: number;
  readonly crc: number;
  readonly bytes: Uint8Array;
}

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

  /** @param nowMs of a clock that only moves on, the same for all events */
  handle(event: DeviceEvent, nowMs: number): DeviceEffect[] {
    this.answers = 0;
    const { improv, requests } = this;
    switch (event.type) {
      case "bytes":
        for (const come of this.port.receive(event.bytes, nowMs)) this.take(come, nowMs);
        break;
      case "time":
        for (const come of this.port.receive(new Uint8Array(0), nowMs)) this.take(come, nowMs);
        this.carryOut(improv.time(requests.closed, nowMs), nowMs);
        break;
      case "joined":
        this.carryOut(improv.joined(event.ok, requests.closed), nowMs);
        break;
      case "scanned":
        this.carryOut(improv.scanned(event.networks), nowMs);
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

  private take(come: PortEvent, nowMs: number): void {
    switch (come.kind) {
      case "frame":
        this.takeFrame(come.frame, nowMs);
        come.frame.payload.fill(0); // it may have held a secret
        return;
      case "improv":
        if (!this.mayAnswer(nowMs)) return;
        this.heard = nowMs;
        this.carryOut(this.improv.take(come.packet, this.requests.closed, nowMs), nowMs);
        come.packet.data.fill(0);
        this.badInARow = 0;
        return;
      case "bad":
        this.badInARow++;
        if (come.improv && this.mayAnswer(nowMs)) this.carryOut(this.improv.damaged(), nowMs);
    }
  }

  private takeFrame(frame: Frame, nowMs: number): void {
    // The line gives back what was sent: no host says that.
    if (frame.type >= answerBit || !this.mayAnswer(nowMs)) return;
    const { type, sequence, payload } = frame;
    const { last } = this;
    const crc = crc32(payload, 0, payload.length);
    const request = decodeRequest(frame);
    if (typeof request === "string") this.badInARow++;
    else this.heard = nowMs;
    const repeated =
      last?.type === type && last.sequence === sequence && last.length === payload.length && last.crc === crc;
    // Another host may say hello in the same bytes, and must hear how things are now.
    const isHello = typeof request !== "string" && request.kind === "hello";
    if (isHello) this.greeted = nowMs;
    const bytes = repeated && !isHello ? last.bytes : this.answerTo(request, sequence, nowMs);
    this.last = { type, sequence, length: payload.length, crc, bytes };
    this.send(bytes, nowMs);
    if (typeof request === "string") return;
    this.badInARow = 0;
    if (request.kind === "restart") this.effects.push({ type: "restart" });
  }

  private answerTo(request: Request | Unreadable, sequence: number, nowMs: number): Uint8Array {
    if (typeof request === "string")
      return encodeAnswer({ kind: "error", error: request, detail: unreadable[request] }, sequence);
    const answer = this.requests.perform(request, this.improv.ssid, nowMs);
    // A network that is being joined must not be stored behind what was erased, or under what is committed.
    const changes = answer.kind === "begin" || answer.kind === "erase" || answer.kind === "commit";
    if (changes) this.carryOut(this.improv.cancel(this.requests.closed), nowMs);
    return encodeAnswer(answer, sequence);
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
