/**
 * The time base in RTC memory: dCBOR([wallMs, ms since it was set, source, driftPpm, driftErrorPpm, ms until a time server
 * is asked, sleepMs]); the older form has the first three values, the second of them the time when it was set.
 */
import { encode } from "../cbor/encode.js";
import { decodeArray, isCount } from "./section.js";

export interface TimeBase {
  /** The clock when RTC memory was written, ms since 1970; since power-on as long as nobody has set it. */
  readonly wallMs: number;
  /** When the clock was last set, on the same clock. */
  readonly setAtMs: number;
  readonly source: TimeSource;
  /** By how much the board's clock runs too fast while it sleeps, in millionths. */
  readonly driftPpm: number;
  /** How far `driftPpm` may be from the truth, either way. */
  readonly driftErrorPpm: number;
  /** When a time server is to be asked, on the same clock. */
  readonly askAtMs: number;
  /** For how long the board then went to sleep, by its own clock; 0 while it is awake. */
  readonly sleepMs: number;
}

/**
 * What the clock rests on: SNTP, which anybody on the path can forge; the same, but a certificate did not fit it;
 * asked again in a later wake, with the same answer; or nothing, it just runs.
 */
export type TimeSource = (typeof timeSources)[number];
/** In the order of their numbers in RTC memory. */
const timeSources = ["sntp", "suspect", "confirmed", "unset"] as const;

/** No board's clock is as wrong, and no more is believed of one: 10 %. */
export const maxDriftPpm = 100_000;
/** What is known of a clock that has not been watched yet: an ESP32's and an ESP8266's oscillators keep to 5 %. */
export const unknownDriftPpm = 50_000;

/** @throws RangeError for a value out of range */
export function encodeTimeSection(time: TimeBase): Uint8Array {
  const { wallMs, setAtMs, source, driftPpm, driftErrorPpm, askAtMs, sleepMs } = time;
  if (![wallMs, setAtMs, askAtMs, sleepMs].every((ms) => isCount(ms)))
    throw new RangeError("time out of range");
  if (!isCount(Math.abs(driftPpm), maxDriftPpm) || !isCount(driftErrorPpm, maxDriftPpm))
    throw new RangeError("drift out of range");
  // Distances are shorter than times.
  const since = Math.max(0, wallMs - setAtMs);
  const until = Math.max(0, askAtMs - wallMs);
  return encode([wallMs, since, timeSources.indexOf(source), driftPpm, driftErrorPpm, until, sleepMs]);
}

export function decodeTimeSection(data: Uint8Array | undefined): TimeBase | undefined {
  const parts = decodeArray(data, 7);
  if (!parts) return decodeOlder(data);
  const [wallMs, since, number, driftPpm, driftErrorPpm, until, sleepMs] = parts;
  const source = sourceOf(number);
  if (!source || !isCount(wallMs) || !isCount(since) || !isCount(until) || !isCount(sleepMs))
    return undefined;
  if (typeof driftPpm !== "number" || !isCount(Math.abs(driftPpm), maxDriftPpm)) return undefined;
  if (!isCount(driftErrorPpm, maxDriftPpm) || !isCount(wallMs + until)) return undefined;
  const setAtMs = Math.max(0, wallMs - since);
  return { wallMs, setAtMs, source, driftPpm, driftErrorPpm, askAtMs: wallMs + until, sleepMs };
}

function decodeOlder(data: Uint8Array | undefined): TimeBase | undefined {
  const parts = decodeArray(data, 3);
  if (!parts) return undefined;
  const [wallMs, setAtMs, number] = parts;
  const source = sourceOf(number);
  if (!source || source === "unset" || !isCount(wallMs) || !isCount(setAtMs)) return undefined;
  return {
    wallMs,
    setAtMs,
    source,
    driftPpm: 0,
    driftErrorPpm: unknownDriftPpm,
    askAtMs: wallMs,
    sleepMs: 0,
  };
}

function sourceOf(number: unknown): TimeSource | undefined {
  return isCount(number, timeSources.length - 1) ? timeSources[number] : undefined;
}
