/** `embedded:storage/key-value` as an ESP32's NVS: types, limits, what survives; and its file against host-sim/flash. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { decodeFlash, encodeFlash, type FlashEntry } from "../../../host-sim/flash.js";
import { Board } from "./board.js";

const factory: FlashEntry[] = [{ domain: "factory", key: "name", type: "string", value: "mouse" }];

for (const variant of ["release", "sanitize"] as const)
  test(`the rules of the store, and what the next boot finds (${variant})`, async () => {
    const board = new Board(
      await engineFile(variant),
      "key-value",
      { flashBytes: 1024 },
      encodeFlash(factory),
    );
    const first = await board.boot();
    assert.equal(first.end.reason, "sleep", first.end.detail);
    assert.deepEqual(first.traces, [
      "missing: undefined",
      "buffer: undefined",
      "part of a buffer: undefined",
      "empty: undefined",
      "into: 3 1,2,3,0",
      "too small: RangeError buffer too small",
      "no buffer: TypeError",
      "long key: Error ESP_ERR_NVS_KEY_TOO_LONG",
      "longest key: undefined",
      "empty key: Error invalid",
      "long path: Error ESP_ERR_NVS_KEY_TOO_LONG",
      "format: RangeError unsupported",
      "mode: Error invalid mode",
      "full: Error flash full",
      "after full: [1,2,3]",
      "string: größer 🐭",
      "uint8: 255",
      "int8: -128",
      "uint16: 65535",
      "int16: -32768",
      "uint32: 4294967295",
      "int32: -2147483648",
      "uint64: 18446744073709551615n",
      "int64: -9223372036854775807n",
      "mismatch: TypeError mismatch",
      "read-only: Error read-only",
      "read-only read: [8,7]",
      "other format: undefined",
      "other format read: 5",
      "delete nothing: undefined",
      "keys: bytes,fifteen-bytes-k,part",
      "closed: Error closed",
    ]);
    assert.equal(first.end.flashWrites, 15);
    assert.equal(statSync(board.flash).mode & 0o777, 0o600);

    const { traces, end } = await board.boot("deep-sleep");
    assert.deepEqual(traces, [
      "keys: bytes,fifteen-bytes-k,part",
      "types: int16,int32,int64,int8,string,uint16,uint32,uint64,uint8",
      "bytes: [1,2,3]",
      "factory: mouse",
    ]);
    assert.equal(end.flashWrites, 0);

    const file = new Uint8Array(readFileSync(board.flash));
    const entries = decodeFlash(file);
    assert.deepEqual(
      entries.find(({ key }) => key === "int64"),
      { domain: "types", key: "int64", type: "int64", value: 1n - 2n ** 63n },
    );
    assert.deepEqual(encodeFlash(entries), file, "what a board writes is what encodeFlash writes");
    assert.equal(await board.stop(), 0, board.stderr);
    assert.equal(board.stderr, "");
  });

test("another process finds what the first one wrote", async () => {
  const executable = await engineFile("release");
  const one = new Board(executable, "key-value", { flashBytes: 1024 });
  await one.boot();
  const kept = new Uint8Array(readFileSync(one.flash));
  await one.stop();
  const two = new Board(executable, "key-value", { flashBytes: 1024 }, kept);
  const { traces } = await two.boot("deep-sleep");
  assert.equal(traces[2], "bytes: [1,2,3]");
  await two.stop();
});

test("a damaged flash file is refused, whatever byte is wrong or missing", async () => {
  const good = encodeFlash([
    ...factory,
    { domain: "d", key: "k", type: "buffer", value: Uint8Array.of(1, 2) },
    { domain: "d", key: "n", type: "int16", value: -2 },
  ]);
  assert.equal(decodeFlash(good).length, 3);
  for (let length = 0; length < good.length; length++)
    assert.throws(() => decodeFlash(good.subarray(0, length)), RangeError, `first ${length} bytes`);
  for (let i = 0; i < good.length; i++) {
    const bad = good.slice();
    bad[i]! ^= 1;
    assert.throws(() => decodeFlash(bad), RangeError, `byte ${i}`);
  }
  const executable = await engineFile("sanitize");
  for (const bad of [
    good.subarray(0, 20),
    Uint8Array.from(good, (byte, i) => (i === 12 ? byte ^ 1 : byte)),
  ]) {
    const board = new Board(executable, "key-value", {}, bad);
    const line = await board.next();
    assert.equal(line?.type, "failed");
    assert.match((line as { detail: string }).detail, /no flash image, or a damaged one$/);
    assert.equal(await board.stop(), 1);
  }
});

test("encodeFlash refuses what the store could not hold", () => {
  const entry = { domain: "d", key: "k", type: "uint8", value: 1 } as const;
  assert.doesNotThrow(() => encodeFlash([entry]));
  assert.throws(() => encodeFlash([entry, entry]), RangeError);
  assert.throws(() => encodeFlash([{ ...entry, value: 256 }]), RangeError);
  assert.throws(() => encodeFlash([{ ...entry, key: "sixteen-bytes-ky" }]), RangeError);
  assert.throws(() => encodeFlash([{ ...entry, domain: "" }]), RangeError);
  assert.throws(() => encodeFlash([{ ...entry, type: "string" }]), TypeError);
  assert.throws(() => encodeFlash([{ ...entry, type: "buffer", value: "text" }]), TypeError);
});
