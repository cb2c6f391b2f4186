/**
 * The host's end of provisioning over serial (docs/serial.md): one request at a time, repeated with the same bytes until
 * its answer comes. It owns the sequence numbers and what waits; bytes, time and timers are the caller's, so that it
 * serves a serial port and a browser's Web Serial alike.
 */
import { Demultiplexer, type PortEvent } from "./demultiplexer.js";
import { answerBit, type Frame } from "./frames.js";
import { HostFailure } from "./host-failure.js";
import {
  type Answer,
  decodeAnswer,
  encodeRequest,
  type Info,
  protocolVersion,
  type Request,
} from "./messages.js";

export interface ClientPort {
  /** Queues bytes, which stay as they are until the request has ended. */
  send(bytes: Uint8Array): void;
  /** Milliseconds of a clock that does not go back. */
  nowMs(): number;
  /** Calls `wake` once, after so many milliseconds. @returns what keeps it from doing so */
  after(ms: number, wake: () => void): () => void;
}

export type AnswerTo<R extends Request> = Extract<Answer, { readonly kind: R["kind"] }>;

/** How long to wait for an answer before each repetition, and after the last, ms: 600 at least, see demultiplexer.ts. */
export type Patience = readonly number[];

/** The device answers at once, unless bad frames came before: then up to 5 s late. */
const quick: Patience = Object.freeze([
  700, 700, 700, 700, 1_000, 1_000, 1_000, 1_000, 1_500, 1_500, 1_500, 1_500, 2_500, 2_500,
]);
/** It makes a key, checks a certificate or erases flash first. */
const slow: Patience = Object.freeze([2_000, 2_000, 2_000, 2_500, 2_500, 2_500, 2_500, 3_000, 3_000, 3_000]);
/** Whether there is anybody: a board may be booting. */
export const greeting: Patience = Object.freeze([700, 700, 700, 700, 1_000, 1_000, 1_000, 2_000]);

/** After damaged bytes, which may have been the answer: for the line to be silent so long that the device hears again. */
const silenceMs = 600;

/** A board's receiver holds 128 bytes, and sometimes does nothing else for some milliseconds. */
const pieceBytes = 64;
/** What 64 bytes take at 115,200 baud. */
const pieceMs = 6;

interface Waiting {
  readonly kind: Request["kind"];
  readonly sequence: number;
  readonly frame: Uint8Array;
  readonly patience: Patience;
  tries: number;
  readonly untilMs: number;
  /** Of this try. */
  waitMs: number;
  /** When it is sent again; 0 while it is being sent. */
  dueMs: number;
  cancel: () => void;
  settle(answer: Answer | HostFailure): void;
}

export class ProvisioningClient {
  private readonly demultiplexer = new Demultiplexer();
  private readonly port: ClientPort;
  private readonly heard: (event: PortEvent) => void;
  private sequence: number;
  private waiting: Waiting | undefined;
  private cancelPause: () => void = () => {};
  private gone = false;

  /**
   * @param sequence of the first request, 0 to 255, at random: a device that was spoken to before may take the same
   *   bytes under the same number for a repetition
   * @param heard gets what is no frame: log lines, Improv packets, damaged bytes
   */
  constructor(port: ClientPort, sequence: number, heard: (event: PortEvent) => void = () => {}) {
    this.port = port;
    this.sequence = sequence & 255;
    this.heard = heard;
  }

  /** Takes what came in on the port. */
  received(bytes: Uint8Array): void {
    if (this.gone) return;
    this.cancelPause();
    for (const event of this.demultiplexer.receive(bytes, this.port.nowMs()))
      if (event.kind === "frame") this.answered(event.frame);
      else {
        if (event.kind === "bad") this.damaged();
        this.heard(event);
      }
    const { nextWakeAtMs } = this.demultiplexer;
    if (nextWakeAtMs === undefined) return;
    const pause = Math.max(0, nextWakeAtMs - this.port.nowMs());
    this.cancelPause = this.port.after(pause, () => this.received(new Uint8Array(0)));
  }

  /** The port has gone, or is closed: nothing comes any more. What waits ends as `port-gone`. */
  lost(): void {
    this.gone = true;
    this.cancelPause();
    this.demultiplexer.clear();
    this.settle(new HostFailure("port-gone"));
  }

