/**
 * A board for the engine's tests: an image of fixture modules, and the engine's process with its raw protocol.
 * Nothing answers an ask unless the test says so.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { root } from "../../../host-sim/paths.js";

/** 2026-01-01, when all tests' worlds begin. */
export const start = 1767225600000;

export const c3 = {
  static: 94208,
  chunkInitial: 1536,
  chunkIncremental: 512,
  heapInitial: 512,
  heapIncremental: 64,
  stack: 384,
  keysInitial: 32,
  keysIncremental: 32,
  name: 53,
  symbol: 3,
  parserBuffer: 1024,
  parserTable: 17,
};

/** Chunks and slots in areas of their own, both of fixed size. */
export const esp32 = {
  ...c3,
  static: 0,
  chunkInitial: 78848,
  chunkIncremental: 0,
  heapInitial: 4928,
  heapIncremental: 0,
  stack: 512,
};

const platform = join(root, "host-sim/platform/modules");

const platformModules: Record<string, string> = {
  timer: join(platform, "base/timer/timer.js"),
  time: join(platform, "base/time/time.js"),
  system: join(platform, "io/system/system.js"),
  sntp: join(platform, "network/sntp/sntp.js"),
  "dormouse/world": join(platform, "world/world.js"),
  "embedded:io/digital": join(platform, "io/digital/digital.js"),
  "embedded:io/serial": join(platform, "io/serial/serial.js"),
  "embedded:io/socket/tcp": join(platform, "io/socket/tcp.js"),
  "embedded:storage/key-value": join(platform, "io/storage/key-value.js"),
  "embedded:network/interface/wifi": join(platform, "io/wifi/wifi.js"),
  "dormouse/native/power": join(root, "native/power/power.js"),
  "dormouse/native/station": join(root, "native/station/station.js"),
};

export interface Module {
  readonly specifier: string;
  readonly path: string;
  readonly map?: string;
  readonly preload?: boolean;
}

export interface ImageOptions {
  readonly modules?: readonly Module[];
  readonly limits?: Readonly<Record<string, number>>;
  readonly flashBytes?: number;
  readonly clock?: "keeps" | "forgets";
}

export interface End {
  readonly at: number;
  readonly reason: string;
  readonly sleepMs: number;
  readonly wakesAt: number;
  readonly detail: string;
  readonly stack?: readonly string[];
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly bytecodes: number;
  readonly heap: {
    slotBytesPeak: number;
    chunkBytesPeak: number;
    stackBytesPeak: number;
    tlsBytesPeak: number;
  };
  readonly flashWrites: number;
  readonly effects: number;
  readonly segmentsLost: number;
  readonly tlsBytesLeaked: number;
}

export type Line =
  | { readonly type: "ready"; readonly modules: number; readonly preloaded: number }
  | { readonly type: "trace"; readonly at: number; readonly text: string }
  | { readonly type: "problem"; readonly at: number; readonly text: string }
  | {
      readonly type: "ask";
      readonly at: number;
      readonly id: number;
      readonly kind: string;
      readonly detail: string;
    }
  | { readonly type: "failed"; readonly detail: string }
  | { readonly type: "rtc"; readonly bytes: string }
  | { readonly type: "port"; readonly at: number; readonly plugged: 0 | 1 }
  | ({ readonly type: "end" } & End);

export interface Boot {
  readonly end: End;
  readonly traces: readonly string[];
  readonly traceTimes: readonly number[];
}

export function fixture(name: string): string {
  return join(root, "test/host-sim/engine/fixtures", name);
}

export class Board {
  readonly folder = mkdtempSync(join(tmpdir(), "dormouse-engine-"));
  readonly flash = join(this.folder, "flash");
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: Line[] = [];
  #wake: (() => void) | undefined;
  #closed: Promise<number | null>;
  readonly problems: string[] = [];
  stderr = "";
  /** Called with each ask; what it returns is sent as a command. */
  onAsk: (kind: string, detail: string, id: number) => string | undefined = () => undefined;
  onTrace: (text: string) => void = () => {};

  /** `main` is a fixture's name, or a path; `flash` the file's content at first. */
  constructor(
    engine: string,
    main: string,
    options: ImageOptions = {},
    flash?: Uint8Array,
    flags: string[] = [],
  ) {
    const image = join(this.folder, "image");
    if (flash) writeFileSync(this.flash, flash, { mode: 0o600 });
    writeFileSync(image, imageText(main, this.flash, options));
    this.#process = spawn(engine, [...flags, image], { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdin.on("error", () => {});
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.#lines.push(JSON.parse(line) as Line);
      this.#wake?.();
    });
    this.#process.stderr.on("data", (data) => {
      this.stderr += data;
    });
    this.#closed = new Promise((resolve) => this.#process.on("close", resolve));
    this.#closed.then(() => this.#wake?.());
  }

  get pid(): number {
    return this.#process.pid!;
  }

  send(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** The next line; undefined when the engine has ended. */
  async next(): Promise<Line | undefined> {
    let ended = false;
    this.#closed.then(() => {
      ended = true;
    });
    for (;;) {
      const line = this.#lines.shift();
      if (line) return line;
      if (ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await null;
    }
  }

  async boot(cause = "power-on", now = start): Promise<Boot> {
    const traces: string[] = [];
    const traceTimes: number[] = [];
    this.send(`boot ${cause} ${now}`);
    for (;;) {
      const line = await this.next();
      if (!line) throw new Error(`the engine ended: ${this.stderr}`);
      if (line.type === "end") return { end: line, traces, traceTimes };
      if (line.type === "failed") throw new Error(line.detail);
      if (line.type === "problem") this.problems.push(line.text);
      if (line.type === "trace") {
        traces.push(line.text);
        traceTimes.push(line.at);
        this.onTrace(line.text);
      }
      if (line.type === "ask") {
        const reply = this.onAsk(line.kind, line.detail, line.id);
        if (reply !== undefined) this.send(reply);
      }
    }
  }

  /** All of RTC memory, between boots. */
  async readRtc(): Promise<Uint8Array> {
    this.send("rtc-read");
    const line = await this.next();
    if (line?.type !== "rtc") throw new Error(`no RTC memory: ${this.stderr}`);
    return new Uint8Array(Buffer.from(line.bytes, "hex"));
  }

  flashExists(): boolean {
    return existsSync(this.flash);
  }

  /** Kilobytes of memory the engine's process has. */
  residentKb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1]);
  }

  /** Of a test that has failed. */
  kill(): void {
    this.#process.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the engine; gives its exit status. */
  async stop(): Promise<number | null> {
    this.send("quit");
    const status = await this.#closed;
    rmSync(this.folder, { recursive: true, force: true });
    return status;
  }
}

function imageText(
  main: string,
  flash: string,
  { modules = [], limits = c3, flashBytes = 24576, clock }: ImageOptions,
): string {
  const all: Module[] = [
    { specifier: "main", path: main.includes("/") ? main : fixture(`${main}.js`) },
    ...Object.entries(platformModules).map(([specifier, path]) => ({ specifier, path, preload: true })),
    ...modules,
  ];
  return [
    ["board", "test"],
    ["creation", ...Object.entries(limits).map(([name, value]) => `${name}=${value}`), "main=main"],
    ["rtc", 4096],
    ...(clock ? [["clock", clock]] : []),
    ["flash", flash, flashBytes],
    ...all.map(({ specifier, path, map, preload }) => [
      "module",
      specifier,
      preload ? "preload" : "load",
      path,
      map ?? "-",
    ]),
  ]
    .map((line) => `${line.join("\t")}\n`)
    .join("");
}
