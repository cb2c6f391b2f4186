/** Two small sections of RTC memory: the next counter, dCBOR([next]), and the time base. */

import { encode } from "../cbor/encode.js";
import { maxCounter } from "../sealed/header.js";
import { decodeArray, isCount } from "./section.js";

export interface TimeBase {
  /** The wall clock when RTC memory was written, ms since 1970. */
  readonly wallMs: number;
  /** When the clock was last set, ms since 1970. */
  readonly setAtMs: number;
  readonly source: TimeSource;
}

/**
 * What the clock rests on: SNTP, which anybody on the path can forge; the same, but a certificate did not fit it;
 * asked again in a later wake, with the same answer; or something authenticated.
 */
export type TimeSource = (typeof timeSources)[number];
/** In the order of their numbers in RTC memory. */
const timeSources = ["sntp", "suspect", "confirmed", "authenticated"] as const;

export function encodeCounterSection(next: number): Uint8Array {
  if (!isCount(next, maxCounter + 1)) throw new RangeError("counter out of range");
  return encode([next]);
}

export function decodeCounterSection(data: Uint8Array | undefined): number | undefined {
  const next = decodeArray(data, 1)?.[0];
  return isCount(next, maxCounter + 1) ? next : undefined;
}

export function encodeTimeSection({ wallMs, setAtMs, source }: TimeBase): Uint8Array {
  if (!isCount(wallMs) || !isCount(setAtMs)) throw new RangeError("time out of range");
  return encode([wallMs, setAtMs, timeSources.indexOf(source)]);
}

export function decodeTimeSection(data: Uint8Array | undefined): TimeBase | undefined {
  const parts = decodeArray(data, 3);
  if (!parts) return undefined;
  const [wallMs, setAtMs, number] = parts;
  const source = isCount(number, timeSources.length - 1) ? timeSources[number] : undefined;
  return source && isCount(wallMs) && isCount(setAtMs) ? { wallMs, setAtMs, source } : undefined;
}
