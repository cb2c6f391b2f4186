import { thaw } from "../../../lib/sealed/frozen.js";
import { decodeSegment, encodeSegment, type Segment } from "../../../lib/store/spill-segment.js";
import { equal, fromHex, ok, test } from "../../device/harness.js";

const secretId = fromHex("a1b2c3d4");
const trust = { secretId, reservedEnd: 2048 };
const segment: Segment = {
  number: 7,
  first: 5,
  from: 65_536,
  end: 65_560,
  dropped: 3,
  gap: 17,
  clockMs: 1_800_000_000_000,
  messages: [
    thaw({ counter: 1030, topic: 0, firstSequence: 65_536, readings: 2, plaintext: fromHex("0102") }),
    thaw({
      counter: 1031,
      topic: 0,
      firstSequence: 65_540,
      readings: 3,
      plaintext: fromHex("5b5d"),
      contentType: 110,
    }),
  ],
  readings: [
    { sequence: 65_543, topic: 0, content: fromHex("aa") },
    { sequence: 65_559, topic: 0, content: fromHex("bbcc") },
  ],
};

test("a segment comes back as it was written, an empty one too", () => {
  for (const one of [segment, { ...segment, readings: [], messages: [] }])
    equal(decodeSegment(encodeSegment(one, secretId), trust), one);
});

test("a segment that is cut short, or has a bit flipped anywhere, is none", () => {
  const data = encodeSegment(segment, secretId);
  for (let length = 0; length < data.length; length++)
    equal(decodeSegment(data.subarray(0, length), trust), undefined, `cut to ${length}`);
  for (let i = 0; i < data.length; i++)
    for (const bit of [0, 7]) {
      data[i]! ^= 1 << bit;
      equal(decodeSegment(data, trust), undefined, `flip at ${i}`);
      data[i]! ^= 1 << bit;
    }
  ok(decodeSegment(data, trust), "the untouched one is read");
  equal(decodeSegment(undefined, trust), undefined);
});

test("a segment of another secret is none, one of the secret before is", () => {
  const data = encodeSegment(segment, secretId);
  const other = fromHex("00000001");
  equal(decodeSegment(data, { ...trust, secretId: other }), undefined);
  equal(decodeSegment(data, { ...trust, secretId: other, formerId: secretId }), segment);
});

test("a segment that cannot be is none: out of order, out of its bounds, or beyond the reservation", () => {
  const [first, second] = segment.messages;
  const [one, two] = segment.readings;
  const bad: Partial<Segment>[] = [
    { from: 65_561 },
    { first: 8 },
    { from: 65_537 },
    { end: 65_559 },
    { readings: [two!, one!] },
    { readings: [one!, one!] },
    { messages: [second!, first!] },
    { messages: [first!, { ...second!, firstSequence: 65_537 }] },
    { messages: [first!, { ...second!, readings: 4 }] },
    { messages: [first!, { ...second!, readings: 0 }] },
    { messages: [{ ...first!, counter: 2048 }] },
  ];
  for (const change of bad)
    equal(decodeSegment(encodeSegment({ ...segment, ...change }, secretId), trust), undefined);
});
