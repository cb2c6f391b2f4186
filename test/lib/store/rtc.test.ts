import { encode } from "../../../lib/cbor/encode.js";
import { crc32 } from "../../../lib/crc32.js";
import {
  decodeRtc,
  encodeRtc,
  markRecovery,
  type RtcImage,
  rtcHeaderBytes,
  rtcImageBytes,
  sensing,
} from "../../../lib/store/rtc.js";
import { decodeDownlink, emptyDownlink } from "../../../lib/store/rtc-downlink.js";
import { emptyOutbox } from "../../../lib/store/rtc-outbox.js";
import { equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";

const secretId = fromHex("a1b2c3d4");
const trust = { secretId, reservedEnd: 2048 };

const full: RtcImage = {
  next: 1030,
  time: {
    wallMs: 1_790_000_000_123,
    setAtMs: 1_789_999_000_000,
    source: "sntp",
    driftPpm: -100_000,
    driftErrorPpm: 50_000,
    askAtMs: 1_790_100_000_000,
    sleepMs: 899_000,
  },
  network: {
    bssid: fromHex("0a1b2c3d4e5f"),
    channel: 11,
    lease: {
      address: "192.168.178.123",
      prefixLength: 24,
      gateway: "192.168.178.1",
      nameServer: "255.255.255.255",
      endsAtSeconds: 4_000_000_000,
    },
    broker: { address: "10.0.0.250", endsAtSeconds: 4_000_000_000 },
  },
  mqtt: fromHex("010203"),
  tls: new Uint8Array(300).fill(9),
  outbox: {
    nextSequence: 9,
    losses: {
      dropped: 2,
      gap: 17,
      toldDropped: 1,
      toldGap: 16,
      toldBy: 1027,
      safeDropped: 0,
      safeGap: 16,
      cold: false,
    },
    spilled: { first: 2, next: 5, taken: 3, end: 7, bytes: 1200, foreign: 3 },
    readings: [
      { sequence: 7, topic: 0, content: fromHex("aa") },
      { sequence: 8, topic: 1, content: fromHex("bbcc") },
    ],
    messages: [
      { counter: 1025, topic: 0, firstSequence: 3, readings: 2, plaintext: fromHex("01") },
      {
        counter: 1027,
        topic: 0,
        firstSequence: 5,
        readings: 2,
        plaintext: fromHex("5b5d"),
        contentType: 110,
      },
      { counter: 1029, topic: 1, firstSequence: 9, readings: 0, plaintext: fromHex("85"), contentType: 60 },
    ],
  },
  challenge: fromHex("0102030405060708"),
  cycle: { wakesSinceSend: 3, failures: 12, holdMs: 3_600_000, alarms: 5, trialFailures: 2 },
};
const bare: RtcImage = { next: 1024, outbox: emptyOutbox };

function written(image: RtcImage, capacity = 4096): Uint8Array {
  const encoding = encodeRtc(image, secretId, capacity);
  if ("tooLarge" in encoding) throw new Error(`${encoding.tooLarge} bytes do not fit`);
  return encoding.data;
}

/** An image around any sections, its checksum right. */
function forged(sections: string, version = 2): Uint8Array {
  const body = fromHex(sections);
  const data = new Uint8Array(rtcHeaderBytes + body.length);
  data.set(written(bare).subarray(0, rtcHeaderBytes));
  data.set(body, rtcHeaderBytes);
  data[4] = version;
  return sealed(data);
}

function sealed(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer);
  view.setUint16(6, data.length - rtcHeaderBytes);
  const head = data[4] === 1 ? crc32(data, 0, 12) : crc32(data, 6, 12, crc32(data, 0, 5));
  view.setUint32(12, crc32(data, rtcHeaderBytes, data.length, head));
  return data;
}

