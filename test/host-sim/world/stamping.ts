/** Makes stamps for the receiver's tests, with nothing but node:crypto and cborg, and free to make wrong ones. */
import { createHmac } from "node:crypto";
import {
  type Sender,
  type StampAlgorithm,
  senderKid,
  stampKey,
} from "../../../host-sim/world/stamp-verifier.js";
import { encodeDeterministic } from "../../../host-sim/world/strict-cbor.js";

export const sender: Sender = { id: "dormouse-1", epoch: 1, secret: new Uint8Array(32).map((_, n) => n) };
export const topic = "sensors/dormouse-1/readings";

/** SenML: one record, base name urn:dev:ops:dormouse-1/, 21.5 Cel. */
export function senml(value: number): Uint8Array {
  return encodeDeterministic([
    new Map<number, unknown>([
      [-2, "urn:dev:ops:dormouse-1/"],
      [0, "temperature"],
      [1, "Cel"],
      [2, value],
    ]),
  ]);
}

function counterBytes(counter: number): Uint8Array {
  const digits = counter.toString(16);
  return Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
}

export interface StampParts {
  readonly by?: Sender;
  readonly to?: string;
  readonly counter: number;
  readonly payload: Uint8Array;
}

export function stamp({ by = sender, to = topic, counter, payload }: StampParts): Uint8Array {
  const algorithm: StampAlgorithm = by.algorithm ?? 5;
  const header = encodeDeterministic(
    new Map<number, unknown>([
      [1, algorithm],
      [4, senderKid(by)],
      [6, counterBytes(counter)],
    ]),
  );
  const structure = encodeDeterministic(["MAC0", header, Buffer.from(to), payload]);
  const mac = createHmac("sha256", stampKey(by, algorithm, to))
    .update(structure)
    .digest();
  const tag = mac.subarray(0, algorithm === 5 ? 32 : 8);
  return Buffer.concat([Buffer.of(0xd1), encodeDeterministic([header, new Map(), payload, tag])]);
}
