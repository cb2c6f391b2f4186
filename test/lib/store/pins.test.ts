import { encode } from "../../../lib/cbor/encode.js";
import { crc32 } from "../../../lib/crc32.js";
import { decodePins, encodePins, type PinsRecord, rotatedPins } from "../../../lib/store/pins.js";
import { equal, test } from "../../device/harness.js";

function pin(letter: string): string {
  return `sha256/${letter.repeat(42)}A=`;
}

const [a, b, c, d] = ["a", "b", "c", "d"].map(pin) as [string, string, string, string];
const profile = [a, b];
const record: PinsRecord = { version: 3, pins: [a, b, c] };

test("pins are read back as they were written, and without an entry are the profile's", () => {
  equal(decodePins(encodePins(record), profile), record);
  equal(decodePins(undefined, profile), { version: 0, pins: profile });
  const most = { version: 1, pins: ["a", "b", "c", "d", "e", "f", "g", "h"].map(pin) };
  equal(decodePins(encodePins(most), profile), most);
});

test("an entry that is not intact is no pins, and not the profile's: one of those may have been taken away", () => {
  const data = encodePins(record);
  for (let length = 0; length < data.length; length++)
    equal(decodePins(data.subarray(0, length), profile), undefined, `${length} bytes`);
  for (let at = 0; at < data.length; at++) {
    const changed = data.slice();
    changed[at]! ^= 1;
    equal(decodePins(changed, profile), undefined, `byte ${at}`);
  }
  for (const content of [encode([3]), encode([3, [a]]), encode(["3", [a, b]]), encode([3, [a, "b"]])]) {
    const sealed = new Uint8Array(content.length + 4);
    sealed.set(content);
    new DataView(sealed.buffer).setUint32(content.length, crc32(content));
    equal(decodePins(sealed, profile), undefined);
  }
});

test("a pin that the connection has not shown is replaced in its place, under a higher version", () => {
  equal(rotatedPins({ version: 0, pins: profile }, { version: 1, old: a, next: c }, 0b10), {
    version: 1,
    pins: [c, b],
  });
  equal(rotatedPins(record, { version: 9, old: c, next: d }, 0b011), { version: 9, pins: [a, b, d] });
});

test("a rotation that could lock the device out, or is no rotation, is refused", () => {
  const refusals = [
    [{ version: 4, old: a, next: d }, 0b001],
    [{ version: 4, old: c, next: d }, 0b101],
    [{ version: 4, old: a, next: d }, 0],
    [{ version: 3, old: a, next: d }, 0b010],
    [{ version: 2, old: a, next: d }, 0b010],
    [{ version: 4, old: d, next: a }, 0b010],
    [{ version: 4, old: a, next: b }, 0b010],
    [{ version: 4, old: a, next: a }, 0b010],
    [{ version: 4, old: a, next: "sha256/short" }, 0b010],
    [{ version: 4, old: a, next: `sha256/${d.slice(6)}` }, 0b010],
  ] as const;
  for (const [rotation, matched] of refusals)
    equal(typeof rotatedPins(record, rotation, matched), "string", JSON.stringify([rotation, matched]));
  equal(
    typeof rotatedPins({ version: 0, pins: [] }, { version: 1, old: a, next: b }, 1),
    "string",
    "no pins",
  );
  equal(typeof rotatedPins(record, { version: 4, old: a, next: d }, 0b010), "object", "its neighbour is not");
});

test("why it is refused fits an answer", () => {
  const longest = rotatedPins(record, { version: 4, old: a, next: d }, 1);
  equal(typeof longest === "string" && longest.length <= 128, true);
});
