/** The next counter in RTC memory: dCBOR([next]). */

import { encode } from "../cbor/encode.js";
import { maxCounter } from "../sealed/header.js";
import { decodeArray, isCount } from "./section.js";

export function encodeCounterSection(next: number): Uint8Array {
  if (!isCount(next, maxCounter + 1)) throw new RangeError("counter out of range");
  return encode([next]);
}

export function decodeCounterSection(data: Uint8Array | undefined): number | undefined {
  const next = decodeArray(data, 1)?.[0];
  return isCount(next, maxCounter + 1) ? next : undefined;
}
