import { encode } from "../../../lib/cbor/encode.js";
import { commandWindowSize, decodeWindowRecord, encodeWindowRecord } from "../../../lib/commands/windows.js";
import { crc32 } from "../../../lib/crc32.js";
import { emptyWindow, encodeWindow, type ReplayWindow } from "../../../lib/sealed/window.js";
import { equal, ok, test } from "../../device/harness.js";

const sender = { id: "office", epoch: 3 };

function used(): ReplayWindow {
  const window = emptyWindow(commandWindowSize);
  window.seen[1] = 0x40;
  window.tags.fill(9, 14 * 8, 15 * 8);
  return { ...window, highest: 14 };
}

function sealed(content: Uint8Array): Uint8Array {
  const data = new Uint8Array(content.length + 4);
  data.set(content);
  new DataView(data.buffer).setUint32(content.length, crc32(content));
  return data;
}

test("a window is read back as it was written, and owes nothing to the bytes it was read from", () => {
  const data = encodeWindowRecord(sender, used());
  const read = decodeWindowRecord(sender, data);
  equal(read, used());
  data.fill(0);
  equal(read, used());
});

test("no entry is an empty window; one that cannot be read is none", () => {
  equal(decodeWindowRecord(sender, undefined), emptyWindow(64));
  equal(decodeWindowRecord(sender, new Uint8Array(0)), undefined);
  equal(decodeWindowRecord(sender, new Uint8Array(4)), undefined);
  equal(decodeWindowRecord(sender, new Uint8Array(600)), undefined);
});

test("every cut and every changed byte of a record makes it unreadable", () => {
  const data = encodeWindowRecord(sender, used());
  ok(decodeWindowRecord(sender, data), "as it is");
  for (let length = 0; length < data.length; length++)
    equal(decodeWindowRecord(sender, data.subarray(0, length)), undefined, `${length} bytes`);
  for (let at = 0; at < data.length; at++) {
    const changed = data.slice();
    changed[at]! ^= 0x10;
    equal(decodeWindowRecord(sender, changed), undefined, `byte ${at}`);
  }
});

test("the window of another controller or a later epoch is not this one's", () => {
  const data = encodeWindowRecord(sender, used());
  equal(decodeWindowRecord({ id: "attic", epoch: 3 }, data), undefined);
  equal(decodeWindowRecord({ id: "office", epoch: 2 }, data), undefined);
});

test("under a later epoch, and so another secret, a controller begins anew", () => {
  const data = encodeWindowRecord(sender, used());
  equal(decodeWindowRecord({ id: "office", epoch: 4 }, data), emptyWindow(64));
  data[data.length - 1]! ^= 1;
  equal(decodeWindowRecord({ id: "office", epoch: 4 }, data), undefined, "if that is what it says");
});

test("a checksum alone does not make a window", () => {
  const right = encode(["office", 3, encodeWindow(used())]);
  equal(decodeWindowRecord(sender, sealed(right)), used());
  for (const content of [
    encode(["office", 3]),
    encode(["office", 3, null]),
    encode(["office", 3, encodeWindow(emptyWindow(128))]),
    encode(["office", 3, new Uint8Array(3)]),
    encode(7),
    Uint8Array.of(0x9f),
  ])
    equal(decodeWindowRecord(sender, sealed(content)), undefined);
});
