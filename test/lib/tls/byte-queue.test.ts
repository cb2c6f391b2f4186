import { ByteQueue } from "../../../lib/tls/byte-queue.js";
import { bytes, equal, fromHex, test } from "../../device/harness.js";

function shift(queue: ByteQueue, count: number): Uint8Array {
  const target = new Uint8Array(count);
  return target.subarray(0, queue.shift(target));
}

test("bytes leave in the order in which they came, in other pieces", () => {
  const queue = new ByteQueue();
  queue.push(fromHex("0102"));
  queue.push(fromHex("030405"));
  equal(queue.length, 5);
  bytes(shift(queue, 1), "01");
  bytes(shift(queue, 3), "020304");
  queue.push(fromHex("06"));
  equal(queue.length, 2);
  bytes(shift(queue, 2), "0506");
  equal(queue.length, 0);
});

test("more is asked for than there is: what there is", () => {
  const queue = new ByteQueue();
  bytes(shift(queue, 4), "");
  queue.push(fromHex("0102"));
  bytes(shift(queue, 4), "0102");
  bytes(shift(queue, 4), "");
  queue.push(fromHex("03"));
  bytes(shift(queue, 4), "03");
});

test("the caller's bytes stay the caller's", () => {
  const queue = new ByteQueue();
  const mine = fromHex("0102");
  queue.push(mine);
  mine[0] = 9;
  bytes(shift(queue, 2), "0102");
  bytes(mine, "0902");
});

test("any series of pushes and shifts is a queue", () => {
  const queue = new ByteQueue();
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 200; round++) {
    const given = Uint8Array.from({ length: (round * 7) % 23 }, () => next++ & 0xff);
    queue.push(given);
    for (const byte of shift(queue, (round * 11) % 29)) equal(byte, expected++ & 0xff);
    equal(queue.length, next - expected);
  }
});

test("what is dropped is gone", () => {
  const queue = new ByteQueue();
  queue.push(fromHex("010203"));
  queue.clear();
  equal(queue.length, 0);
  queue.push(fromHex("04"));
  bytes(shift(queue, 2), "04");
});
