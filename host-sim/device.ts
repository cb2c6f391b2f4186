/**
 * A simulated device: the engine's process, one boot at a time. It passes on what the device says and asks
 * the world for what the device asks; it decides nothing.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export type BootCause = "power-on" | "deep-sleep" | "gpio" | "brown-out" | "watchdog" | "software" | "abort";

/** What the memories do with the device's writes: lose them silently, or have no room. */
export type MemoryFault =
  | "none"
  | "rtc-lost"
  | "flash-lost"
  | "flash-full"
  /** TLS may hold so many bytes of heap in all. */
  | `tls-heap ${number}`
  /** Of TLS's allocations from now on this one fails. */
  | `tls-allocation ${number}`;

export interface Meters {
  readonly slotBytesPeak: number;
  readonly chunkBytesPeak: number;
  readonly stackBytesPeak: number;
  readonly tlsBytesPeak: number;
}

export interface BootEnd {
  readonly at: number;
  readonly reason:
    | "sleep"
    | "restart"
    | "abort"
    | "exception"
    | "deadlock"
    | "power-cut"
    | "brown-out"
    | "off";
  /** By the board's own clock. */
  readonly sleepMs: number;
  /** When it wakes again, on the world's. */
  readonly wakesAt: number;
  /** The pin that ends the sleep before that, and its level then. */
  readonly wakeOn?: { readonly pin: number; readonly level: 0 | 1 };
  readonly detail: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly bytecodes: number;
  readonly heap: Meters;
  readonly flashWrites: number;
  /** What others could see: bytes handed to the network, writes of flash, writes of RTC memory, one each. */
  readonly effects: number;
  /** By the link; sent again each time. */
  readonly segmentsLost: number;
}

/** When the power fails within a boot. */
export type PowerFault =
  /** Before the boot's effect of this number (from 1), so that one less stands. See BootEnd.effects. */
  | {
      readonly cutAtEffect: number;
      /** Should that be a write of RTC memory: its first bytes are written, this many, or with true half of them. */
      readonly tear?: boolean | number;
    }
  /** A sag after so many bytecodes: a reset that leaves RTC memory alone. */
  | { readonly brownOutAfterBytecodes: number }
  /** When the device's log has a line with this text in it. */
  | { readonly cutOn: string }
  | { readonly brownOutOn: string };

/** What the link between the board's sockets and the broker is like: see host-sim/engine/link.h. */
export type LinkFault =
  /** Each segment needs so long, in either direction. */
  | { readonly delayMs: number }
  /** From 0 to 1. What is lost is sent again, as TCP does. */
  | { readonly loss: number; readonly seed: number }
  /** Nobody listens; nobody answers. */
  | "refuse"
  | "stall"
  /** From the line of the device's log on that has this text in it the broker is not heard any more. */
  | { readonly stallOn: string }
  /** The same, and the connection is reset. */
  | { readonly resetOn: string };

/** What befalls the bytes between the board's serial port and whoever has it open: see host-sim/engine/line.h, port.h. */
export type LineFault =
  | "clear"
  | `seed ${number}`
  /** Of a thousand bytes. */
  | `noise ${number}`
  | `loss ${number}`
  | `repeat ${number}`
  | "single"
  /** The port vanishes after so many more bytes to the board, from it, or both together. */
  | `cut ${"in" | "out" | "any"} ${number}`
  | "unplug"
  | "plug"
  /** The clock jumps though the firmware has the port open. */
  | "hurry"
  | "wait";

/** What a running boot holds; with `measure`, what it needs. */
export interface Held {
  readonly slotBytes: number;
  readonly chunkBytes: number;
  readonly tlsBytes: number;
  /** Since the boot began. */
  readonly tlsBytesPeak: number;
  readonly tlsAllocations: number;
  /** How often there was no memory, since the engine started. */
  readonly tlsRefusals: number;
}

export interface Answer {
  /** null: there will be none. */
  readonly text: string | null;
  /** How long the answer took on the virtual clock. */
  readonly advanceMs: number;
}