test("an image comes back as it was written, whatever lies behind it", () => {
  for (const image of [full, bare]) {
    const memory = new Uint8Array(4096).fill(0x5a);
    const data = written(image);
    memory.set(data);
    equal(decodeRtc(memory, trust), image);
    equal(rtcImageBytes(memory), data.length);
    equal(rtcImageBytes(memory.subarray(0, rtcHeaderBytes)), data.length);
  }
});

test("a pause for TLS comes back, also from where version 1 had it; a session of one byte is none", () => {
  const paused: RtcImage = { ...bare, tlsPause: 255 };
  equal(decodeRtc(written(paused), trust), paused);
  equal(decodeRtc(written({ ...bare, tls: Uint8Array.of(3) }), trust), { ...bare, tlsPause: 3 });
  equal(decodeRtc(written({ ...bare, tls: Uint8Array.of(0) }), trust), bare);
  equal(decodeRtc(written({ ...bare, tls: fromHex("0000") }), trust)?.tls, fromHex("0000"));
});

test("a frozen message does not change when RTC memory is written again", () => {
  const memory = written(full);
  const image = decodeRtc(memory, trust);
  memory.fill(0);
  equal(image, full);
});

test("a cold start for memory never written, cut short, or with a bit flipped", () => {
  for (const fill of [0, 0xff, 0x44]) equal(decodeRtc(new Uint8Array(512).fill(fill), trust), undefined);
  const data = written({ ...full, tls: fromHex("09") });
  for (let length = 0; length < data.length; length++)
    equal(decodeRtc(data.subarray(0, length), trust), undefined, `cut to ${length}`);
  for (let i = 0; i < data.length; i++) {
    data[i]! ^= 1 << (i % 8);
    equal(decodeRtc(data, trust), undefined, `flip at ${i}`);
    data[i]! ^= 1 << (i % 8);
  }
  ok(decodeRtc(data, trust), "the untouched image is read");
});

test("a write that was torn is a cold start", () => {
  const older = written(bare, 512);
  const newer = written({ ...full, tls: fromHex("0909") }, 512);
  for (let at = 1; at < newer.length; at++) {
    const memory = new Uint8Array(512);
    memory.set(older);
    memory.set(newer.subarray(0, at));
    const image = decodeRtc(memory, trust);
    ok(image === undefined || image.next === bare.next, `torn at ${at}`);
  }
});

test("trusted only with the flash's secret and within its reservation", () => {
  const data = written(full);
  for (const reservedEnd of [1030, 2048, 2054])
    ok(decodeRtc(data, { secretId, reservedEnd }), `${reservedEnd}`);
  for (const reservedEnd of [0, 1029, 2055, 2 ** 40])
    equal(decodeRtc(data, { secretId, reservedEnd }), undefined);
  for (const other of ["a1b2c3d5", "b1b2c3d4", "00000000"])
    equal(decodeRtc(data, { ...trust, secretId: fromHex(other) }), undefined);
});

test("what does not fit is left out: the network if that is enough, TLS, both, and MQTT; never the outbox", () => {
  const { tls, network, mqtt, ...kept } = full;
  ok(tls && network && mqtt, "all were there");
  const images = [full, { ...kept, tls, mqtt }, { ...kept, network, mqtt }, { ...kept, mqtt }, kept];
  const sizes = images.map((image) => written(image).length);
  const leftOutAt = (capacity: number) => {
    const encoding = encodeRtc(full, secretId, capacity);
    return "tooLarge" in encoding ? encoding.tooLarge : encoding.leftOut.join();
  };
  const leftOut = ["", "network", "tls", "tls,network", "tls,network,mqtt"];
  for (const [i, size] of sizes.entries()) {
    equal(leftOutAt(size), leftOut[i]);
    equal(leftOutAt(size - 1), leftOut[i + 1] ?? size);
  }
  equal(decodeRtc(written(full, sizes[4]), trust), kept);
});

