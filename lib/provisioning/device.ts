/**
 * The device's end of provisioning over serial (docs/serial.md), and of Improv Wi-Fi on the same port: events in, effects
 * out; without I/O and clock. It owns what is staged. No message reads a secret; what would change a provisioned board is
 * refused as `locked`.
 */
import type { DeviceEffect, DeviceEvent, DeviceOptions } from "./device-shell.js";

export type ProvisioningState = "unprovisioned" | "staging" | "locked";

/**
 * @example
 * const machine = new ProvisioningDevice({ mode: "open", crypto, store, board });
 * for (const effect of machine.handle({ type: "bytes", bytes }, nowMs)) carryOut(effect);
 * // and again with { type: "time" } at machine.nextWakeAtMs
 */
export class ProvisioningDevice {
  private readonly options: DeviceOptions;

  constructor(options: DeviceOptions) {
    this.options = options;
  }

  get state(): ProvisioningState {
    return this.options.mode === "read-only" ? "locked" : "unprovisioned";
  }

  /** When a valid frame or Improv packet came last; undefined while none has. */
  get heardAtMs(): number | undefined {
    return undefined;
  }

  /** When a `hello` came last. */
  get helloAtMs(): number | undefined {
    return undefined;
  }

  /** When it wants to be told the time; undefined: whenever something else happens. */
  get nextWakeAtMs(): number | undefined {
    return undefined;
  }

  /** @param nowMs of a clock that only moves on, the same for all events */
  handle(_event: DeviceEvent, _nowMs: number): DeviceEffect[] {
    return [];
  }

  /** Zeroes what is staged: it serves no longer. */
  close(): void {}
}
