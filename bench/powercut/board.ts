/**
 * A board on the campaign's bench: one engine for many lives, between which its flash is written anew. It passes on what
 * the board logs, asks and ends with.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { type Answer, type BootCause, type BootEnd, Device } from "../../host-sim/device.js";
import { decodeFlash, encodeFlash, type FlashEntry } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import type { Manifest } from "../../host-sim/manifest.js";
import { root } from "../../host-sim/paths.js";

/** What is changed of the firmware: a module's specifier and the file that takes its place. */
export type Replaced = ReadonlyMap<string, string>;

export interface BoardEvents {
  log(line: string): void;
  ask(kind: string, detail: string, atMs: number): Promise<Answer>;
}

const watchdogMs = 20_000;

export class Board {
  readonly name: BoardName;
  readonly rtcBytes: number;
  readonly #flashFile: string;
  readonly #device: Device;
  /** Whose life it is. */
  events: BoardEvents | undefined;

  private constructor(name: BoardName, rtcBytes: number, flashFile: string, device: Device) {
    this.name = name;
    this.rtcBytes = rtcBytes;
    this.#flashFile = flashFile;
    this.#device = device;
  }

  /** @param folder of mode 0700, for this board alone */
  static async start(
    name: BoardName,
    {
      engine,
      folder,
      replaced,
    }: { readonly engine: string; readonly folder: string; readonly replaced: Replaced },
  ): Promise<Board> {
    const manifest = withModules(boardManifest(name), new Map([["app", app], ...replaced]));
    const flashFile = join(folder, "flash");
    const image = join(folder, "image");
    writeImage(image, { board: name, manifest, flashFile });
    const device = await Device.start({
      engine,
      image,
      onTrace: (text) => board.events?.log(text.trimEnd()),
      onAsk: (kind, detail, atMs) => board.events!.ask(kind, detail, atMs),
    });
    const board: Board = new Board(name, manifest.config.rtcBytes as number, flashFile, device);
    return board;
  }

  /** Each boot's faults of power and memory are given before it, and what befalls its pins. */
  get device(): Pick<Device, "failPower" | "fault" | "pin"> {
    return this.#device;
  }

  boot(cause: BootCause, atMs: number): Promise<BootEnd> {
    return this.#device.boot(cause, atMs, watchdogMs);
  }

  readRtc(): Promise<Uint8Array> {
    return this.#device.readRtc();
  }

  writeRtc(bytes: Uint8Array): void {
    this.#device.writeRtc(bytes);
  }

  readFlash(): FlashEntry[] {
    return decodeFlash(readFileSync(this.#flashFile));
  }

  /** In the place of all there is. */
  writeFlash(entries: readonly FlashEntry[]): void {
    // At once: the engine may be about to read what was written before.
    const next = `${this.#flashFile}.next`;
    writeFileSync(next, encodeFlash(entries), { mode: 0o600 });
    renameSync(next, this.#flashFile);
    this.#device.reloadFlash();
  }

  async stop(): Promise<void> {
    await this.#device.stop();
  }
}

const app = join(root, "test/device/powercut-app.ts");

function withModules(manifest: Manifest, replaced: Replaced): Manifest {
  const known = new Set(manifest.modules.map(({ specifier }) => specifier));
  for (const specifier of replaced.keys())
    if (!known.has(specifier)) throw new RangeError(`the firmware has no module ${specifier}`);
  const modules = manifest.modules.map((one) => ({
    ...one,
    source: replaced.get(one.specifier) ?? one.source,
  }));
  return { ...manifest, modules };
}