export interface DeviceOptions {
  readonly engine: string;
  readonly image: string;
  readonly keylog?: string | undefined;
  readonly pcap?: string | undefined;
  /** Where a link to its serial port is made; without, nothing is connected to it. */
  readonly serial?: string | undefined;
  /** Collect garbage after every callback: the meters then show what was needed, not what was there to take. */
  readonly measure?: boolean | undefined;
  /** @param bytecodes executed since the boot began */
  readonly onTrace: (text: string, atMs: number, bytecodes: number) => void;
  /** What went wrong beside the device, which goes on. */
  readonly onProblem?: ((text: string) => void) | undefined;
  /** Its serial port has vanished, or is back. */
  readonly onPort?: ((plugged: boolean) => void) | undefined;
  readonly onAsk: (kind: string, detail: string, atMs: number) => Promise<Answer>;
}

type Message =
  | { type: "ready"; modules: number; preloaded: number; slotBytes: number }
  | { type: "trace"; at: number; bytecodes: number; text: string }
  | { type: "problem"; at: number; text: string }
  | { type: "ask"; at: number; id: number; kind: string; detail: string }
  | { type: "port"; at: number; plugged: 0 | 1 }
  | ({ type: "meters" } & Held)
  | ({ type: "end" } & BootEnd)
  | { type: "rtc"; bytes: string }
  | { type: "failed"; detail: string };

/** The engine itself failed: not something a device can do. */
export class EngineError extends Error {}

export class Device {
  readonly #options: DeviceOptions;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #exited: Promise<void>;
  #waiting: { resolve: (message: Message) => void; reject: (error: Error) => void } | undefined;
  #atMs = 0;
  #metersRead: ((held: Held) => void) | undefined;
  #errors = "";

