/**
 * Reads a SenML pack (RFC 8428), CBOR or JSON, into resolved measurements (§4.6): base fields are worked into
 * each record. Fields this version does not know are ignored, unless their name ends in "_" (§4.4).
 */
import { decodeStrict } from "./strict-cbor.js";

export interface Measurement {
  /** Base name and name. */
  readonly name: string;
  readonly unit?: string;
  /** null: there is only a sum. */
  readonly value: number | string | boolean | Uint8Array | null;
  /** The value integrated over time. */
  readonly sum?: number;
  /** Seconds since 1970, or, below 2^28, relative to the reception (§4.5.3); absent: now. */
  readonly time?: number;
  /** Seconds until the next measurement, at most. */
  readonly updateTime?: number;
}

/** The version of RFC 8428, and of a pack that names none (§4.4). */
const ownVersion = 10;

/** CBOR labels of §6, table 4, by their JSON names. */
const labels: ReadonlyMap<unknown, string> = new Map([
  [-1, "bver"],
  [-2, "bn"],
  [-3, "bt"],
  [-4, "bu"],
  [-5, "bv"],
  [-6, "bs"],
  [0, "n"],
  [1, "u"],
  [2, "v"],
  [3, "vs"],
  [4, "vb"],
  [5, "s"],
  [6, "t"],
  [7, "ut"],
  [8, "vd"],
]);

/** COSE content type of SenML in JSON (CoAP content format 110). */
const senmlJson = 110;

class SenmlRecord {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(fields: ReadonlyMap<string, unknown>) {
    this.#fields = fields;
    for (const name of fields.keys())
      if (name.endsWith("_")) throw new RangeError(`SenML field ${name} must be understood`);
  }

  text(name: string): string | undefined {
    const value = this.#fields.get(name);
    if (value === undefined || typeof value === "string") return value;
    throw new RangeError(`SenML field ${name} is no text`);
  }

  number(name: string): number | undefined {
    const value = this.#fields.get(name);
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    throw new RangeError(`SenML field ${name} is no finite number`);
  }

  /** Bytes, which JSON writes in base64url without padding (§5). */
  data(name: string): Uint8Array | undefined {
    const value = this.#fields.get(name);
    if (value === undefined || value instanceof Uint8Array) return value;
    const data = typeof value === "string" ? Buffer.from(value, "base64url") : undefined;
    if (data?.toString("base64url") === value) return new Uint8Array(data!);
    throw new RangeError(`SenML field ${name} is no data`);
  }

  flag(name: string): boolean | undefined {
    const value = this.#fields.get(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw new RangeError(`SenML field ${name} is no boolean`);
  }
}

function fromCbor(payload: Uint8Array): SenmlRecord[] {
  const pack = decodeStrict(payload);
  if (!Array.isArray(pack)) throw new RangeError("SenML is no array");
  return pack.map((record: unknown) => {
    if (!(record instanceof Map)) throw new RangeError("a SenML record is no map");
    return new SenmlRecord(
      new Map([...record].map(([label, value]) => [labels.get(label) ?? String(label), value])),
    );
  });
}

function fromJson(payload: Uint8Array): SenmlRecord[] {
  const pack: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  if (!Array.isArray(pack)) throw new RangeError("SenML is no array");
  return pack.map((record: unknown) => {
    if (typeof record !== "object" || record === null || Array.isArray(record))
      throw new RangeError("a SenML record is no object");
    return new SenmlRecord(new Map(Object.entries(record)));
  });
}

interface Base {
  name: string;
  time: number | undefined;
  unit: string | undefined;
  value: number | undefined;
  sum: number | undefined;
  version: number | undefined;
}

/** A base counts from its record on, for the records after it too. */
function applyBase(record: SenmlRecord, base: Base): void {
  base.name = record.text("bn") ?? base.name;
  base.time = record.number("bt") ?? base.time;
  base.unit = record.text("bu") ?? base.unit;
  base.value = record.number("bv") ?? base.value;
  base.sum = record.number("bs") ?? base.sum;
  checkVersion(record, base);
}

/** What a later version means is not known; and a pack is of one version. */
function checkVersion(record: SenmlRecord, base: Base): void {
  const version = record.number("bver");
  if (version !== undefined && (!Number.isInteger(version) || version < 1 || version > ownVersion))
    throw new RangeError("a SenML version that is not known");
  base.version ??= version ?? ownVersion;
  if (version !== undefined && version !== base.version)
    throw new RangeError("a SenML pack of several versions");
}

/** A base and an offset, either of which may be absent. */
function sum(base: number | undefined, offset: number | undefined): number | undefined {
  return base === undefined && offset === undefined ? undefined : (base ?? 0) + (offset ?? 0);
}

/** @returns null for a record that holds base fields only */
function resolve(record: SenmlRecord, base: Base): Measurement | null {
  applyBase(record, base);
  const text = record.text("vs");
  const flag = record.flag("vb");
  const data = record.data("vd");
  const number = record.number("v");
  if ([text, flag, data, number].filter((given) => given !== undefined).length > 1)
    throw new RangeError("a SenML record with two values");
  // A base value belongs to numbers alone.
  const value = text ?? flag ?? data ?? sum(base.value, number);
  const ownSum = record.number("s");
  if (value === undefined && ownSum === undefined) return null;
  const name = base.name + (record.text("n") ?? "");
  if (!/^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/.test(name))
    throw new RangeError("a SenML name has other characters (§4.5.1)");
  const time = sum(base.time, record.number("t"));
  const unit = record.text("u") ?? base.unit;
  const total = sum(base.sum, ownSum);
  const updateTime = record.number("ut");
  return {
    name,
    ...(unit === undefined ? {} : { unit }),
    value: value ?? null,
    ...(total === undefined ? {} : { sum: total }),
    ...(time === undefined ? {} : { time }),
    ...(updateTime === undefined ? {} : { updateTime }),
  };
}

/**
 * @param contentType COSE's: null means CBOR
 * @throws {Error} when the payload is not SenML, or holds no measurement
 */
export function readSenml(payload: Uint8Array, contentType: number | null): Measurement[] {
  const base: Base = {
    name: "",
    time: undefined,
    unit: undefined,
    value: undefined,
    sum: undefined,
    version: undefined,
  };
  const records = contentType === senmlJson ? fromJson(payload) : fromCbor(payload);
  const measurements = records.map((record) => resolve(record, base)).filter((found) => found !== null);
  if (measurements.length === 0) throw new RangeError("SenML without a measurement");
  return measurements;
}
