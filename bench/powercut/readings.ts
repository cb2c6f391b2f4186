/** What the campaign's messages say: SenML as CBOR (RFC 8428 §6), of which the ledger wants a few records only. */
import { decode } from "cborg";

export interface Told {
  readonly readings: readonly { readonly id: number; readonly sequence: number | undefined }[];
  /** As the message has it; undefined when it says nothing of it. */
  readonly dropped: number | undefined;
  readonly gap: number | undefined;
}

const labels = { baseName: -2, name: 0, value: 2 } as const;

export function readingsIn(payload: Uint8Array): Told {
  const records = decode(payload, { useMaps: true }) as readonly Map<number | string, unknown>[];
  const readings: { id: number; sequence: number | undefined }[] = [];
  const state = new Map<string, number>();
  let base = "";
  for (const record of records) {
    base = (record.get(labels.baseName) as string | undefined) ?? base;
    const name = (base + ((record.get(labels.name) as string | undefined) ?? "")).replace(/^.*:/, "");
    const value = record.get(labels.value);
    if (typeof value !== "number") continue;
    if (name === "id") readings.push({ id: value, sequence: record.get("seq") as number | undefined });
    else state.set(name, value);
  }
  return { readings, dropped: state.get("state.dropped"), gap: state.get("state.gap") };
}
