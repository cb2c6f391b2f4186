/**
 * A board's end of provisioning over a line that damages what is sent. Whatever comes: it does not throw; it changes its
 * state, its flash or what it says only after a request or packet that really came in; a locked board never changes; what
 * it answers is bounded, answers somebody, and holds no secret; and afterwards it still answers.
 */
import type { Crypto } from "../../lib/crypto/crypto.js";
import type { ProvisioningDevice } from "../../lib/provisioning/device.js";
import type { DeviceEffect, DeviceEvent } from "../../lib/provisioning/device-shell.js";
import { maxFrameBytes } from "../../lib/provisioning/frames.js";
import { encodeImprovCommand } from "../../lib/provisioning/improv.js";
import { decodeAnswer, encodeAnswer, encodeRequest, type Request } from "../../lib/provisioning/messages.js";
import {
  Bench,
  board,
  profileBytes,
  provision,
  psk,
  pskPlan,
  secret,
  stage,
  textBytes,
  writes,
} from "../lib/provisioning/bench.js";
import { MemoryStore } from "../lib/provisioning/memory-store.js";
import { hex, ok } from "./harness.js";
import { Random } from "./mqtt-fuzz-random.js";
import { maxTrafficBytes, SerialDamage } from "./serial-fuzz-damage.js";
import { commandsIn, framesIn } from "./serial-reader.js";

const piecesInLife = 100;
/** What a shell hands on at once. */
const portBytes = 128;
/** Longer than any answer is held back. */
const restMs = 6000;
/** Of one event, to frames. */
const maxAnswers = 4;
/** To packets too. */
const maxSends = 16;
/** Error, state and result besides. */
const maxSentBytes = 4 * maxFrameBytes;

const nonce = new Uint8Array(16).fill(9);
const requests: readonly Request[] = [
  { kind: "hello" },
  { kind: "begin", keepWifi: false },
  { kind: "begin", keepWifi: true },
  ...writes("profile", profileBytes(pskPlan.profile), 200),
  ...pskPlan.entries.flatMap(([entry, bytes]) => writes(entry, bytes, 20)),
  { kind: "generate", key: "tls-key", subject: "dm-7" },
  { kind: "commit", epoch: 3 },
  { kind: "commit", epoch: 4 },
  { kind: "prove", key: "secret", nonce },
  { kind: "prove", key: "psk", nonce },
  { kind: "erase" },
  { kind: "restart" },
];

const traffic: readonly Uint8Array[] = [
  ...requests.map((request, i) => encodeRequest(request, i)),
  encodeImprovCommand({ command: 1, ssid: "burrow", password: "correct horse" }),
  encodeImprovCommand({ command: 1, ssid: "meadow", password: "" }),
  encodeImprovCommand({ command: 2 }),
  encodeImprovCommand({ command: 3 }),
  encodeImprovCommand({ command: 4 }),
  encodeAnswer({ kind: "erase" }, 9), // an echo
  storm(),
  textBytes("I (312) wifi: IMPROV\r\n"),
];

/** As many requests as come at once. */
function storm(): Uint8Array {
  const hello = encodeRequest({ kind: "hello" }, 77);
  const all = new Uint8Array(portBytes);
  for (let at = 0; at + hello.length <= all.length; at += hello.length) all.set(hello, at);
  return all;
}

/** The beginnings of what no answer may hold. */
const secrets = [secret, psk, textBytes("correct horse")].map((bytes) => bytes.subarray(0, 6));

type Start = "unprovisioned" | "with Wi-Fi" | "staged" | "locked" | "read-only";
const starts: readonly Start[] = ["unprovisioned", "with Wi-Fi", "staged", "staged", "locked", "read-only"];

export class ProvisioningCampaign {
  /** Pieces of damaged traffic that went in. */
  fed = 0;
  /** How often what happened. */
  readonly seen: Record<string, number> = {};
  readonly #crypto: Crypto;
  readonly #seed: number;
  readonly #random = new Random();
  readonly #damage = new SerialDamage(this.#random, traffic);
  readonly #stream = new Uint8Array(4 * maxTrafficBytes);
  #streamed = 0;
  readonly #provisioned: MemoryStore;

  #store = new MemoryStore();
  #machine: ProvisioningDevice;
  #nowMs = 0;

  constructor(crypto: Crypto, seed: number) {
    this.#crypto = crypto;
    this.#seed = seed;
    const bench = new Bench(crypto);
    provision(bench.ask, pskPlan);
    this.#provisioned = bench.store;
    this.#machine = bench.machine;
  }

