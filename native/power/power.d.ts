/** Power of the board: deep sleep, restart, and the memory that survives it. */

/** Why the board booted. */
export type WakeCause = "power-on" | "deep-sleep" | "gpio" | "brown-out" | "watchdog" | "software" | "abort";

/** A pin of the chip's, and the level of it that ends deep sleep. */
export interface WakePin {
  readonly pin: number;
  readonly level: 0 | 1;
}

/**
 * Goes to deep sleep for so many milliseconds; then the board boots with cause "deep-sleep". Nothing but RTC memory
 * and flash survives. Does not return: no JavaScript runs after it, `finally` blocks included.
 * @param wakeOn what ends the sleep before its time; the board then boots with cause "gpio". A pin that has the level
 *   already when the sleep begins does not end it: else a door that stays open would drain the battery
 * @throws RangeError when milliseconds is negative or not finite, or the board has no such pin
 */
export function deepSleep(milliseconds: number, wakeOn?: WakePin): never;

/** Resets the board; it boots with cause "software". Does not return. */
export function restart(): never;

export function wakeCause(): WakeCause;

/**
 * Sets the wall clock, `Date.now()`: to the millisecond, which `Time.set` of the SDK cannot.
 * @throws RangeError when the time is negative or its seconds do not fit 32 bits
 */
export function setClock(unixMs: number): void;

/** How many bytes of RTC memory the board gives the firmware. */
export function rtcBytes(): number;

/** A copy of all RTC memory, `rtcBytes()` long. All zero after power-on; after other resets it may hold anything. */
export function readRtc(): Uint8Array;

/**
 * Replaces RTC memory by `data`, zeros after it.
 * @throws RangeError when data is longer than RTC memory
 */
export function writeRtc(data: Uint8Array): void;

/**
 * Changes one byte of RTC memory, at once or not at all.
 * @throws RangeError when there is no such byte
 */
export function writeRtcByte(at: number, value: number): void;
