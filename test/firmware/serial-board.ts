/**
 * A simulated board on a bench, with its serial port's cable in this process: for tests of the firmware's end. Nothing else is
 * there: no network answers.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type Answer, type BootCause, type BootEnd, Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { decodeFlash, encodeFlash, type FlashEntry } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import type { PortEvent } from "../../lib/provisioning/demultiplexer.js";
import { Terminal } from "../host-sim/engine/terminal.js";

/** A wake's own budget, the window, and a slow machine. */
const watchdogMs = 60_000;
const lookMs = 1;

export interface SerialBoardOptions {
  readonly measure?: boolean;
  readonly flash?: readonly FlashEntry[];
  /** What the world says; by default nothing. */
  readonly ask?: (kind: string, detail: string, atMs: number) => Promise<Answer>;
}

export class SerialBoard {
  readonly device: Device;
  readonly #folder: string;
  readonly #link: string;
  #atMs = Date.UTC(2026, 10, 22);
  #terminal: Terminal | undefined;
  #reading: NodeJS.Timeout | undefined;

  private constructor(device: Device, folder: string) {
    this.device = device;
    this.#folder = folder;
    this.#link = linkIn(folder);
  }

  static async start(board: BoardName, options: SerialBoardOptions = {}): Promise<SerialBoard> {
    const { measure = false, flash = [], ask = async () => ({ text: null, advanceMs: 0 }) } = options;
    const folder = mkdtempSync(join(tmpdir(), "dormouse-serial-board-"));
    const flashFile = join(folder, "flash");
    const image = join(folder, "image");
    writeFileSync(flashFile, encodeFlash(flash), { mode: 0o600 });
    writeImage(image, { board, manifest: boardManifest(board), flashFile });
    const device = await Device.start({
      engine: await engineFile("release"),
      image,
      measure,
      serial: linkIn(folder),
      onTrace: () => {},
      onAsk: ask,
    });
    return new SerialBoard(device, folder);
  }

  get flash(): FlashEntry[] {
    return decodeFlash(readFileSync(join(this.#folder, "flash")));
  }

  async boot(cause: BootCause): Promise<BootEnd & { readonly awakeMs: number }> {
    const startMs = this.#atMs;
    const end = await this.device.boot(cause, startMs, watchdogMs);
    this.#atMs = end.wakesAt;
    return { ...end, awakeMs: end.at - startMs };
  }

  /** Plugs a client in. */
  connect(heard: (event: PortEvent) => void = () => {}): ProvisioningClient {
    const terminal = new Terminal(this.#link);
    const client = new ProvisioningClient(
      {
        send: (bytes) => void terminal.write(bytes),
        nowMs: () => performance.now(),
        after(ms, wake) {
          const timer = setTimeout(wake, ms);
          return () => clearTimeout(timer);
        },
      },
      0x5e,
      heard,
    );
    let taken = 0;
    this.#terminal = terminal;
    this.#reading = setInterval(() => {
      terminal.read();
      if (terminal.received.length === taken) return;
      client.received(Uint8Array.from(terminal.received.subarray(taken)));
      taken = terminal.received.length;
    }, lookMs);
    return client;
  }

  /** From now on nobody reads what comes. */
  deafen(): void {
    clearInterval(this.#reading);
  }

  /** To the port, as it is. */
  send(bytes: Uint8Array): void {
    this.#terminal?.write(bytes);
  }

  async stop(): Promise<void> {
    clearInterval(this.#reading);
    this.#terminal?.close();
    await this.device.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function linkIn(folder: string): string {
  return join(folder, "port");
}
