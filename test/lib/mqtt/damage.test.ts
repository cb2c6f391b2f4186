/**
 * Every packet the session accepts from a broker: cut short at every byte, with a length that fits the cut,
 * with every bit flipped, one byte at a time, and split at every boundary.
 */
import { emptyKept } from "../../../lib/mqtt/kept-session.js";
import { equal, fromHex, hex, ok, test } from "../../device/harness.js";
import { connected, line, Script } from "../../device/mqtt-script.js";

interface Sample {
  readonly packet: string;
  /** Brings a session to where the packet is in place. */
  readonly ready: () => Script;
  /** Shorter bodies that are packets too. */
  readonly alsoBodies?: readonly number[];
}

const resume = { cleanStart: false, userName: "u" };
const inFlight = (version: 4 | 5) => connected({ version }).publish({}, 1).publish({}, 2).skip();
const samples: readonly Sample[] = [
  { packet: "20020100", ready: () => new Script({ ...resume, version: 4 }).start().skip() },
  { packet: "20020005", ready: () => new Script({ version: 4 }).start().skip() },
  { packet: "2003010000", ready: () => new Script(resume, emptyKept).start().skip() },
  {
    packet: "201700001411000000012100032401250027000000801300c8",
    ready: () => new Script(resume, emptyKept).start().skip(),
  },
  { packet: "200f00870c1f0002c3a426000161000162", ready: () => new Script(resume, emptyKept).start().skip() },
  { packet: "40020001", ready: () => inFlight(4) },
  { packet: "40020001", ready: () => inFlight(5) },
  { packet: "4009000187051f00026e6f", ready: () => inFlight(5), alsoBodies: [2, 3] },
  { packet: "d000", ready: () => connected({ keepAliveSeconds: 1 }).at(1000).skip() },
  { packet: "e0078e051f00026e6f", ready: () => connected().skip(), alsoBodies: [0, 1] },
];

function outcome(script: Script, from: number): string[] {
  return script.all.slice(from).map(line);
}

function feed(sample: Sample, parts: readonly Uint8Array[]): string[] {
  const script = sample.ready();
  const from = script.all.length;
  for (const bytes of parts) script.do({ type: "received", bytes });
  return outcome(script, from);
}

function bytewise(data: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < data.length; at++) parts.push(data.subarray(at, at + 1));
  return parts;
}

const kinds =
  /^(send (e00[02]|[4-7])|connected|acked|refused|completed|message|failed (protocol-error|broker-refused|connection-lost) |closed)/;

for (const sample of samples) {
  const data = fromHex(sample.packet);
  const accepted = () => feed(sample, [data]);

  test(`${sample.packet} is accepted, and the same however it arrives`, () => {
    const expected = accepted();
    ok(!expected.some((one) => one.includes("protocol-error")), String(expected));
    equal(feed(sample, bytewise(data)), expected, "byte by byte");
    for (let cut = 1; cut < data.length; cut++)
      equal(feed(sample, [data.subarray(0, cut), data.subarray(cut)]), expected, `split at ${cut}`);
  });

  test(`${sample.packet} cut short does nothing until the connection closes`, () => {
    for (let length = 0; length < data.length; length++) {
      const script = sample.ready();
      const from = script.all.length;
      script.do({ type: "received", bytes: data.subarray(0, length) });
      equal(outcome(script, from), [], `cut at ${length}`);
      script.do({ type: "transport-closed" });
      equal(outcome(script, from), ["failed connection-lost 0", "closed"]);
    }
  });

  test(`${sample.packet} with a shorter length is malformed`, () => {
    for (let body = 0; body < data.length - 2; body++) {
      if (sample.alsoBodies?.includes(body)) continue;
      const short = data.slice(0, body + 2);
      short[1] = body;
      const result = feed(sample, [short]);
      equal(result.at(-2), "failed protocol-error 129", `${hex(short)} → ${result}`);
    }
  });

  test(`${sample.packet} with any bit flipped gives a result of the closed set`, () => {
    for (let bit = 0; bit < data.length * 8; bit++) {
      const flipped = data.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const result = feed(sample, [flipped]);
      for (const one of result) ok(kinds.test(one), `${hex(flipped)} → ${one}`);
      if (result.some((one) => one.startsWith("failed"))) equal(result.at(-1), "closed");
    }
  });
}

test("properties that are repeated, misplaced, out of range or ill-formed, each beside a good one", () => {
  const connack = (properties: string) => {
    const length = properties.length / 2;
    const byte = (value: number) => value.toString(16).padStart(2, "0");
    return fromHex(`20${byte(length + 3)}0000${byte(length)}${properties}`);
  };
  const sample = samples[2]!;
  const good = [
    "210001",
    "2700000001",
    "2401",
    "2500",
    "12000161",
    "220000",
    "2600000000",
    "1f0002c3a4",
    "1f0000",
    "130000",
    "1a0000",
    "1c0000",
    "26000161000162",
    "2600016100016226000161000163",
  ];
  const protocolErrors = ["210000", "2700000000", "2402", "25ff", "210001210001", "25002500"];
  const malformed = [
    "00",
    "2b00",
    "7f",
    "a100",
    "0b01",
    "230001",
    "1800000000",
    "24",
    "2100",
    "27000000",
    "1f00",
    "1f0003c3a4",
    "1f0002c328",
    "1f000100",
    "26000161000262",
    "160003ff00",
  ];
  for (const properties of good) equal(feed(sample, [connack(properties)]), ["connected"], properties);
  for (const properties of protocolErrors)
    equal(feed(sample, [connack(properties)]).at(-2), "failed protocol-error 130", properties);
  for (const properties of malformed)
    equal(feed(sample, [connack(properties)]).at(-2), "failed protocol-error 129", properties);
});

test("a property length beyond the packet, before its end or not in shortest form is malformed", () => {
  const sample = samples[2]!;
  for (const packet of [
    "2006000004210001",
    "2006000002210001",
    "200700000321000100",
    "200400008000",
    "2006000080808001",
  ])
    equal(feed(sample, [fromHex(packet)]).at(-2), "failed protocol-error 129", packet);
  equal(feed(sample, [fromHex("2006000003210001")]), ["connected"]);
});

test("two packets in one piece, and what follows the end is ignored", () => {
  const script = inFlight(5).receive("4002000140020002").expect("acked 1 #1 0", "acked 2 #2 0");
  script.receive("e0018bffffffffff").expect("failed broker-refused 139", "closed");
});
