/**
 * What one wake leaves to the next about sending: dCBOR([wakesSinceSend, failures, holdMs, alarms, trialFailures]).
 * Lost with RTC memory, and no harm done: the next wake sends.
 */
import { encode } from "../cbor/encode.js";
import { decodeArray, isCount } from "./section.js";

export interface CycleMemory {
  /** Wakes since the last one that sent all there was. */
  readonly wakesSinceSend: number;
  /** Wakes in a row that tried to send and could not. */
  readonly failures: number;
  /** How long the next try is still to wait. */
  readonly holdMs: number;
  /** One bit for each alarm of the profile, the first lowest: its threshold is passed. */
  readonly alarms: number;
  /** Wakes in a row that could not send under settings that are on trial. */
  readonly trialFailures: number;
}

const mostAlarms = 0xffff_ffff;

/** @throws RangeError for a value that cannot be kept. */
export function encodeCycle(cycle: CycleMemory): Uint8Array {
  const { wakesSinceSend, failures, holdMs, alarms, trialFailures } = cycle;
  const values = [wakesSinceSend, failures, holdMs, alarms, trialFailures];
  if (!values.every((value) => isCount(value)) || alarms > mostAlarms)
    throw new RangeError("the cycle's state is out of range");
  return encode(values);
}

/** Undefined when it cannot be read. */
export function decodeCycle(data: Uint8Array | undefined): CycleMemory | undefined {
  const parts = decodeArray(data, 5);
  if (!parts) return undefined;
  const [wakesSinceSend, failures, holdMs, alarms, trialFailures] = parts;
  if (!isCount(wakesSinceSend) || !isCount(failures) || !isCount(holdMs)) return undefined;
  if (!isCount(alarms, mostAlarms) || !isCount(trialFailures)) return undefined;
  return { wakesSinceSend, failures, holdMs, alarms, trialFailures };
}
