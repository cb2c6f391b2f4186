import { decodeFrame, type Frame } from "../../../lib/provisioning/frames.js";
import {
  type Answer,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  errorKinds,
  type Info,
  type Request,
} from "../../../lib/provisioning/messages.js";
import { bytes, equal, fromHex, hex, ok, test } from "../../device/harness.js";

function frameOf(line: Uint8Array): Frame {
  const frame = decodeFrame(line, 1, line.length - 1);
  ok(frame, "a frame");
  return frame;
}

const fingerprint = new Uint8Array(32).fill(0xf1);
const bare: Info = {
  protocol: 1,
  state: "unprovisioned",
  board: "esp8266",
  firmware: "0.1.0",
  mac: "",
  button: false,
  p256: false,
};
const identity = { id: "dormouse-1", kid: fromHex("82616101"), epoch: 0xffff_ffff };
const requests: readonly (readonly [Request, number, string])[] = [
  [{ kind: "hello" }, 1, "80"],
  [{ kind: "begin", keepWifi: true }, 2, "81f5"],
  [{ kind: "generate", key: "tls-key", subject: "d" }, 3, "8267746c732d6b65796164"],
  [
    { kind: "write", entry: "ca", total: 300, offset: 2, bytes: fromHex("00ff") },
    4,
    "8462636119012c024200ff",
  ],
  [{ kind: "commit", epoch: 0 }, 5, "8100"],
  [{ kind: "prove", key: "psk", nonce: new Uint8Array(16).fill(7) }, 6, `826370736b50${"07".repeat(16)}`],
  [{ kind: "erase" }, 7, "80"],
  [{ kind: "restart" }, 8, "80"],
];
const answers: readonly (readonly [Answer, number])[] = [
  [{ kind: "hello", info: bare }, 0x81],
  [{ kind: "hello", info: { ...bare, state: "staging", mac: "0123456789ab", wifiSsid: "" } }, 0x81],
  [{ kind: "hello", info: { ...bare, state: "locked", button: true, p256: true, device: identity } }, 0x81],
  [
    {
      kind: "hello",
      info: {
        ...bare,
        board: "b".repeat(40),
        wifiSsid: "s".repeat(32),
        device: { ...identity, certificate: fingerprint, signKey: fingerprint },
      },
    },
    0x81,
  ],
  [{ kind: "begin" }, 0x82],
  [{ kind: "generate", point: new Uint8Array(65).fill(4), csr: new Uint8Array(30) }, 0x83],
  [{ kind: "write", received: 4096 }, 0x84],
  [{ kind: "commit", device: { ...identity, certificate: fingerprint } }, 0x85],
  [{ kind: "commit", device: { ...identity, signKey: fingerprint } }, 0x85],
  [{ kind: "prove", nonce: new Uint8Array(16), proof: new Uint8Array(64) }, 0x86],
  [{ kind: "erase" }, 0x87],
  [{ kind: "restart" }, 0x88],
  ...errorKinds.map((error): [Answer, number] => [{ kind: "error", error, detail: "why" }, 0xff]),
];

test("each request has its type and one payload, and is read back", () => {
  for (const [request, type, payload] of requests) {
    const frame = frameOf(encodeRequest(request, 17));
    equal([frame.type, frame.sequence, hex(frame.payload)], [type, 17, payload], request.kind);
    equal(decodeRequest(frame), request);
  }
});

test("each answer is read back", () => {
  for (const [answer, type] of answers) {
    const frame = frameOf(encodeAnswer(answer, 200));
    equal([frame.type, frame.sequence], [type, 200]);
    equal(decodeAnswer(frame), answer);
  }
  bytes(
    frameOf(encodeAnswer({ kind: "hello", info: bare }, 0)).payload,
    "89016d756e70726f766973696f6e6564676573703832363665302e312e3060f4f4f6f6",
  );
});

/** Every change of one byte, every truncation, one byte more. */
function* damaged(payload: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < payload.length; i++)
    for (const change of [1, 32, 255]) {
      const changed = payload.slice();
      changed[i]! ^= change;
      yield changed;
    }
  for (let end = 0; end < payload.length; end++) yield payload.subarray(0, end);
  const longer = new Uint8Array(payload.length + 1);
  longer.set(payload);
  yield longer;
}

