import { utf8Decode, utf8Encode, utf8Length } from "../../../lib/cbor/utf8.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";

const samples: [text: string, hex: string][] = [
  ["", ""],
  ["a\u007f", "617f"],
  ["\u0080\u07ff", "c280dfbf"],
  ["\u0800\uffff", "e0a080efbfbf"],
  ["\ud7ff\ue000", "ed9fbfee8080"],
  ["\u{10000}\u{10ffff}", "f0908080f48fbfbf"],
  ["küche/💤/x", "6bc3bc6368652ff09f92a42f78"],
  ["a\u0000b", "610062"],
  ["sixteen and more characters, so that blocks join", ""],
];

test("text and its UTF-8 give each other", () => {
  for (const [text, hex] of samples) {
    const encoded = utf8Encode(text);
    if (hex !== "") bytes(encoded, hex, text);
    equal(utf8Length(text), encoded.length);
    equal(utf8Decode(encoded), text);
  }
});

test("decoding reads a view, not the buffer under it", () => {
  equal(utf8Decode(utf8Encode("xxhelloxx").subarray(2, 7)), "hello");
});

test("a lone surrogate has no UTF-8", () => {
  for (const text of ["\ud800", "a\ud83d", "\ude00", "\ude00\ud83d", "\ud800\ud800\udc00", "\ud83dx"])
    throws(() => utf8Encode(text), RangeError, /lone surrogate/);
  bytes(utf8Encode("\ud83d\ude00"), "f09f9880");
});

test("malformed UTF-8 is refused, its well-formed neighbour accepted", () => {
  const pairs: [bad: string, good: string][] = [
    ["80", "7f"],
    ["c1bf", "c2bf"],
    ["c0af", "c3af"],
    ["c2", "c280"],
    ["c27f", "c2bf"],
    ["e09fbf", "e0a0bf"],
    ["eda080", "ed9f80"],
    ["edbfbf", "eebfbf"],
    ["e282", "e282ac"],
    ["f08fbfbf", "f090bfbf"],
    ["f4908080", "f48f8080"],
    ["f5808080", "f3808080"],
    ["f09f92", "f09f92a4"],
    ["ff", "7e"],
    ["61ff", "617e"],
  ];
  for (const [bad, good] of pairs) {
    throws(() => utf8Decode(fromHex(bad)), RangeError, /not UTF-8/);
    bytes(utf8Encode(utf8Decode(fromHex(good))), good);
  }
});
