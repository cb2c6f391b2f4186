/**
 * SenML (RFC 8428): the records of a pack, as far as readings need them: base name, base time, base unit; name,
 * unit, time and one number, text or truth value. Sums, data values, base values and versions are refused.
 */
export interface SenmlRecord {
  /** Base name, prefixed to the names of this record and those after it. */
  readonly bn?: string;
  /** Base time in seconds, added to the times of this record and those after it. */
  readonly bt?: number;
  /** Base unit. */
  readonly bu?: string;
  readonly n?: string;
  readonly u?: string;
  readonly v?: number;
  readonly vs?: string;
  readonly vb?: boolean;
  /** Seconds; below 2^28, base time included, it is relative to now (RFC 8428 §4.5.3). */
  readonly t?: number;
}

export type SenmlLabel = keyof SenmlRecord;

/** The CBOR label of each JSON label (RFC 8428 §6, table 4), in the order of RFC 8428 §4. */
export const cborLabels: Readonly<Record<SenmlLabel, number>> = {
  bn: -2,
  bt: -3,
  bu: -4,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  t: 6,
};

const numeric: readonly string[] = ["bt", "v", "t"];

/**
 * Builds a record from labels and values that come from anywhere.
 * @throws RangeError for a label not above, a value of the wrong type, a number that is not finite, or a record
 *   without exactly one value (RFC 8428 §4.2).
 */
export function recordOf(entries: Iterable<readonly [label: string, value: unknown]>): SenmlRecord {
  const record: Record<string, unknown> = {};
  let values = 0;
  for (const [label, value] of entries) {
    if (!Object.hasOwn(cborLabels, label)) throw new RangeError("a SenML label not known here");
    const wanted = label === "vb" ? "boolean" : numeric.includes(label) ? "number" : "string";
    if (typeof value !== wanted || (wanted === "number" && !Number.isFinite(value)))
      throw new RangeError(`SenML ${label} is no finite ${wanted}`);
    if (label === "v" || label === "vs" || label === "vb") values++;
    record[label] = value;
  }
  if (values !== 1) throw new RangeError("a SenML record has exactly one value");
  return record;
}
