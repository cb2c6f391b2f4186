/**
 * What commands leave to the next wake: dCBOR([publishedAtMs or nil, authenticatedAtMs or nil, movedMs, refused]). Lost with
 * RTC memory: then commands need a challenge, and the count of what was refused begins anew.
 */
import { encode } from "../cbor/encode.js";
import { type KnownTime, unknownTime } from "../cycle/authenticated-time.js";
import { decodeArray, isCount } from "./section.js";

export interface DownlinkMemory extends KnownTime {
  /** Messages on the command topic that were not acted on, for whatever reason. */
  readonly refused: number;
}

export const emptyDownlink: DownlinkMemory = Object.freeze({ ...unknownTime, refused: 0 });

/** @throws RangeError for a value that cannot be kept. */
export function encodeDownlink(downlink: DownlinkMemory): Uint8Array {
  const { publishedAtMs, authenticatedAtMs, movedMs, refused } = downlink;
  if (!isTime(publishedAtMs) || !isTime(authenticatedAtMs) || !isCount(movedMs) || !isCount(refused))
    throw new RangeError("what commands leave is out of range");
  return encode([publishedAtMs, authenticatedAtMs, movedMs, refused]);
}

/** Undefined when it cannot be read. */
export function decodeDownlink(data: Uint8Array | undefined): DownlinkMemory | undefined {
  const parts = decodeArray(data, 4);
  if (!parts) return undefined;
  const [publishedAtMs, authenticatedAtMs, movedMs, refused] = parts;
  if (!isTime(publishedAtMs) || !isTime(authenticatedAtMs) || !isCount(movedMs) || !isCount(refused))
    return undefined;
  return { publishedAtMs, authenticatedAtMs, movedMs, refused };
}

function isTime(value: unknown): value is number | null {
  return value === null || isCount(value);
}
