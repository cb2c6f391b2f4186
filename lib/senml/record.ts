/**
 * The records of a SenML pack (RFC 8428), with all labels of its version. What a device writes needs few of them; what a
 * receiver reads may have any, and more: a label that is not known is passed over, unless its name ends in "_", which
 * says that it must be understood (§4.4).
 */
export interface SenmlRecord {
  /** Base version: of the whole pack, `senmlVersion` unless said. */
  readonly bver?: number;
  /** Base name, prefixed to the names of this record and those after it. */
  readonly bn?: string;
  /** Base time in seconds, added to the times of this record and those after it. */
  readonly bt?: number;
  /** Base unit. */
  readonly bu?: string;
  /** Base value, added to numbers. */
  readonly bv?: number;
  /** Base sum, added to sums. */
  readonly bs?: number;
  readonly n?: string;
  readonly u?: string;
  readonly v?: number;
  readonly vs?: string;
  readonly vb?: boolean;
  /** Bytes: in JSON they are base64url. */
  readonly vd?: Uint8Array;
  /** The integral of the value over time. */
  readonly s?: number;
  /** Seconds; below 2^28, base time included, it is relative to now (RFC 8428 §4.5.3). */
  readonly t?: number;
  /** Seconds until the next measurement, at most. */
  readonly ut?: number;
  /**
   * Not of RFC 8428, whose receivers pass over what they do not know (§4.4): which of its device's readings this is, the
   * first of its records.
   */
  readonly seq?: number;
}

export type SenmlLabel = keyof SenmlRecord;

/** The version of RFC 8428. A larger one may mean anything (§4.4). */
export const senmlVersion = 10;

/** The CBOR label of each JSON label (RFC 8428 §6, table 4), in the order of RFC 8428 §4; what is not there is a text. */
export const cborLabels: Readonly<Record<SenmlLabel, number | "seq">> = Object.freeze({
  bver: -1,
  bn: -2,
  bt: -3,
  bu: -4,
  bv: -5,
  bs: -6,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  vd: 8,
  s: 5,
  t: 6,
  ut: 7,
  seq: "seq",
});

const texts: readonly string[] = Object.freeze(["bn", "bu", "n", "u", "vs"]);
const values: readonly string[] = Object.freeze(["v", "vs", "vb", "vd"]);

/**
 * Builds a record from labels and values that come from anywhere.
 * @throws RangeError for an unknown label that must be understood, and as checkRecord
 */
export function recordOf(entries: Iterable<readonly [label: string, value: unknown]>): SenmlRecord {
  const record: Record<string, unknown> = {};
  for (const [label, value] of entries)
    if (label === "seq" && !isSequence(value)) continue;
    else if (Object.hasOwn(cborLabels, label)) record[label] = value;
    else if (label.endsWith("_"))
      throw new RangeError("a SenML label that must be understood, and is not known here");
  checkRecord(record);
  return record;
}

/** What others mean by the label is nothing to us. */
function isSequence(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * @throws RangeError for a label that is not known, a value of the wrong type, a number that is not finite, a version
 *   above RFC 8428's, or a record with two values, or with none where there should be one (§4.2)
 */
export function checkRecord(record: SenmlRecord): void {
  let found = 0;
  let needsValue = false;
  for (const label of Object.keys(record)) {
    if (!Object.hasOwn(cborLabels, label)) throw new RangeError("a SenML label not known here");
    checkType(label, record[label as SenmlLabel]);
    if (values.includes(label)) found++;
    if (label[0] !== "b") needsValue = true;
  }
  if (found > 1) throw new RangeError("a SenML record has one value");
  if (needsValue && found === 0 && record.s === undefined)
    throw new RangeError("a SenML record without a value");
}

function checkType(label: string, value: unknown): void {
  let right: boolean;
  if (texts.includes(label)) right = typeof value === "string";
  else if (label === "vb") right = typeof value === "boolean";
  else if (label === "vd") right = value instanceof Uint8Array;
  else if (label === "seq") right = isSequence(value);
  else right = Number.isFinite(value);
  if (!right) throw new RangeError(`SenML ${label} is of the wrong type, or not finite`);
  if (
    label === "bver" &&
    (!Number.isInteger(value) || (value as number) < 1 || (value as number) > senmlVersion)
  )
    throw new RangeError("a SenML version not known here");
}
