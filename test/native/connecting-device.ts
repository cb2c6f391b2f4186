/** A simulated board that makes TLS connections as a test says, and holds still where the test wants to look. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type BootCause, type BootEnd, Device, type Held, type MemoryFault } from "../../host-sim/device.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { root } from "../../host-sim/paths.js";
import type { Connection, Outcome, Pause } from "../device/tls-connections.js";

export interface DeviceOptions {
  readonly engine: string;
  /** A folder for the device's files. */
  readonly scratch: string;
  /** What connections name, by its key in flash. */
  readonly flash: Readonly<Record<string, Uint8Array>>;
  /** Default esp32c3. */
  readonly board?: BoardName;
  readonly keylog?: string;
  readonly measure?: boolean;
}

/** What a test does while the device waits. */
export interface Watch {
  readonly beforeConnection?: (index: number) => Promise<void> | void;
  /** @param outcome once closed */
  readonly onPause?: (at: Pause, index: number, outcome?: Outcome) => Promise<void> | void;
}

export interface TlsBoot {
  readonly outcomes: readonly Outcome[];
  readonly end: BootEnd & { readonly tlsBytesLeaked: number };
}

interface Script extends Watch {
  readonly connections: readonly Connection[];
  readonly outcomes: Outcome[];
  readonly fail: (error: unknown) => void;
}

const main = `import { ask } from "dormouse/world";
import { runConnections } from "test/device/tls-connections";
runConnections(ask);
`;

export class ConnectingDevice {
  readonly #device: Device;
  readonly #files: readonly string[];
  #script: Script | undefined;

  private constructor(device: Device, files: readonly string[], onAsk: (ask: Ask) => void) {
    this.#device = device;
    this.#files = files;
    onAsk((kind, detail) => this.#answer(kind, detail));
  }

  static async start(options: DeviceOptions): Promise<ConnectingDevice> {
    const { engine, scratch, flash, board = "esp32c3", keylog, measure } = options;
    const path = join(scratch, `device-${process.hrtime.bigint()}`);
    const [source, image, flashFile] = [`${path}.js`, `${path}.image`, `${path}.flash`];
    const script = join(root, "test/device/tls-connections.ts");
    writeFileSync(source, main);
    writeFileSync(flashFile, encodeFlash(entriesOf(flash)), { mode: 0o600 });
    writeImage(image, {
      board,
      manifest: boardManifest(board),
      main: "tls-test",
      extra: [
        { specifier: "tls-test", source, preload: false },
        { specifier: relative(root, script).replace(/\.ts$/, ""), source: script, preload: false },
      ],
      flashFile,
    });
    let answer: Ask = async () => "";
    const device = await Device.start({
      engine,
      image,
      keylog,
      measure,
      onTrace: () => {},
      onAsk: async (kind, detail) => ({ text: await answer(kind, detail), advanceMs: 0 }),
    });
    return new ConnectingDevice(device, [source, image, flashFile], (ask) => {
      answer = ask;
    });
  }

  get pid(): number {
    return this.#device.pid;
  }

  /** From the next connection on. */
  fault(fault: MemoryFault): void {
    this.#device.fault(fault);
  }

  /** What the boot holds: while it waits. */
  held(): Promise<Held> {
    return this.#device.meters();
  }

  /** One boot with these connections, then deep sleep. */
  async boot(cause: BootCause, connections: readonly Connection[], watch: Watch = {}): Promise<TlsBoot> {
    const outcomes: Outcome[] = [];
    // what fails while the device waits ends the boot for the test: nobody would answer the device
    const failed = new Promise<never>((_, reject) => {
      this.#script = { ...watch, connections, outcomes, fail: reject };
    });
    const ended = this.#device.boot(cause, Date.now(), 120_000);
    ended.catch(() => {});
    const end = (await Promise.race([ended, failed])) as TlsBoot["end"];
    assert.equal(end.reason, "sleep", `${end.reason}: ${end.detail}`);
    assert.equal(outcomes.length, connections.length);
    return { outcomes, end };
  }

  async stop(): Promise<void> {
    const errors = await this.#device.stop();
    for (const file of this.#files) rmSync(file);
    assert.doesNotMatch(errors, /Sanitizer|runtime error/);
  }

  async #answer(kind: string, detail: string): Promise<string> {
    const script = this.#script!;
    try {
      return await follow(script, kind, detail);
    } catch (error) {
      script.fail(error);
      return new Promise(() => {});
    }
  }
}

async function follow(script: Script, kind: string, detail: string): Promise<string> {
  const { connections, outcomes, beforeConnection, onPause } = script;
  if (kind !== "connection") {
    const closed = kind === "closed" ? (JSON.parse(detail) as Outcome) : undefined;
    await onPause?.(closed ? "closed" : (detail as Pause), outcomes.length, closed);
    return "";
  }
  if (detail !== "") outcomes.push(JSON.parse(detail) as Outcome);
  const next = connections[outcomes.length];
  if (!next) return "";
  await beforeConnection?.(outcomes.length);
  return JSON.stringify(next);
}

type Ask = (kind: string, detail: string) => Promise<string>;

function entriesOf(flash: DeviceOptions["flash"]) {
  return Object.entries(flash).map(
    ([key, value]) => ({ domain: "tls", key, type: "buffer", value }) as const,
  );
}
