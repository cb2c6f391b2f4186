/** What a board has spilled to flash (docs/storage.md), read with other eyes than the board's. */
import { decode } from "cborg";
import type { FlashEntry } from "../../host-sim/flash.js";
import { crc32 } from "../../lib/crc32.js";
import { readingsIn } from "./readings.js";

export interface Spilled {
  /** The numbers of readings. */
  readonly ids: readonly number[];
  /** What flash says was dropped, and lost, when it was last written to. */
  readonly dropped: number;
  readonly gap: number;
}

const headBytes = 12;
const crcAt = 8;

type Parts = readonly [
  ...(readonly [number: number, first: number, from: number, end: number, dropped: number, gap: number]),
  clockMs: number,
  readings: readonly (readonly [sequence: number, topic: number, content: Uint8Array])[],
  messages: readonly (readonly [...(readonly number[]), plaintext: Uint8Array])[],
];

export function spilledIn(flash: readonly FlashEntry[]): Spilled {
  const ids: number[] = [];
  let dropped = 0;
  let gap = 0;
  for (const { key, value } of flash) {
    if (!(value instanceof Uint8Array)) continue;
    const noted = key === "losses" ? notedIn(value) : undefined;
    dropped = Math.max(dropped, noted?.dropped ?? 0);
    gap = Math.max(gap, noted?.gap ?? 0);
    if (!key.startsWith("spill-")) continue;
    const parts = partsOf(value);
    if (!parts) continue;
    dropped = Math.max(dropped, parts[4]);
    gap = Math.max(gap, parts[5]);
    for (const [, , content] of parts[7]) ids.push(...idsIn(content));
    for (const message of parts[8])
      ids.push(...readingsIn(message[5] as unknown as Uint8Array).readings.map(({ id }) => id));
  }
  return { ids, dropped, gap };
}

/** Of readings lost, where no segment says it. */
function notedIn(entry: Uint8Array): { readonly dropped: number; readonly gap: number } | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  if (entry.length !== 22 || view.getUint32(18) !== crc32(entry, 0, 18)) return undefined;
  return { dropped: view.getUint32(10), gap: view.getUint32(14) };
}

/** @returns undefined for what is damaged */
function partsOf(entry: Uint8Array): Parts | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  if (entry.length < headBytes || view.getUint16(0) !== 0x5350) return undefined;
  if (view.getUint32(crcAt) !== crc32(entry, headBytes, entry.length, crc32(entry, 0, crcAt)))
    return undefined;
  return decode(entry.subarray(headBytes)) as Parts;
}

/** dCBOR([timeMs, [[name, unit, value] …]]). */
function idsIn(content: Uint8Array): number[] {
  const [, measurements] = decode(content) as [number, [string, string | null, number][]];
  return measurements.filter(([name]) => name === "id").map(([, , id]) => id);
}