test("what is read is what would be written: one encoding for each message", () => {
  for (const [request] of requests) {
    const { type, payload } = frameOf(encodeRequest(request, 0));
    for (const changed of damaged(payload)) {
      const read = decodeRequest({ type, sequence: 0, payload: changed });
      if (typeof read !== "string") bytes(frameOf(encodeRequest(read, 0)).payload, hex(changed));
    }
  }
  for (const [answer] of [answers[3]!, answers[5]!, answers[9]!, answers[12]!]) {
    const { type, payload } = frameOf(encodeAnswer(answer, 0));
    for (const changed of damaged(payload)) {
      const read = decodeAnswer({ type, sequence: 0, payload: changed });
      if (read) bytes(frameOf(encodeAnswer(read, 0)).payload, hex(changed));
    }
  }
});

test("each bound, from both sides", () => {
  const cases: readonly (readonly [number, string, string])[] = [
    [1, "8100", "bad-request"],
    [1, "a0", "bad-request"],
    [1, "", "bad-request"],
    [2, "8100", "bad-request"],
    [3, "826263616164", "bad-request"], // no key is made for "ca"
    [5, "811affffffff", "commit"],
    [5, "811b0000000100000000", "bad-request"],
    [5, "8120", "bad-request"],
    [5, "81f98000", "bad-request"], // -0
    [5, "81f93e00", "bad-request"], // 1.5
    [6, `826370736b4f${"00".repeat(15)}`, "bad-request"],
    [6, `826370736b5820${"00".repeat(32)}`, "prove"],
    [6, `826370736b5821${"00".repeat(33)}`, "bad-request"],
    [6, `826263615820${"00".repeat(32)}`, "bad-request"],
    [4, "84626362000040", "unknown-entry"],
    [4, "84626361000040", "write"],
    [4, "84667265636f7264000040", "unknown-entry"], // the device record is nobody's to write
    [4, `8462636100005901c0${"00".repeat(448)}`, "write"],
    [4, `8462636100005901c1${"00".repeat(449)}`, "bad-request"],
    [9, "80", "unknown-request"],
    [0x1f, "ff", "unknown-request"],
  ];
  for (const [type, payload, expected] of cases) {
    const read = decodeRequest({ type, sequence: 0, payload: fromHex(payload) });
    equal(typeof read === "string" ? read : read.kind, expected, `${type} ${payload}`);
  }
});

test("a host takes no request for an answer, and no answer of another type", () => {
  for (const [request] of requests) equal(decodeAnswer(frameOf(encodeRequest(request, 0))), undefined);
  const cases: readonly (readonly [number, string, string | undefined])[] = [
    [0xff, "82666c6f636b65646161", "error"],
    [0xff, "82676c6f636b6564216161", undefined], // no kind of error
    [0xff, "81666c6f636b6564", undefined],
    [0x89, "80", undefined],
    [0x82, "80", "begin"],
    [0x81, "80", undefined],
    [0x83, `825841${"04".repeat(65)}4100`, "generate"],
    [0x83, `825840${"04".repeat(64)}4100`, undefined],
    [0x86, `8250${"00".repeat(16)}4100`, "prove"],
    [0x86, `8250${"00".repeat(16)}40`, undefined],
    [0x86, `824f${"00".repeat(15)}4100`, undefined],
  ];
  for (const [type, payload, expected] of cases)
    equal(decodeAnswer({ type, sequence: 0, payload: fromHex(payload) })?.kind, expected, payload);
});

test("a request that takes more than a frame is refused when it is made", () => {
  for (const [length, fits] of [
    [448, true],
    [512, false],
  ] as const) {
    let made = true;
    try {
      encodeRequest(
        { kind: "write", entry: "broker-password", total: 4096, offset: 4096, bytes: new Uint8Array(length) },
        0,
      );
    } catch {
      made = false;
    }
    equal(made, fits);
  }
});
