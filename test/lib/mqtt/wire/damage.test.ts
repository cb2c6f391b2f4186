/**
 * Every packet a broker sends, damaged: cut short at every byte, with and without a length that fits, and with every
 * bit flipped and every byte replaced. The decoder never throws; what it still accepts, mqtt-packet reads the same.
 */
/// <reference path="../../../../lib/mqtt/wire/mqtt-packet.d.ts" />
import { parser } from "mqtt-packet";
import { decode } from "../../../../lib/mqtt/wire/decode.js";
import { equal, fromHex, ok, test } from "../../../device/harness.js";

type Version = 4 | 5;

interface Sample {
  readonly version: Version;
  readonly packet: string;
  /** Lengths of shorter bodies that are packets too. */
  readonly also?: readonly number[];
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const samples: readonly Sample[] = [
  { version: 4, packet: "20020100" },
  { version: 4, packet: "20020005" },
  { version: 5, packet: "2003010000" },
  { version: 5, packet: "200f00870c1f0002c3a426000161000162" },
  { version: 5, packet: "2017000014110000000121000324012500270000008013000a" },
  { version: 5, packet: "201000000d1500016116000201021f000163" },
  { version: 4, packet: "3109000161010203040506", also: range(3, 9) },
  { version: 4, packet: "3d07000161000a0102", also: [5, 6] },
  { version: 5, packet: "3b0b00016100010401010b05aa", also: [10] },
  { version: 5, packet: "30170001611223000109000201020800017226000162000063", also: [22] },
  { version: 4, packet: "40020001" },
  { version: 5, packet: "40020001" },
  { version: 5, packet: "4009000187051f00026e6f", also: [2, 3] },
  { version: 5, packet: "5009000110051f00026e6f", also: [2, 3] },
  { version: 4, packet: "62020001" },
  { version: 5, packet: "620a00019206260001610000", also: [2, 3] },
  { version: 5, packet: "700400019200", also: [2, 3] },
  { version: 4, packet: "9006000100010280", also: [3, 4, 5] },
  { version: 5, packet: "900a0001051f00026e6f0097", also: [9] },
  { version: 4, packet: "b0020001" },
  { version: 5, packet: "b0050001000011", also: [4] },
  { version: 5, packet: "d000" },
  { version: 5, packet: "e00c8e0a1f00026e6f1c00026163", also: [0, 1] },
  { version: 5, packet: "f00f180d1500016116000201021f000163", also: [0] },
];

interface Parsed {
  readonly cmd: string;
  readonly messageId?: number;
  readonly reasonCode?: number;
  readonly returnCode?: number;
  readonly granted?: readonly number[];
  readonly topic?: string;
  readonly payload?: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** What mqtt-packet alone makes of it. */
function parse(packet: Uint8Array, protocolVersion: Version): Parsed | undefined {
  let parsed: Parsed | undefined;
  parser({ protocolVersion })
    .on("packet", (value) => {
      parsed = value as Parsed;
    })
    .on("error", () => {})
    .parse(packet);
  return parsed;
}

/** @returns whether it was accepted */
function check(packet: Uint8Array, version: Version): boolean {
  const result = decode(packet, version);
  if (!("type" in result)) {
    ok([0x81, 0x82, 0x90, 0x94].includes(result.code) && result.detail, `an error: ${result.code}`);
    return false;
  }
  // mqtt-packet has no 0x8c in DISCONNECT, no code in PUBACK of 3.1.1, and wants more of AUTH than there must be.
  if (result.type === "disconnect" && result.code === 0x8c) return true;
  if (result.type === "auth" && packet.length === 2) return true;
  const form = result.type === "connack" && packet.length === 4 ? 4 : version;
  const parsed = parse(packet, form);
  ok(parsed, "mqtt-packet accepts it too");
  equal(parsed.cmd, result.type);
  if ("packetId" in result && result.packetId !== 0) equal(parsed.messageId, result.packetId);
  if ("code" in result) equal(parsed.reasonCode ?? parsed.returnCode ?? 0, result.code);
  if ("codes" in result) equal(parsed.granted ?? [], result.codes);
  if ("text" in result)
    equal(parsed.properties?.serverReference ?? parsed.properties?.reasonString ?? "", result.text);
  if (result.type !== "publish") return true;
  const { topic, qos, retain, duplicate, payload } = result;
  equal([parsed.topic, parsed.qos, parsed.retain, parsed.dup], [topic, qos, retain, duplicate]);
  equal(Array.from(parsed.payload!), Array.from(payload));
  equal(parsed.properties?.correlationData !== undefined, result.correlationData !== undefined);
  return true;
}

for (const { version, packet, also = [] } of samples) {
  const data = fromHex(packet);

  test(`${packet} (${version}) is accepted whole, and no shorter`, () => {
    ok(check(data, version), "accepted");
    for (let end = 0; end < data.length; end++) {
      const cut = data.slice(0, end);
      ok(!check(cut, version), `cut at ${end}`);
      if (end < 2) continue;
      cut[1] = end - 2;
      equal(check(cut, version), also.includes(end - 2), `a body of ${end - 2} bytes`);
    }
    const longer = new Uint8Array(data.length + 1);
    longer.set(data);
    ok(!check(longer, version), "a byte after it");
  });

  test(`${packet} (${version}) with one byte changed is read as it stands or refused`, () => {
    for (let at = 0; at < data.length; at++) {
      const damaged = data.slice();
      for (let bit = 0; bit < 8; bit++) {
        damaged[at] = data[at]! ^ (1 << bit);
        check(damaged, version);
      }
      for (const value of [0, 0x7f, 0x80, 0xff, data[at]! + 1, data[at]! - 1]) {
        damaged[at] = value;
        check(damaged, version);
      }
    }
  });
}