  go(pieces: number): void {
    for (const end = this.fed + pieces; this.fed < end; ) {
      this.#random.seed(this.#seed + this.fed);
      const start = this.#random.pick(starts);
      this.#begin(start);
      try {
        for (let i = 0; i < piecesInLife; i++, this.fed++) this.#feed(this.#damage.next());
        this.#probe();
      } catch (error) {
        const line = hex(this.#stream.subarray(0, this.#streamed));
        throw new Error(`piece ${this.fed} of seed ${this.#seed}, ${start}: ${line}: ${error}`);
      }
    }
  }

  #begin(start: Start): void {
    const locked = start === "locked" || start === "read-only";
    const wifi = [["wifi-ssid", "burrow"]] as const;
    this.#store = new MemoryStore(locked ? this.#provisioned.entries : start === "with Wi-Fi" ? wifi : []);
    const mode = start === "read-only" ? "read-only" : "open";
    // Making a key takes a hundred times as long as all the rest.
    const options = { mode, board: { ...board, p256: this.#random.once(20) } } as const;
    const bench = new Bench(this.#crypto, options, this.#store);
    if (start === "staged") stage(bench.ask, pskPlan);
    this.#machine = bench.machine;
    this.#nowMs = bench.nowMs + restMs;
    this.#streamed = 0;
    this.#count(start);
  }

  #feed(bytes: Uint8Array): void {
    const pauseMs = this.#random.once(3) ? this.#random.below(100) : restMs;
    this.#nowMs += pauseMs;
    if (pauseMs === restMs || this.#streamed + bytes.length > this.#stream.length) this.#rest();
    this.#stream.set(bytes, this.#streamed);
    this.#streamed += bytes.length;
    for (let at = 0; at < bytes.length; at += portBytes)
      this.#tell({ type: "bytes", bytes: bytes.slice(at, at + portBytes) });
  }

  #rest(): void {
    this.#nowMs += restMs;
    this.#tell({ type: "time" });
    this.#streamed = 0;
  }

  #tell(event: DeviceEvent): void {
    const { state } = this.#machine;
    const changes = this.#store.log.length;
    const effects = this.#machine.handle(event, this.#nowMs);
    const changed = this.#store.log.length > changes || this.#machine.state !== state;
    if (!changed && effects.length === 0) return;
    if (changed) this.#count(`${state} to ${this.#machine.state}`);
    ok(!changed || state !== "locked", "a locked board stays as it is");
    if (event.type === "bytes" || event.type === "time") this.#judge(event.type, effects, changed);
    for (const effect of effects) this.#carryOut(effect);
  }

  #judge(type: "bytes" | "time", effects: readonly DeviceEffect[], changed: boolean): void {
    const line = this.#stream.subarray(0, this.#streamed);
    const frames = framesIn(line);
    const commands = commandsIn(line);
    ok(!changed || frames.length > 0, "a change has its request");
    let sent = 0;
    let sends = 0;
    let answers = 0;
    for (const effect of effects) {
      this.#count(effect.type);
      if (effect.type === "restart") ok(frames.length > 0, "a restart has its request");
      if (effect.type === "scan")
        ok(
          commands.some(([command]) => command === 4),
          "a scan was asked for",
        );
      if (effect.type === "join")
        ok(
          commands.some((data) => data[0] === 1 && data[2] === effect.ssid.length),
          "a network was given",
        );
      if (effect.type !== "send") continue;
      sends++;
      sent += effect.bytes.length;
      ok(effect.notBeforeMs <= this.#nowMs + 5000, "an answer is held back for 5 s at most");
      const [answer] = framesIn(effect.bytes);
      if (answer) {
        answers++;
        this.#judgeAnswer(answer, frames);
      } else if (type === "bytes") ok(line.includes(0x49), "Improv's answer has a packet, if a damaged one");
      for (const known of secrets) ok(!holds(effect.bytes, known), "an answer holds no secret");
    }
    ok(
      answers <= maxAnswers && sends <= maxSends && sent <= maxSentBytes,
      `${sends} answers of ${sent} bytes`,
    );
  }

  #judgeAnswer(answer: ReturnType<typeof framesIn>[0], frames: ReturnType<typeof framesIn>): void {
    const { type, sequence, payload } = answer;
    const read = decodeAnswer({ type, sequence, payload: Uint8Array.from(payload) });
    ok(read, "an answer can be read");
    this.#count(read.kind === "error" ? `error ${read.error}` : `answer ${read.kind}`);
    const asked = frames.some(
      (frame) => frame.sequence === sequence && (type === 0xff || (type ^ 0x80) === frame.type),
    );
    ok(asked, "an answer has its request");
  }

  #carryOut(effect: DeviceEffect): void {
    if (effect.type === "join")
      this.#tell({ type: "joined", ok: !this.#random.once(4), attempt: effect.attempt });
    if (effect.type === "scan") {
      const networks = [{ ssid: "burrow", rssi: -60, secured: true }];
      this.#tell({ type: "scanned", networks: this.#random.once(4) ? [] : networks });
    }
  }

  /** When all is quiet, it says how things are. */
  #probe(): void {
    this.#nowMs += 40_000; // what it waits for by Improv is over then, and may be answered late
    this.#rest();
    this.#nowMs += restMs;
    const bytes = encodeRequest({ kind: "hello" }, 250);
    const effects = this.#machine.handle({ type: "bytes", bytes }, this.#nowMs);
    const [sent] = effects;
    ok(effects.length === 1 && sent?.type === "send", "one answer");
    const [frame] = framesIn(sent.bytes);
    ok(frame, "a frame");
    const answer = decodeAnswer({ ...frame, payload: Uint8Array.from(frame.payload) });
    ok(answer?.kind === "hello" && answer.info.state === this.#machine.state, "it says what it is");
    this.#count("probe");
  }

  #count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1;
  }
}

function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1))
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return true;
  return false;
}
