/**
 * What the device's machine (device.ts) asks of the shell around it, and what the shell tells it: the serial port,
 * Wi-Fi, flash and the clock are the shell's. Every entry's name is one of flashKeys, a window's or a segment's.
 */
import type { Crypto } from "../crypto/crypto.js";

/**
 * The key-value entries of `flashDomain`. A value of bytes goes to an entry of format `buffer`, text to one of format
 * `string`. Any of these may throw: the machine takes that for flash that does not work.
 */
export interface ProvisioningStore {
  /** @returns new bytes, which the caller owns and zeroes; undefined when there is no such entry */
  readBytes(key: string): Uint8Array | undefined;
  readText(key: string): string | undefined;
  /** The caller keeps `value`, and zeroes it if it is secret. The machine reads back what it must be sure of. */
  write(key: string, value: Uint8Array | string): void;
  /** Where there is no such entry nothing is done. */
  delete(key: string): void;
  /** Of all entries there are, the device's own (windows, segments, losses, …) among them. */
  keys(): string[];
}

/** A network that a scan has found. */
export interface FoundNetwork {
  readonly ssid: string;
  /** dBm */
  readonly rssi: number;
  /** It wants a password. */
  readonly secured: boolean;
}

/** What the machine is told; each with the time, see device.ts. */
export type DeviceEvent =
  /**
   * Came in on the port; the machine keeps no view of them. At most 128 at a time, and no more before what it has
   * answered is with the driver: so neither end's memory grows with what a host sends.
   */
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  /** `nextWakeAtMs` has come. */
  | { readonly type: "time" }
  /** How `join` went. */
  | { readonly type: "joined"; readonly ok: boolean; readonly attempt: number }
  /** What `scan` found, strongest first; none when it failed. */
  | { readonly type: "scanned"; readonly networks: readonly FoundNetwork[] };

/** What the shell is to do, in this order. */
export type DeviceEffect =
  /** To the port, in the order of the effects, and not before that time. */
  | { readonly type: "send"; readonly bytes: Uint8Array; readonly notBeforeMs: number }
  /** Join this network, to see whether it works; `joined` follows within 30 s. An empty password: an open network. */
  | { readonly type: "join"; readonly ssid: string; readonly password: string; readonly attempt: number }
  /** Look for networks; `scanned` follows within 15 s. */
  | { readonly type: "scan" }
  /** When everything is sent: boot again. */
  | { readonly type: "restart" };

export interface DeviceOptions {
  /** "read-only": it answers hello, prove, restart and Improv's questions, and changes nothing. */
  readonly mode: "open" | "read-only";
  readonly crypto: Crypto;
  readonly store: ProvisioningStore;
  readonly board: BoardInfo;
}

/** What the board says of itself. */
export interface BoardInfo {
  /** As its manifest is called: esp32, esp32c3, esp32s3, esp8266 or lin. */
  readonly board: string;
  /** The firmware's version. */
  readonly firmware: string;
  /** 12 hex digits in small letters; empty when it has none. */
  readonly mac: string;
  /** Whether a person can unlock it. */
  readonly button: boolean;
  /** Whether its firmware has P-256. */
  readonly p256: boolean;
}
