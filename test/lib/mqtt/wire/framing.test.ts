import { atPacketStart, type Framing, frame } from "../../../../lib/mqtt/wire/framing.js";
import { bytes, equal, fromHex, ok, test } from "../../../device/harness.js";

const limit = 1024;

function whole(text: string, max = limit) {
  return frame(atPacketStart, fromHex(text), max);
}

test("a whole packet is cut off without a copy, and the rest is left", () => {
  const data = fromHex("40020001d000");
  const { packet, used, framing } = frame(atPacketStart, data, limit);
  bytes(packet!, "40020001");
  equal(used, 4);
  equal(framing, atPacketStart);
  ok(packet!.buffer === data.buffer, "shares the received bytes");
  const alone = data.subarray(0, 4);
  ok(frame(atPacketStart, alone, limit).packet?.buffer === data.buffer, "also without a rest");
});

for (const text of [`30a001${"5a".repeat(160)}`, `30ac02${"5a".repeat(300)}`])
  test(`a packet of ${text.length / 2} bytes is the same however it is split`, () => {
    const data = fromHex(text);
    for (let first = 0; first <= data.length; first++)
      for (const second of [1, 3, data.length]) {
        let framing: Framing = atPacketStart;
        let got: Uint8Array | undefined;
        const cuts = [0, first, Math.min(data.length, first + second), data.length];
        for (let i = 0; i < 3; i++) {
          const part = data.subarray(cuts[i], cuts[i + 1]);
          if (part.length === 0) continue;
          const result = frame(framing, part, limit);
          equal(result.used, part.length);
          equal(result.error, undefined);
          ok(got === undefined, "one packet only");
          ({ framing } = result);
          got = result.packet;
        }
        bytes(got!, text);
      }
  });

test("one byte at a time", () => {
  for (const text of ["d000", "40020001", `308001${"00".repeat(128)}`]) {
    let framing: Framing = atPacketStart;
    const data = fromHex(text);
    for (let i = 0; i < data.length; i++) {
      const result = frame(framing, data.subarray(i, i + 1), limit);
      ({ framing } = result);
      if (i < data.length - 1) equal(result.packet, undefined);
      else bytes(result.packet!, text);
    }
  }
});

test("a packet as large as the limit passes, one byte more is refused on its header", () => {
  ok(whole(`307e${"00".repeat(126)}`, 128).packet, "128 bytes");
  equal(whole("307f", 128).error?.code, 0x95);
  equal(whole("30fe07", 1025).error, undefined);
  equal(whole("30ff07", 1025).error?.code, 0x95);
  equal(whole("30ff07", 1026).error, undefined);
});

test("the largest length header is refused before its last byte", () => {
  equal(whole("30ffffff7f").error?.code, 0x95);
  equal(whole("30ffff").error?.code, 0x95);
  equal(whole("30ffffff7f", 268_435_459).error?.code, 0x95);
  equal(whole("30ffffff", 268_435_460).error, undefined);
});

test("a remaining length of five bytes or not in shortest form is malformed", () => {
  equal(whole("3080808080").error?.code, 0x81);
  equal(whole("30808000").error?.code, 0x81);
  equal(whole("308000").error?.code, 0x81);
  equal(whole("308001").error, undefined);
});

test("the first byte must have the flags of its type [MQTT-2.1.3-1]", () => {
  for (let first = 0; first < 256; first++) {
    const type = first >> 4;
    const flags = first & 15;
    const needed = type === 6 || type === 8 || type === 10 ? 2 : 0;
    // PUBLISH: no QoS 3 [MQTT-3.3.1-4], no DUP at QoS 0 [MQTT-3.3.1-2].
    const good = type === 3 ? (flags & 6) !== 6 && (flags & 14) !== 8 : type !== 0 && flags === needed;
    const { error } = frame(atPacketStart, new Uint8Array([first]), limit);
    equal(error?.code, good ? undefined : 0x81, `first byte ${first}`);
  }
});