  private constructor(options: DeviceOptions) {
    this.#options = options;
    const { engine, image, keylog, pcap, serial, measure } = options;
    const args = [
      ...(measure ? ["--measure"] : []),
      ...(keylog ? ["--keylog", keylog] : []),
      ...(pcap ? ["--pcap", pcap] : []),
      ...(serial ? ["--serial", serial] : []),
      image,
    ];
    this.#process = spawn(engine, args, { stdio: ["pipe", "pipe", "pipe"] });
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#receive(line));
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-8000);
    });
    this.#process.stdin.on("error", () => {}); // the exit tells more
    this.#exited = new Promise((resolve) => {
      const ended = (why: string) => {
        this.#waiting?.reject(
          new EngineError(`the engine ${why}${this.#errors && `: ${this.#errors.trim()}`}`),
        );
        this.#waiting = undefined;
        resolve();
      };
      this.#process.on("error", (error) => ended(`cannot be started (${error.message})`));
      this.#process.on("close", (code, signal) => ended(`ended by ${signal ?? `exit ${code}`}`));
    });
  }

  /** Starts the engine; resolves when its image is built. */
  static async start(options: DeviceOptions): Promise<Device> {
    const device = new Device(options);
    const message = await device.#next();
    if (message.type === "failed") throw new EngineError(`the engine cannot start: ${message.detail}`);
    return device;
  }

  /**
   * Runs one boot to its end.
   * @param withinMs real time after which the device counts as hung, and is killed
   */
  async boot(cause: BootCause, nowMs: number, withinMs: number): Promise<BootEnd> {
    const end = this.#next();
    this.#send(`boot ${cause} ${Math.round(nowMs)}`);
    const watchdog = setTimeout(() => {
      this.#errors = `the device did not end its wake within ${withinMs / 1000} s: an endless loop?`;
      this.#process.kill("SIGKILL");
    }, withinMs);
    const message = await end.finally(() => clearTimeout(watchdog));
    if (message.type === "failed") throw new EngineError(`the engine fails in a boot: ${message.detail}`);
    if (message.type !== "end") throw new EngineError(`the engine said ${message.type} where a boot ends`);
    return message;
  }

  /** Ends the running boot. */
  off(): void {
    this.#send("off");
  }

  /**
   * From the next boot on the world is asked "quiet" before the clock jumps though the board is connected; the answer is
   * that all that was sent to it so far has been seen to.
   */
  asksForQuiet(): void {
    this.#send("asks");
  }

  /** From now on; before an ask is answered, it holds from that answer on. */
  fault(fault: MemoryFault): void {
    this.#send(`fault ${fault}`);
  }

  /** In the next boot, or in the running one while an ask waits for its answer; after that boot no more. */
  failPower(fault: PowerFault): void {
    this.#send(`fault ${powerFault(fault)}`);
  }

  /** From now on, in place of what was ordered before; for connections that are made then. */
  link(faults: readonly LinkFault[]): void {
    this.#send("link clear");
    for (const fault of faults) this.#send(`link ${linkFault(fault)}`);
  }

  /** What the serial line does from now on; see LineFault. */
  line(fault: LineFault): void {
    this.#send(`line ${fault}`);
  }

  /**
   * An input pin's level. It stays until another is ordered, across boots.
   * @param afterMs so long after the boot began, the running one or the next; at once without
   */
  pin(pin: number, level: "low" | "high" | "free", afterMs?: number): void {
    this.#send(`pin ${pin} ${level}${afterMs === undefined ? "" : ` ${afterMs}`}`);
  }

  /** In the sleep before the next boot the board's clock starts again in 1970, or goes wrong by so many milliseconds. */
  clock(fault: "lost" | number): void {
    this.#send(`fault clock ${fault}`);
  }

  /** Reads the meters in the middle of a boot: while an ask waits for its answer. */
  meters(): Promise<Held> {
    return new Promise((resolve) => {
      this.#metersRead = resolve;
      this.#send("meters");
    });
  }

  /** The engine's process. */
  get pid(): number {
    return this.#process.pid!;
  }

  /** All of RTC memory, between boots. */
  async readRtc(): Promise<Uint8Array> {
    const answer = this.#next();
    this.#send("rtc-read");
    const message = await answer;
    if (message.type !== "rtc")
      throw new EngineError(`the engine said ${message.type} where RTC memory was asked for`);
    return new Uint8Array(Buffer.from(message.bytes, "hex"));
  }

  /** Before the next boot. @param bytes as many as RTC memory has */
  writeRtc(bytes: Uint8Array): void {
    this.#send(`rtc-write ${Buffer.from(bytes).toString("hex")}`);
  }

  /** Between boots: by how much the clock of the sleeping board is too fast from now on. */
  drift(ppm: number): void {
    this.#send(`drift ${ppm}`);
  }

  /** Before the next boot: the flash file has been replaced. */
  reloadFlash(): void {
    this.#send("flash-reload");
  }

  /** Ends the process; what it printed on standard error (a sanitizer's report) is returned. */
  async stop(): Promise<string> {
    this.#send("quit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#exited;
    clearTimeout(timer);
    return this.#errors;
  }

  #next(): Promise<Message> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null)
      return Promise.reject(new EngineError(`the engine ended: ${this.#errors.trim()}`));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #send(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  #receive(line: string): void {
    const message = JSON.parse(line) as Message;
    if ("at" in message) this.#atMs = message.at;
    switch (message.type) {
      case "trace":
        this.#options.onTrace(message.text, this.#atMs, message.bytecodes);
        break;
      case "problem":
        this.#options.onProblem?.(message.text);
        break;
      case "port":
        this.#options.onPort?.(message.plugged === 1);
        break;
      case "meters":
        this.#metersRead?.(message);
        break;
      case "ask":
        this.#answer(message.id, message.kind, message.detail);
        break;
      default:
        this.#waiting?.resolve(message);
        this.#waiting = undefined;
    }
  }

  async #answer(id: number, kind: string, detail: string): Promise<void> {
    const { text, advanceMs } = await this.#options.onAsk(kind, detail, this.#atMs);
    if (text === null) this.#send(`never ${id}`);
    else this.#send(`answer ${id} ${advanceMs} ${text}`);
  }
}

function powerFault(fault: PowerFault): string {
  if ("brownOutAfterBytecodes" in fault) return `brownout ${fault.brownOutAfterBytecodes}`;
  if ("brownOutOn" in fault) return `brownout on ${fault.brownOutOn}`;
  if ("cutOn" in fault) return `cut on ${fault.cutOn}`;
  const { cutAtEffect, tear = false } = fault;
  return `cut ${cutAtEffect}${tear === false ? "" : tear === true ? " tear" : ` tear ${tear}`}`;
}

function linkFault(fault: LinkFault): string {
  if (typeof fault === "string") return fault;
  if ("delayMs" in fault) return `delay ${fault.delayMs}`;
  if ("stallOn" in fault) return `stall on ${fault.stallOn}`;
  if ("resetOn" in fault) return `reset on ${fault.resetOn}`;
  return `loss ${1000 * fault.loss} ${fault.seed >>> 0}`;
}
