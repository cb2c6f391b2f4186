/** Packets as large as the default limit, filled with the smallest things there are: they must fit a board. */
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import { equal, ok, test } from "../../../device/harness.js";

const limit = 1024;

/** A packet of exactly `limit` bytes: what comes before, `unit` as often as it fits, and filler for the rest. */
function filled(before: readonly number[], unit: readonly number[]): { packet: Uint8Array; count: number } {
  const packet = new Uint8Array(limit);
  packet.set(before);
  const count = Math.floor((limit - before.length) / unit.length);
  for (let i = 0; i < count; i++) packet.set(unit, before.length + i * unit.length);
  return { packet, count };
}

/** A length of two bytes. */
function length(value: number): number[] {
  return [(value & 0x7f) | 0x80, value >> 7];
}

test("200 user properties", () => {
  const head = [0x30, ...length(limit - 3), 0, 1, 0x74];
  const { packet, count } = filled([...head, ...length(203 * 5)], [0x26, 0, 0, 0, 0]);
  const result = decode(packet, 5);
  ok("type" in result && result.type === "publish", JSON.stringify(result));
  equal(count, 203);
  equal(result.userProperties?.length, count);
});

test("500 subscription identifiers", () => {
  const head = [0x30, ...length(limit - 3), 0, 1, 0x74];
  const { packet, count } = filled([...head, ...length(508 * 2)], [0x0b, 1]);
  const result = decode(packet, 5);
  ok("type" in result && result.type === "publish", JSON.stringify(result));
  equal(count, 508);
  equal(result.subscriptionIdentifiers.length, count);
});

test("1,000 reason codes", () => {
  const { packet, count } = filled([0x90, ...length(limit - 3), 0, 1], [0x80]);
  const result = decode(packet, 4);
  ok("type" in result && result.type === "suback", JSON.stringify(result));
  equal(result.codes.length, count);
});
