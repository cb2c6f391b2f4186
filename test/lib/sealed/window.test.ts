import { thaw } from "../../../lib/sealed/frozen.js";
import { deriveStampKey, type StampKey } from "../../../lib/sealed/keys.js";
import type { Verified } from "../../../lib/sealed/opened.js";
import { openStamp, stamp } from "../../../lib/sealed/stamp.js";
import {
  decodeWindow,
  emptyWindow,
  encodeWindow,
  isWindowSize,
  judge,
  type ReplayWindow,
  type Verdict,
} from "../../../lib/sealed/window.js";
import { equal, ok, type Platform, test, throws } from "../../device/harness.js";

function newKey({ crypto }: Platform): StampKey {
  const secret = crypto.importSecret(new Uint8Array(32).fill(7));
  const channel = { sender: { id: "d", epoch: 1 }, direction: "up", topic: "t" } as const;
  const key = deriveStampKey(crypto, secret, channel);
  secret.close();
  return key;
}

function message({ crypto }: Platform, key: StampKey, counter: number, text = 0): Verified {
  const sent = stamp(crypto, key, thaw({ counter, plaintext: Uint8Array.of(text) }));
  const check = openStamp(crypto, key, sent);
  if (check.verdict !== "verified") throw new Error("a bad stamp in the test");
  return check.message;
}

type Arrival = [counter: number, verdict: Verdict, text?: number];

function arrive(platform: Platform, size: number, arrivals: readonly Arrival[]): ReplayWindow {
  const key = newKey(platform);
  let window = emptyWindow(size);
  for (const [counter, expected, text] of arrivals) {
    const judged = judge(window, message(platform, key, counter, text));
    equal(judged.verdict, expected, `counter ${counter}`);
    ok(judged.verdict === "fresh" || judged.window === window, "only a fresh message moves the window");
    window = judged.window;
  }
  key.key.close();
  return window;
}

test("a counter is fresh once, in any order within the window", (platform) => {
  arrive(platform, 64, [
    [5, "fresh"],
    [5, "duplicate"],
    [3, "fresh"],
    [4, "fresh"],
    [3, "duplicate"],
    [0, "fresh"],
    [68, "fresh"],
    [5, "duplicate"],
    [4, "stale"],
    [6, "fresh"],
    [1000, "fresh"],
    [937, "fresh"],
    [936, "stale"],
    [1000, "duplicate"],
  ]);
});

test("one counter with two plaintexts is a conflict, and the first one stays", (platform) => {
  arrive(platform, 64, [
    [9, "fresh", 1],
    [9, "conflict", 2],
    [9, "duplicate", 1],
    [9, "conflict", 2],
  ]);
});

test("slots are forgotten when the window moves over them", (platform) => {
  arrive(platform, 8, [
    [0, "fresh"],
    [7, "fresh"],
    [8, "fresh"],
    [15, "fresh"],
    [9, "fresh"],
    [14, "fresh"],
    [8, "duplicate"],
    [7, "stale"],
    [23, "fresh"],
    [16, "fresh"],
    [15, "stale"],
    [31, "fresh"],
    [24, "fresh"],
    [23, "stale"],
  ]);
});

test("up to 2^40 - 1", (platform) => {
  arrive(platform, 64, [
    [2 ** 40 - 64, "fresh"],
    [2 ** 40 - 1, "fresh"],
    [2 ** 40 - 64, "duplicate"],
    [2 ** 40 - 65, "stale"],
    [0, "stale"],
  ]);
});

test("agrees with a set that forgets nothing", (platform) => {
  const key = newKey(platform);
  const made = Array.from({ length: 24 }, (_, counter) => message(platform, key, counter));
  let window = emptyWindow(8);
  const seen = new Set<number>();
  let highest = -1;
  let random = 1;
  for (let i = 0; i < 400; i++) {
    random = (random * 48271) % 0x7fffffff;
    const counter = Math.min(23, Math.floor(i / 24) + (random % 12));
    const judged = judge(window, made[counter]!);
    const expected = counter <= highest - 8 ? "stale" : seen.has(counter) ? "duplicate" : "fresh";
    equal(judged.verdict, expected, `arrival ${i}, counter ${counter}`);
    if (expected === "fresh") seen.add(counter);
    highest = Math.max(highest, counter);
    window = judged.window;
  }
  key.key.close();
});

test("a window survives its store; anything else is refused", (platform) => {
  const window = arrive(platform, 64, [
    [3, "fresh"],
    [70, "fresh"],
  ]);
  const data = encodeWindow(window);
  equal(decodeWindow(data), window);
  equal(decodeWindow(encodeWindow(emptyWindow(8))), emptyWindow(8));
  for (let length = 0; length < data.length; length += 7)
    equal(decodeWindow(data.subarray(0, length)), undefined);
  equal(decodeWindow(encodeWindow({ ...window, size: 72 })), undefined);
  equal(decodeWindow(encodeWindow({ ...window, highest: -2 })), undefined);
  equal(decodeWindow(encodeWindow({ ...window, highest: 2 ** 40 })), undefined);
  equal(decodeWindow(encodeWindow({ ...window, tags: new Uint8Array(511) })), undefined);
});

test("its size is a multiple of 8 from 8 to 4096", () => {
  emptyWindow(8);
  // Not made here: with noble loaded a small board has no room for the largest, which is for hosts.
  ok(isWindowSize(4096), "the largest");
  for (const size of [0, 4, 12.5, 63, 4104, -8, Number.NaN]) throws(() => emptyWindow(size), RangeError);
});
