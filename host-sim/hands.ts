/**
 * Somebody at a simulated board: presses its reset, holds its button, pulls its cable and plugs it in again. Each at any
 * time, whether the board is awake or sleeps.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Device, LineFault } from "./device.js";
import type { Manifest } from "./manifest.js";

/** After reset: at it the pin would start the ROM's loader. Then longer than the firmware asks for. */
const pressAtMs = 1000;
const letGoAtMs = 6500;

export class Hands {
  /** Undefined: the board has no button. */
  readonly #button: number | undefined;
  #device: Device | undefined;
  #pressing = false;
  #wake: AbortController | undefined;

  constructor({ config }: Manifest) {
    this.#button = config.button as number | undefined;
  }

  get hasButton(): boolean {
    return this.#button !== undefined;
  }

  /** The board that is in these hands, and how its line is from the beginning. */
  take(device: Device, line: readonly LineFault[]): void {
    this.#device = device;
    for (const fault of line) device.line(fault);
  }

  /** What runs ends; what sleeps is woken. */
  reset(): void {
    this.#device?.off();
    this.#wake?.abort();
  }

  /** Resets the board and holds its button. */
  hold(): void {
    this.#pressing = this.hasButton;
    this.reset();
  }

  unplug(): void {
    this.#device?.line("unplug");
  }

  plug(): void {
    this.#device?.line("plug");
  }

  /** A boot is about to begin. */
  boots(): void {
    if (!this.#pressing || this.#button === undefined) return;
    this.#pressing = false;
    this.#device?.pin(this.#button, "low", pressAtMs);
    this.#device?.pin(this.#button, "free", letGoAtMs);
  }

  /**
   * Waits for so long in real time; without `ms` for ever.
   * @returns whether the board was reset meanwhile
   */
  async sleep(ms: number | undefined, signal?: AbortSignal): Promise<boolean> {
    this.#wake = new AbortController();
    const ends = signal ? AbortSignal.any([signal, this.#wake.signal]) : this.#wake.signal;
    await wait(ms ?? 2 ** 31 - 1, undefined, { signal: ends }).catch(() => {});
    const wasReset = this.#wake.signal.aborted;
    this.#wake = undefined;
    return wasReset;
  }
}
