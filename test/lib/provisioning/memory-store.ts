/** Flash for the device's machine: entries in memory, and power that fails at a write. */
import type { ProvisioningStore } from "../../../lib/provisioning/device-shell.js";

export class PowerCut extends Error {}

export class MemoryStore implements ProvisioningStore {
  readonly entries: Map<string, Uint8Array | string>;
  /** What was written and deleted, in order; a deleted entry has a "-" before its name. */
  readonly log: string[] = [];
  /** So many writes and deletions succeed; then the power fails before the next. */
  changesLeft = Number.POSITIVE_INFINITY;
  /** These entries are not kept: flash is full, or worn. */
  deaf: string[] = [];
  /** Of what is written to these, a bit is kept wrong. */
  torn: string[] = [];
  /** Hears of all bytes that are read and written. */
  watch: ((key: string, bytes: Uint8Array) => void) | undefined;

  constructor(entries: Iterable<readonly [string, Uint8Array | string]> = []) {
    this.entries = new Map([...entries].map(([key, value]) => [key, copy(value)]));
  }

  readBytes(key: string): Uint8Array | undefined {
    const value = this.entries.get(key);
    if (typeof value === "string") throw new Error("an entry of text");
    const bytes = value?.slice();
    if (bytes) this.watch?.(key, bytes);
    return bytes;
  }

  readText(key: string): string | undefined {
    const value = this.entries.get(key);
    if (value !== undefined && typeof value !== "string") throw new Error("an entry of bytes");
    return value;
  }

  write(key: string, value: Uint8Array | string): void {
    this.change(key);
    if (typeof value !== "string") this.watch?.(key, value);
    if (!this.deaf.includes(key)) this.entries.set(key, this.torn.includes(key) ? torn(value) : copy(value));
  }

  delete(key: string): void {
    if (!this.entries.has(key)) return;
    this.change(`-${key}`);
    if (!this.deaf.includes(key)) this.entries.delete(key);
  }

  keys(): string[] {
    return [...this.entries.keys()];
  }

  /** The power has failed: whoever wrote is no more, whatever it did with the error. */
  get dead(): boolean {
    return this.changesLeft < 0;
  }

  private change(what: string): void {
    if (this.changesLeft-- <= 0) throw new PowerCut("no power");
    this.log.push(what);
  }
}

function copy(value: Uint8Array | string): Uint8Array | string {
  return typeof value === "string" ? value : value.slice();
}

function torn(value: Uint8Array | string): Uint8Array | string {
  if (typeof value === "string") return `${value.slice(1)}x`;
  const other = value.slice();
  other[other.length - 1]! ^= 1;
  return other;
}