test("the sections keep to the budget of an ESP8266", () => {
  const size = (image: RtcImage) => written(image).length;
  const empty = size(bare);
  const most: RtcImage = {
    next: 2 ** 40,
    time: {
      ...full.time!,
      wallMs: Number.MAX_SAFE_INTEGER - 2 ** 32,
      setAtMs: Number.MAX_SAFE_INTEGER - 2 ** 33,
      askAtMs: Number.MAX_SAFE_INTEGER - 1,
      sleepMs: 2 ** 32 - 1,
    },
    outbox: emptyOutbox,
  };
  ok(size(most) - size(bare) + 7 <= 56, "counter and time in 56 bytes");
  ok(size({ ...bare, challenge: full.challenge! }) - empty <= 11, "a challenge in 11 bytes");
  ok(size({ ...bare, network: full.network! }) - empty <= 48, "the network in 48 bytes");
  ok(written({ ...full, tls: new Uint8Array(230) }, 512).length <= 512, "everything in 512 bytes");
});

test("sections of unknown type are dropped, sections out of order are a cold start", () => {
  const counter = "01000481190405";
  const outbox = "060006850000008080";
  equal(decodeRtc(forged(counter + outbox), trust), { next: 1029, outbox: emptyOutbox });
  equal(decodeRtc(forged(`${counter}${outbox}0900021234`), trust), { next: 1029, outbox: emptyOutbox });
  for (const bad of [
    outbox + counter,
    counter + counter + outbox,
    counter,
    outbox,
    `${counter}${outbox}00`,
    `${counter}${outbox}09000212`,
    `${counter}${outbox}000000`,
  ])
    equal(decodeRtc(forged(bad), trust), undefined, bad);
});

test("an unreadable hint is dropped alone", () => {
  const counter = "01000481190405";
  const outbox = "060006850000008080";
  equal(decodeRtc(forged(`${counter}020001ff${outbox}`), trust), { next: 1029, outbox: emptyOutbox });
  equal(decodeRtc(forged(`${counter}02000483010204${outbox}`), trust), { next: 1029, outbox: emptyOutbox });
  equal(decodeRtc(forged(`${counter}03000584f6f60700${outbox}`), trust), { next: 1029, outbox: emptyOutbox });
});

test("a cycle that cannot be is dropped alone", () => {
  const image = "01000481190405060006850000008080";
  const cycle = { wakesSinceSend: 1, failures: 2, holdMs: 3, alarms: 4, trialFailures: 5 };
  equal(decodeRtc(forged(`${image}080006850102030405`), trust)?.cycle, cycle);
  for (const bad of ["0800058401020304", "080006850102200405", "08000a85010203011b0000000100000000"])
    equal(decodeRtc(forged(image + bad), trust)?.cycle, undefined, bad);
  throws(() => encodeRtc({ ...bare, cycle: { ...cycle, alarms: 2 ** 32 } }, secretId, 512), RangeError);
  throws(() => encodeRtc({ ...bare, cycle: { ...cycle, holdMs: 0.5 } }, secretId, 512), RangeError);
});

test("a challenge of another length is dropped alone", () => {
  const image = "01000481190405060006850000008080";
  const challenge = fromHex("0102030405060708");
  equal(decodeRtc(forged(`${image}0700080102030405060708`), trust)?.challenge, challenge);
  for (const bad of ["07000701020304050607", "070009010203040506070809", "070000"])
    equal(decodeRtc(forged(image + bad), trust), { next: 1029, outbox: emptyOutbox }, bad);
});

test("what an image of version 1 says is read from one that was written then, and from no other", ({
  vectors,
}) => {
  const { images } = vectors("store/rtc-version-1") as { images: { bare: string; waiting: string } };
  equal(decodeRtc(fromHex(images.bare), trust), { next: 1024, outbox: emptyOutbox });
  const data = fromHex(images.waiting);
  const image = decodeRtc(data, trust)!;
  const { outbox } = image;
  equal([image.next, outbox.nextSequence, outbox.losses.dropped, outbox.losses.toldDropped], [1030, 9, 2, 0]);
  equal(
    outbox.readings,
    full.outbox.readings.map((one) => ({ ...one, topic: 0 })),
  );
  equal(outbox.messages, full.outbox.messages);
  equal([image.challenge, image.mqtt, image.network?.channel], [full.challenge, full.mqtt, 11]);
  // Written again it is of version 2, and says the same.
  const again = written(image);
  equal([again[4], decodeRtc(again, trust)], [2, image]);
  for (let i = 0; i < data.length; i++) {
    data[i]! ^= 1;
    equal(decodeRtc(data, trust), undefined, `flip at ${i}`);
    data[i]! ^= 1;
  }
});

