/**
 * What a sensor returns, how a reading waits in the outbox, and how waiting readings become one SenML pack.
 * A reading waits as dCBOR([timeMs, [[name, unit, value] …]]). Times below 2^28 s count from power-on, as
 * SenML counts them from now (RFC 8428 §4.5.3): the device did not know the time when it measured.
 */
import { decode } from "../cbor/decode.js";
import { encode } from "../cbor/encode.js";
import { CborFloat, type CborValue } from "../cbor/value.js";
import { isName } from "./name.js";
import { PackWriter } from "./pack-writer.js";
import type { SenmlRecord } from "./record.js";

export interface Measurement {
  /** Letters, digits and -:./_ (RFC 8428 §4.5.1). */
  readonly name: string;
  /** A unit of RFC 8428 §12.1, e.g. "Cel", "%RH". */
  readonly unit?: string;
  readonly value: number | string | boolean;
}

export interface DatedReading {
  readonly timeMs: number;
  readonly measurements: readonly Measurement[];
}

/** Times from here on are since 1970. */
export const absoluteTimeMs = 2 ** 28 * 1000;

/** @throws RangeError for a name that SenML does not allow (RFC 8428 §4.5.1), or a number that is not finite */
export function encodeReading({ timeMs, measurements }: DatedReading): Uint8Array {
  for (const { name, value } of measurements) {
    if (!isName(name)) throw new RangeError(`"${name}" is no name: letters, digits and -:./_ only`);
    if (typeof value === "number" && !Number.isFinite(value)) throw new RangeError(`${name} is not finite`);
  }
  return encode([timeMs, measurements.map(({ name, unit, value }) => [name, unit ?? null, value])]);
}

/** @throws RangeError when `content` is not what `encodeReading` made */
export function decodeReading(content: Uint8Array): DatedReading {
  const [timeMs, list, ...rest] = arrayOf(decode(content));
  if (typeof timeMs !== "number" || rest.length > 0) throw new RangeError("not a reading");
  return { timeMs, measurements: arrayOf(list).map(measurementOf) };
}

/** The reading with the time that `date` makes of its own: what the clock showed is now known to have been another. */
export function dateReading(content: Uint8Array, date: (timeMs: number) => number): Uint8Array {
  const { timeMs, measurements } = decodeReading(content);
  const dated = date(timeMs);
  return dated === timeMs ? content : encodeReading({ timeMs: dated, measurements });
}

/** What a pack has besides its readings. */
export interface Packing {
  /** Prefixed to each name, e.g. "dormouse-1:". */
  readonly baseName: string;
  readonly format: "cbor" | "json";
  /** What the device says of itself, as it is when the pack is made. */
  readonly state: readonly Measurement[];
}

/** In CBOR the label and a number of five bytes. */
const sequenceBytes = 9;

/**
 * One SenML pack of these readings, each with its own time to the second, and of the device's state behind them.
 * @param nowMs the device's clock; readings it took before it knew the time become relative to it
 */
export function packReadings(
  { baseName, format, state }: Packing,
  readings: readonly { readonly sequence: number; readonly content: Uint8Array }[],
  nowMs: number,
): Uint8Array {
  const expected = readings.reduce((sum, { content }) => sum + content.length + sequenceBytes, 0);
  const pack = new PackWriter(
    format,
    format === "json" ? 2 * expected + 128 : expected + (expected >> 2) + 64,
  );
  let baseTime: number | undefined;
  const add = ({ timeMs, measurements }: DatedReading, sequence?: number) => {
    const seconds = Math.floor((timeMs < absoluteTimeMs ? timeMs - nowMs : timeMs) / 1000);
    let seq = sequence;
    for (const { name, unit, value } of measurements) {
      const first = baseTime === undefined;
      baseTime ??= seconds;
      pack.add({
        ...(first && { bn: baseName, bt: baseTime }),
        n: name,
        ...(unit !== undefined && { u: unit }),
        ...senmlValue(value),
        ...(seconds !== baseTime && { t: seconds - baseTime }),
        ...(seq !== undefined && { seq }),
      });
      seq = undefined;
    }
  };
  for (const { sequence, content } of readings) add(decodeReading(content), sequence);
  add({ timeMs: nowMs, measurements: state });
  return pack.finish();
}

function senmlValue(value: Measurement["value"]): Pick<SenmlRecord, "v" | "vs" | "vb"> {
  if (typeof value === "number") return { v: value };
  return typeof value === "string" ? { vs: value } : { vb: value };
}

function measurementOf(item: CborValue): Measurement {
  const [name, unit, raw] = arrayOf(item);
  const value = raw instanceof CborFloat ? raw.value : raw;
  if (typeof name !== "string") throw new RangeError("a measurement without a name");
  if (typeof value !== "number" && typeof value !== "string" && typeof value !== "boolean")
    throw new RangeError("a measurement without a value");
  return { name, ...(typeof unit === "string" && { unit }), value };
}

function arrayOf(value: CborValue | undefined): readonly CborValue[] {
  if (!Array.isArray(value)) throw new RangeError("not a reading");
  return value;
}
