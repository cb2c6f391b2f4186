/** Images of the NVS partition, read back by a reader that knows nothing of what wrote them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nvsImage } from "../../cli/nvs/image.js";
import { Prng } from "../../host-sim/world/prng.js";
import type { FlashEntry } from "../../lib/store/flash-entries.js";
import { readNvs } from "./nvs-reader.js";

const page = 4096;
const domain = "dormouse";
const string = (key: string, value: string): FlashEntry => ({ domain, key, type: "string", value });
const buffer = (key: string, value: Uint8Array): FlashEntry => ({ domain, key, type: "buffer", value });
const bytes = (length: number, seed = length) => Uint8Array.from({ length }, (_, n) => (n * 7 + seed) & 255);

/** What the reader finds, as the entries that were written. */
function entriesIn(image: Uint8Array): FlashEntry[] {
  return [...readNvs(image)].flatMap(([namespace, values]) =>
    [...values].map(([key, { type, value }]): FlashEntry => {
      assert.ok(type !== "u8");
      return type === "string"
        ? { domain: namespace as typeof domain, key, type, value: value as string }
        : { domain: namespace as typeof domain, key, type: "buffer", value: value as Uint8Array };
    }),
  );
}

function roundTrip(entries: readonly FlashEntry[], size = 6 * page): Uint8Array {
  const image = nvsImage(entries, size);
  assert.equal(image.length, size);
  assert.deepEqual(entriesIn(image), entries);
  return image;
}

const usual = [
  string("profile", `{"id":"${"ä".repeat(700)}"}`),
  buffer("record", bytes(52)),
  string("wifi-password", "correct horse"),
  buffer("ca", bytes(600)),
  buffer("tls-cert", bytes(1300)),
];

test("a board's entries are read back as they were written, in one namespace", () => {
  const image = roundTrip(usual);
  assert.deepEqual([...readNvs(image).keys()], [domain]);
  // Its first two pages are in use: the others are as erased.
  assert.ok(image.subarray(2 * page).every((byte) => byte === 0xff));
});

test("values of every length around an entry's and a page's end", () => {
  for (const length of [
    1, 31, 32, 33, 63, 64, 65, 3967, 3968, 3969, 3999, 4000, 4001, 4032, 7999, 8001, 12_000,
  ])
    roundTrip([buffer("b", bytes(length)), buffer("c", bytes(1))]);
  for (const length of [0, 1, 30, 31, 32, 3935, 3936, 3967, 3968, 3999])
    roundTrip([string("s", "x".repeat(length)), string("t", "")]);
  assert.throws(
    () => nvsImage([string("s", "x".repeat(4000))], 6 * page),
    /s: a string has at most 3999 bytes/,
  );
});

test("whatever stands before it, a value begins, continues or goes to the next page", () => {
  for (let before = 3000; before < 4100; before += 13)
    roundTrip([buffer("a", bytes(before)), string("s", "y".repeat(200)), buffer("b", bytes(900))]);
});

test("random lists of entries", () => {
  const random = new Prng(11);
  const upTo = (most: number) => random.next() % most;
  for (let run = 0; run < 60; run++) {
    const entries = Array.from({ length: 1 + upTo(12) }, (_, n) => {
      const length = 1 + upTo([40, 600, 3900][upTo(3)]!);
      return upTo(2) === 0 ? string(`k${n}`, "z".repeat(length)) : buffer(`k${n}`, bytes(length, upTo(256)));
    });
    roundTrip(entries, 16 * page);
  }
});

test("one page stays empty, or the image is refused", () => {
  const most = 2 * (125 * 32) - 64;
  for (const [size, pages] of [
    [most, 3],
    [most + 33, 4],
  ] as const) {
    roundTrip([buffer("b", bytes(size))], pages * page);
    if (pages > 3)
      assert.throws(
        () => nvsImage([buffer("b", bytes(size))], 3 * page),
        /do not fit into 12288 bytes of NVS/,
      );
  }
  for (const size of [0, page, 2 * page, 3 * page + 1, Number.NaN])
    assert.throws(() => nvsImage(usual, size), /multiple of 4096 bytes, and at least 12288/);
});

test("what NVS cannot hold is refused", () => {
  assert.throws(() => nvsImage([string("sixteen-letters!", "")], 3 * page), /names of 1 to 15/);
  assert.throws(() => nvsImage([string("", "")], 3 * page), /names of 1 to 15/);
  assert.throws(() => nvsImage([string("ä", "")], 3 * page), /names of 1 to 15/);
  roundTrip([string("fifteen-letters", "")], 3 * page);
  assert.throws(() => nvsImage([string("s", "a\0b")], 3 * page), /a string ends at its first NUL/);
  assert.throws(() => nvsImage([buffer("b", bytes(0))], 3 * page), /b: is empty/);
  assert.throws(() => nvsImage([buffer("b", bytes(1)), string("b", "")], 3 * page), /b: is there twice/);
});

test("no byte of an image can change without its reader seeing it", () => {
  const entries = [string("profile", "x".repeat(50)), buffer("record", bytes(52))];
  const image = nvsImage(entries, 3 * page);
  // The written ones each, of the others every hundredth.
  for (let at = 0; at < image.length; at += at < 64 + 9 * 32 ? 1 : 101)
    for (const flip of [1, 0x80]) {
      image[at]! ^= flip;
      assert.throws(() => readNvs(image), `byte ${at}`);
      image[at]! ^= flip;
    }
  readNvs(image);
});

test("each checksum is looked at: header, entry, string, blob, and a blob's index", () => {
  const image = nvsImage([string("s", "x".repeat(50)), buffer("b", bytes(52))], 3 * page);
  const seen = (at: number, why: RegExp) => {
    const damaged = image.slice();
    damaged[at]! ^= 2;
    assert.throws(() => readNvs(damaged), why);
  };
  const entry = (n: number) => 64 + 32 * n;
  seen(4, /^Error: page 0: the header's CRC$/); // the sequence number
  seen(28, /^Error: page 0: the header's CRC$/);
  seen(entry(0) + 24, /entry 0: the entry's CRC/); // the namespace's index
  seen(entry(1) + 8, /entry 1: the entry's CRC/); // a key
  seen(entry(1) + 4, /entry 1: the entry's CRC/);
  seen(entry(2), /entry 1: the data's CRC/);
  seen(entry(3) + 17, /entry 1: the data's CRC/); // its last byte, the zero
  seen(entry(5), /entry 4: the data's CRC/);
  seen(entry(7) + 24, /entry 7: the entry's CRC/); // the blob's size
});

test("pages are numbered as they were begun, and only the last of them takes more", () => {
  const image = nvsImage([buffer("b", bytes(9000))], 6 * page);
  const view = new DataView(image.buffer);
  const heads = [0, 1, 2, 3].map((n) => [view.getUint32(n * page, true), view.getUint32(n * page + 4, true)]);
  const [active, full, blank] = [0xffff_fffe, 0xffff_fffc, 0xffff_ffff];
  assert.deepEqual(heads, [
    [full, 0],
    [full, 1],
    [active, 2],
    [blank, blank],
  ]);
});
