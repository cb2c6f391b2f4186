/**
 * Damaged traffic through what takes a port apart and reads its messages. Whatever comes: nothing throws, no frame and
 * no packet comes out that did not come in, what is read is what would be written, and what is whole is still found
 * afterwards.
 */
import { Demultiplexer, maxPauseMs, type PortEvent } from "../../lib/provisioning/demultiplexer.js";
import { encodeFrame, type Frame, maxPayloadBytes } from "../../lib/provisioning/frames.js";
import {
  encodeImprovCommand,
  encodeImprovResult,
  encodeImprovState,
  type ImprovPacket,
  improvTypes,
  readImprovCommand,
  readImprovMessage,
} from "../../lib/provisioning/improv.js";
import {
  type Answer,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type Request,
} from "../../lib/provisioning/messages.js";
import { fromHex, hex, ok } from "./harness.js";
import { Random } from "./mqtt-fuzz-random.js";
import { maxTrafficBytes, SerialDamage } from "./serial-fuzz-damage.js";

const requests: readonly Request[] = [
  { kind: "hello" },
  { kind: "begin", keepWifi: false },
  { kind: "generate", key: "sign-key", subject: "dormouse-1" },
  { kind: "write", entry: "wifi-password", total: 9, offset: 0, bytes: fromHex("70617373001020304f") },
  { kind: "write", entry: "ca", total: 700, offset: 250, bytes: new Uint8Array(448).fill(0x49) },
  { kind: "commit", epoch: 70_000 },
  { kind: "prove", key: "tls-key", nonce: new Uint8Array(16).fill(0) },
  { kind: "erase" },
  { kind: "restart" },
];

const identity = { id: "dormouse-1", kid: fromHex("826a646f726d6f7573652d3101"), epoch: 1 };
const answers: readonly Answer[] = [
  {
    kind: "hello",
    info: {
      protocol: 1,
      state: "locked",
      board: "esp32",
      firmware: "0.1.0",
      mac: "a0b1c2d3e4f5",
      button: true,
      p256: true,
      wifiSsid: "Burrow",
      device: { ...identity, certificate: new Uint8Array(32).fill(7) },
    },
  },
  { kind: "begin" },
  { kind: "generate", point: new Uint8Array(65).fill(4), csr: new Uint8Array(200).fill(0x30) },
  { kind: "write", received: 448 },
  { kind: "commit", device: identity },
  { kind: "prove", nonce: new Uint8Array(16), proof: new Uint8Array(32) },
  { kind: "error", error: "mismatch", detail: "the certificate is another key's" },
];

/** Whole traffic of both directions. */
export const originals: readonly Uint8Array[] = [
  ...requests.map((request, i) => encodeRequest(request, i)),
  ...answers.map((answer, i) => encodeAnswer(answer, i)),
  encodeImprovCommand({ command: 1, ssid: "Burrow", password: "hazelnut" }),
  encodeImprovCommand({ command: 2 }),
  encodeImprovCommand({ command: 4 }),
  encodeImprovState(2),
  encodeImprovResult(4, ["Burrow", "-60", "YES"]),
  fromHex("6c6f673a204929207761697420494d50524f560a"), // log: I) wait IMPROV
];

const nothing = new Uint8Array(0);

export class SerialCampaign {
  /** Pieces of traffic that went in. */
  fed = 0;
  /** How often what came out. */
  readonly seen: Record<string, number> = {};
  readonly #seed: number;
  readonly #random = new Random();
  readonly #damage = new SerialDamage(this.#random, originals);
  readonly #port = new Demultiplexer();
  #nowMs = 0;
  /** What came since the port was last at rest: a piece, or some more without a pause between. */
  readonly #stream = new Uint8Array(4 * maxTrafficBytes);
  #streamed = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  go(pieces: number): void {
    for (const end = this.fed + pieces; this.fed < end; this.fed++) {
      this.#random.seed(this.#seed + this.fed);
      try {
        this.#feed(this.#damage.next(), this.#random.once(4) ? 1 : maxPauseMs);
        if (this.#random.once(16)) this.#probe();
      } catch (error) {
        throw new Error(
          `piece ${this.fed} of seed ${this.#seed}, ${hex(this.#stream.subarray(0, this.#streamed))}: ${error}`,
        );
      }
    }
  }

  /** In one piece or two. */
  #feed(bytes: Uint8Array, pauseMs: number): void {
    const full = this.#streamed + bytes.length > this.#stream.length;
    this.#pause(full ? maxPauseMs : pauseMs);
    this.#stream.set(bytes, this.#streamed);
    this.#streamed += bytes.length;
    const cut = this.#random.below(bytes.length + 1);
    this.#judge(this.#port.receive(bytes.subarray(0, cut), this.#nowMs));
    this.#judge(this.#port.receive(bytes.subarray(cut), this.#nowMs));
  }

  #pause(pauseMs: number): void {
    this.#nowMs += pauseMs;
    this.#judge(this.#port.receive(nothing, this.#nowMs));
    if (pauseMs >= maxPauseMs) this.#streamed = 0;
  }

  #judge(events: readonly PortEvent[]): void {
    for (const event of events) {
      this.#count(event.kind);
      if (event.kind === "frame") this.#judgeFrame(event.frame);
      else if (event.kind === "improv") this.#judgePacket(event.packet);
      else if (event.kind === "line") ok(event.text.length <= 256, "a line is bounded");
    }
  }

  #judgeFrame(frame: Frame): void {
    const { type, sequence, payload } = frame;
    ok(payload.length <= maxPayloadBytes, "a payload is bounded");
    const line = encodeFrame(type, sequence, payload);
    ok(this.#cameIn(line), "this frame came in");
    const request = decodeRequest(frame);
    this.#count(`request ${typeof request === "string" ? request : request.kind}`);
    if (typeof request !== "string") ok(same(encodeRequest(request, sequence), line), "one encoding");
    const answer = decodeAnswer(frame);
    this.#count(`answer ${answer?.kind}`);
    if (answer) ok(same(encodeAnswer(answer, sequence), line), "one encoding");
    ok(typeof request === "string" || !answer, "no frame is both");
  }

  #judgePacket(packet: ImprovPacket): void {
    const { type, data } = packet;
    let sum = 0x1dd + 1 + type + data.length; // "IMPROV", and the version
    for (const byte of data) sum += byte;
    const whole = Uint8Array.of(0x49, 0x4d, 0x50, 0x52, 0x4f, 0x56, 1, type, data.length, ...data, sum & 255);
    ok(this.#cameIn(whole), "this packet came in");
    if (type === improvTypes.command) {
      const command = readImprovCommand(packet);
      this.#count(`command ${typeof command === "number" ? `error ${command}` : command.command}`);
    } else this.#count(`message ${readImprovMessage(packet)?.kind}`);
  }

  /** After a pause, what is whole comes out at once and as it went in. */
  #probe(): void {
    const line = this.#random.pick(originals.slice(0, requests.length + answers.length + 5));
    this.#pause(maxPauseMs);
    const events = this.#port.receive(line, this.#nowMs);
    ok(
      events.some(({ kind }) => kind === "frame" || kind === "improv"),
      "what is whole is found",
    );
    this.#count("probe");
  }

  #cameIn(wanted: Uint8Array): boolean {
    for (let start = 0; start + wanted.length <= this.#streamed; start++)
      if (same(this.#stream, wanted, start)) return true;
    return false;
  }

  #count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}

function same(a: Uint8Array, b: Uint8Array, start = 0): boolean {
  for (let i = 0; i < b.length; i++) if (a[start + i] !== b[i]) return false;
  return true;
}
