/** How long a comparison takes says nothing about where two tags differ: counted in reads, not in time. */
import { constantTimeEqual } from "../../../lib/cose/constant-time.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { openStamp } from "../../../lib/sealed/stamp.js";
import { equal, fromHex, ok, test } from "../../device/harness.js";
import { stampKeyOf } from "../sealed/vector-keys.js";
import type { RejectFile } from "../sealed/vectors.js";

/** Bytes that count how often one of them is read, also of their subarrays. */
function counted(bytes: Uint8Array, count: () => void): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (key === "subarray")
        return (from?: number, to?: number) => counted(target.subarray(from, to), count);
      if (typeof key === "string" && key >= "0" && key <= "9~") count();
      return Reflect.get(target, key, target);
    },
  });
}

function flippedAt(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}

test("a comparison reads all bytes, wherever they differ", () => {
  const tag = Uint8Array.from({ length: 32 }, (_, i) => i);
  const readsOf = (other: Uint8Array, same: boolean) => {
    let reads = 0;
    equal(
      constantTimeEqual(
        counted(tag, () => reads++),
        other,
      ),
      same,
    );
    return reads;
  };
  equal(readsOf(tag.slice(), true), 32);
  for (let at = 0; at < 32; at++) equal(readsOf(flippedAt(tag, at), false), 32, `byte ${at}`);
  ok(!constantTimeEqual(tag, tag.subarray(1)), "another length");
});

test("a stamp's tag is compared so", ({ crypto, vectors }) => {
  const file = vectors("sealed/stamp-reject") as RejectFile;
  const key = stampKeyOf(crypto, file);
  const message = fromHex(file.cases[0]!.message);
  let reads = 0;
  const counting: Crypto = {
    ...crypto,
    hmac: (macKey, data) =>
      counted(crypto.hmac(macKey, data), () => {
        reads++;
      }),
  };
  const readsOf = (data: Uint8Array, verdict: string) => {
    reads = 0;
    equal(openStamp(counting, key, data).verdict, verdict);
    return reads;
  };
  equal(readsOf(message, "verified"), 32);
  for (let at = message.length - 32; at < message.length; at++)
    equal(readsOf(flippedAt(message, at), "bad"), 32, `byte ${at}`);
  key.key.close();
});