test("an image of a later version is a cold start, however right its checksum", () => {
  const sections = "010004811904050600068500000080 80".replace(" ", "");
  ok(decodeRtc(forged(sections, 2), trust), "version 2");
  for (const version of [0, 3, 255]) equal(decodeRtc(forged(sections, version), trust), undefined);
});

test("that a reading was being taken is known, and the image is trusted; with other marks it is not", () => {
  const data = written(full);
  equal(decodeRtc(data, trust)?.interrupted, undefined);
  data[sensing.at] = sensing.value;
  equal(decodeRtc(data, trust), { ...full, interrupted: true });
  ok(markRecovery(data), "the first recovery");
  equal(decodeRtc(data, trust), undefined, "which is under way");
  ok(!markRecovery(data), "and crashed");
  for (const marks of [1, 3, 4, 255]) {
    data[sensing.at] = marks;
    equal(decodeRtc(data, trust), undefined, `${marks}`);
  }
});

test("an outbox whose losses or segments cannot be is a cold start", () => {
  const read = (losses: unknown, spilled: unknown) => {
    const content = encode([9, losses, spilled, [], []] as Parameters<typeof encode>[0]);
    const head = `06${content.length.toString(16).padStart(4, "0")}`;
    return decodeRtc(forged(`01000481190405${head}${hex(content)}`), trust);
  };
  ok(read(0, 0) && read(0, 5), "none");
  ok(read([5, 4, 5, 4, null, 5, 4, true], [1, 3, 7, 9, 100, 3]), "some");
  for (const losses of [
    1,
    null,
    [5, 4, 5, 4, null, 5, 4],
    [5, 4, 6, 4, null, 5, 4, true],
    [5, 4, 5, 5, null, 5, 4, true],
    [5, 4, 5, 4, "a", 5, 4, true],
    [5, 4, 5, 4, null, 6, 4, true],
    [5, 4, 5, 4, null, 5, 5, true],
    [5, 4, 5, 4, null, 5, 4, 1],
  ])
    equal(read(losses, 0), undefined, JSON.stringify(losses));
  for (const spilled of [
    -1,
    [3, 3, 7, 9, 100, 3],
    [4, 3, 7, 9, 100, 3],
    [1, 3, 10, 9, 100, 3],
    [1, 3, 7, 10, 100, 3],
    [1, 3, 7, 9, 100, 4],
    [1, 3, 7, 9, 100],
  ])
    equal(read(0, spilled), undefined, JSON.stringify(spilled));
});

test("messages of a firmware without commands are read, which said only whether they are JSON", () => {
  const read = (type: string) => {
    const content = `8401008081861904040000${"01"}${type}4100`;
    const head = `06${(content.length / 2).toString(16).padStart(4, "0")}`;
    return decodeRtc(forged(`01000481190405${head}${content}`, 1), trust)?.outbox.messages[0];
  };
  const message = { counter: 1028, topic: 0, firstSequence: 0, readings: 1, plaintext: fromHex("00") };
  for (const [type, contentType] of [
    ["f4", {}],
    ["00", {}],
    ["f5", { contentType: 110 }],
    ["186e", { contentType: 110 }],
    ["183c", { contentType: 60 }],
  ] as const)
    equal(read(type), { ...message, ...contentType }, type);
  for (const type of ["01", "12", "f6", "1870", "20", "4100"]) equal(read(type), undefined, type);
});

