import { canBecomeFrame, decodeFrame, encodeFrame, maxFrameBytes } from "../../../lib/provisioning/frames.js";
import { bytes, equal, fromHex, ok, test } from "../../device/harness.js";

function throws(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    return error instanceof RangeError;
  }
}

test("a frame's bytes, worked out by hand", () => {
  // 01 07 0002 8180, and its CRC-32 by zlib: 041a5052.
  bytes(encodeFrame(1, 7, fromHex("8180")), "0003010708028180041a505200");
});

test("what goes in comes out, from no payload to the largest", () => {
  for (const length of [0, 1, 246, 247, 248, 254, 255, 256, 511, 512])
    for (const fill of [0, 1, 255]) {
      const line = encodeFrame(4, 255, new Uint8Array(length).fill(fill));
      equal([line[0], line.indexOf(0, 1)], [0, line.length - 1]);
      ok(line.length <= maxFrameBytes, "the bound holds");
      const frame = decodeFrame(line, 1, line.length - 1);
      equal(frame, { type: 4, sequence: 255, payload: new Uint8Array(length).fill(fill) });
      for (let have = 1; have < line.length; have++)
        ok(canBecomeFrame(line, have), `${length} bytes: after ${have} it still is one`);
    }
  equal(encodeFrame(4, 0, new Uint8Array(512).fill(1)).length, maxFrameBytes);
});

test("each byte changed, each cut: no frame", () => {
  const line = encodeFrame(3, 9, fromHex("8218670068"));
  for (let i = 1; i < line.length - 1; i++)
    for (let bit = 0; bit < 8; bit++) {
      const changed = line.slice();
      changed[i]! ^= 1 << bit;
      equal(decodeFrame(changed, 1, line.length - 1), undefined, `byte ${i}, bit ${bit}`);
    }
  for (let end = 1; end < line.length - 1; end++) equal(decodeFrame(line, 1, end), undefined, `up to ${end}`);
  ok(decodeFrame(line, 1, line.length - 1), "whole");
});

test("types and sizes have bounds on both sides", () => {
  for (const type of [1, 0x1f, 0x81, 0x9f, 0xff]) {
    const line = encodeFrame(type, 0, new Uint8Array(0));
    ok(decodeFrame(line, 1, line.length - 1), `type ${type}`);
  }
  const empty = new Uint8Array(0);
  for (const type of [0, 0x20, 0x80, 0xa0, 0xfe, 0x181, 1.5])
    ok(
      throws(() => encodeFrame(type, 0, empty)),
      `type ${type}`,
    );
  for (const sequence of [-1, 256, 0.5])
    ok(
      throws(() => encodeFrame(1, sequence, empty)),
      `sequence ${sequence}`,
    );
  ok(
    throws(() => encodeFrame(1, 0, new Uint8Array(513))),
    "513 bytes",
  );
});

test("what cannot become a frame is known after a few bytes", () => {
  const lines = [
    ["004f494d", false], // type 0x49
    ["00022020", false], // type 0x20
    ["00021f20", true],
    ["000101", false], // type 0
    ["000a05050201", false], // a payload of 513 bytes
    ["000405050203", true], // of 512
    ["0003010708028180041a50", true],
    ["0003010708028180041a505211", false], // 2 bytes make a frame of 12, and this is no zero
  ] as const;
  for (const [line, can] of lines) equal(canBecomeFrame(fromHex(line), line.length / 2), can, line);
});