  /**
   * @throws {HostFailure} `port-gone`, `no-answer`, `not-understood` for another version of the protocol
   */
  async hello(patience: Patience = greeting): Promise<Info> {
    const { info } = await this.request({ kind: "hello" }, patience);
    if (info.protocol !== protocolVersion)
      throw new HostFailure("not-understood", `the board speaks version ${info.protocol} of the protocol`);
    return info;
  }

  /**
   * @param request what it holds is the caller's; the frame made of it is zeroed when this ends
   * @throws {HostFailure} what the device refuses as, `port-gone`, `no-answer`, `not-understood`
   * @throws {Error} while another request waits
   */
  async request<R extends Request>(request: R, patience = patienceOf(request)): Promise<AnswerTo<R>> {
    const answer = await this.exchange(request, patience);
    if (answer.kind === "error")
      throw new HostFailure(
        answer.error,
        `the board refuses: ${answer.error}${answer.detail === "" ? "" : `, ${answer.detail}`}`,
      );
    return answer as AnswerTo<R>;
  }

  private exchange(request: Request, patience: Patience): Promise<Answer> {
    if (this.waiting) throw new Error("one request at a time");
    if (this.gone) throw new HostFailure("port-gone");
    const { sequence } = this;
    this.sequence = (sequence + 1) & 255;
    const frame = encodeRequest(request, sequence);
    return new Promise((resolve, reject) => {
      this.waiting = {
        kind: request.kind,
        sequence,
        frame,
        patience,
        tries: 0,
        untilMs: this.port.nowMs() + patience.reduce((sum, wait) => sum + wait, 0),
        waitMs: 0,
        dueMs: 0,
        cancel: () => {},
        settle: (answer) => (answer instanceof HostFailure ? reject(answer) : resolve(answer)),
      };
      this.transmit(this.waiting);
    });
  }

  private transmit(waiting: Waiting): void {
    const wait = waiting.patience[waiting.tries++];
    if (wait === undefined || this.port.nowMs() >= waiting.untilMs)
      return this.settle(new HostFailure("no-answer"));
    waiting.waitMs = wait;
    waiting.dueMs = 0;
    this.sendFrom(waiting, 0);
  }

  private sendFrom(waiting: Waiting, at: number): void {
    const end = at + pieceBytes;
    // Before sending: the answer may come, and end it, meanwhile.
    if (end < waiting.frame.length)
      waiting.cancel = this.port.after(pieceMs, () => this.sendFrom(waiting, end));
    else {
      waiting.dueMs = this.port.nowMs() + waiting.waitMs;
      waiting.cancel = this.port.after(waiting.waitMs, () => this.transmit(waiting));
    }
    this.port.send(waiting.frame.subarray(at, end));
  }

  /** Again soon, and not counted as a try: the time that there is for all of them stays. */
  private damaged(): void {
    const { waiting } = this;
    const againMs = this.port.nowMs() + silenceMs;
    if (!waiting || againMs >= waiting.dueMs || againMs >= waiting.untilMs) return;
    waiting.cancel();
    waiting.dueMs = againMs;
    waiting.cancel = this.port.after(silenceMs, () => {
      waiting.dueMs = 0;
      this.sendFrom(waiting, 0);
    });
  }

  /** What does not answer the request that waits answers one before it, which was repeated. */
  private answered(frame: Frame): void {
    const { waiting } = this;
    // A line that echoes gives requests back.
    if (!waiting || waiting.sequence !== frame.sequence || frame.type < answerBit) return;
    const answer = decodeAnswer(frame);
    if (!answer) this.settle(new HostFailure("not-understood"));
    else if (answer.kind === waiting.kind || answer.kind === "error") this.settle(answer);
  }

  private settle(answer: Answer | HostFailure): void {
    const { waiting } = this;
    if (!waiting) return;
    this.waiting = undefined;
    waiting.cancel();
    waiting.frame.fill(0);
    waiting.settle(answer);
  }
}

function patienceOf({ kind }: Request): Patience {
  return kind === "begin" || kind === "generate" || kind === "commit" || kind === "erase" ? slow : quick;
}