test("an outbox that contradicts itself or the counter is a cold start", () => {
  const message = (counter: number, firstSequence = 0, readings = 1) =>
    [counter, 0, firstSequence, readings, false, fromHex("00")] as const;
  const reading = (sequence: number) => [sequence, 0, fromHex("00")] as const;
  const read = (readings: unknown, messages: unknown, nextSequence: unknown = 5) => {
    const content = encode([nextSequence, 0, 0, readings, messages] as Parameters<typeof encode>[0]);
    const head = `06${content.length.toString(16).padStart(4, "0")}`;
    return decodeRtc(forged(`01000481190405${head}${hex(content)}`), trust);
  };
  ok(read([reading(3), reading(4)], [message(1027), message(1028, 4)]), "ascending");
  const bad: [unknown, unknown, unknown?][] = [
    [[reading(4), reading(3)], []],
    [[reading(3), reading(3)], []],
    [[reading(5)], []],
    [[], [message(1029)]],
    [[], [message(1028), message(1027)]],
    [[], [message(1028), message(1028)]],
    [[], [message(1028, 5)]],
    [[], [], -1],
    [null, []],
    [[], [[1]]],
    [[[3, 256, fromHex("00")]], []],
    [[[3, 0, "text"]], []],
    [[], [[1028, 0, 0, 1, 1, fromHex("00")]]],
    [[], [[1028, 2, 0, 1, 0, fromHex("00")]]],
  ];
  for (const [readings, messages, nextSequence] of bad)
    equal(read(readings, messages, nextSequence), undefined);
});

test("an address that is not dotted is kept as text", () => {
  for (const address of [
    "fe80::1",
    "1.2.3.4.5",
    "01.2.3.4",
    "300.1.1.1",
    "1.2.3",
    "0.0.0.0",
    "255.255.255.255",
  ]) {
    const image: RtcImage = { ...bare, network: { broker: { address, endsAtSeconds: 1 } } };
    equal(decodeRtc(written(image), trust), image);
  }
});

test("what cannot be is not written", () => {
  throws(() => encodeRtc({ ...bare, next: -1 }, secretId, 512), RangeError);
  throws(() => encodeRtc({ ...bare, next: 2 ** 40 + 1 }, secretId, 512), RangeError);
  throws(() => encodeRtc(bare, fromHex("00"), 512), RangeError);
  throws(() => encodeRtc({ ...bare, time: { ...full.time!, wallMs: -1 } }, secretId, 512), RangeError);
  for (const driftPpm of [-100_001, 100_001, 0.5])
    throws(() => encodeRtc({ ...bare, time: { ...full.time!, driftPpm } }, secretId, 512), RangeError);
});

test("what commands leave is read back, and dropped when it cannot be read", () => {
  const downlink = { publishedAtMs: 1_790_000_000_000, authenticatedAtMs: null, movedMs: 7, refused: 3 };
  const encoded = encodeRtc({ ...full, downlink }, secretId, 4096);
  if ("tooLarge" in encoded) throw new Error("too large");
  equal(decodeRtc(encoded.data, trust)?.downlink, downlink);
  equal(decodeDownlink(encode([null, null, 0])), undefined);
  equal(decodeDownlink(encode([null, -1, 0, 0])), undefined);
  equal(decodeDownlink(encode([null, null, 0, 1.5])), undefined);
  equal(decodeDownlink(encode([null, 5, 0, 0])), { ...emptyDownlink, authenticatedAtMs: 5 });
});

test("what was kept under the secret before the present one is taken over, under any other it is not", () => {
  const encoded = encodeRtc(full, secretId, 4096);
  if ("tooLarge" in encoded) throw new Error("too large");
  const other = fromHex("00000001");
  equal(decodeRtc(encoded.data, { secretId: other, reservedEnd: 2048 }), undefined);
  equal(decodeRtc(encoded.data, { secretId: other, formerId: other, reservedEnd: 2048 }), undefined);
  equal(decodeRtc(encoded.data, { secretId: other, formerId: secretId, reservedEnd: 2048 })?.next, full.next);
});
