/** No message reads a secret: with every secret there is in flash or staged, no answer to anything has a part of one. */

import { generateP256 } from "../../../lib/crypto/p256-generate.js";
import { p256PrivateNumber } from "../../../lib/crypto/p256-key.js";
import type { Demultiplexer } from "../../../lib/provisioning/demultiplexer.js";
import { encodeFrame } from "../../../lib/provisioning/frames.js";
import { encodeImprovCommand } from "../../../lib/provisioning/improv.js";
import {
  encodeRequest,
  entryNames,
  generatedKeys,
  provableKeys,
  type Request,
} from "../../../lib/provisioning/messages.js";
import { equal, hex, ok, test, throws } from "../../device/harness.js";
import {
  Bench,
  byPsk,
  ca,
  certifiedPlan,
  granted,
  joined,
  profileBytes,
  provision,
  pskPlan,
  stage,
  textBytes,
  writes,
} from "./bench.js";

type Crypto = ConstructorParameters<typeof Bench>[0];

/** So few bytes in a row may be found in an answer by chance. */
const runBytes = 6;

/** Secrets that say nothing else by chance. */
function secrets(crypto: Crypto): Map<string, Uint8Array> {
  const of = (length: number) => {
    const bytes = crypto.random(length);
    return bytes.map((byte) => 0x21 + (byte % 94));
  };
  return new Map([
    ["secret", crypto.random(32)],
    ["wifi-password", of(20)],
    ["broker-password", of(20)],
    ["jwt-key", crypto.random(32)],
    ["tls-psk", crypto.random(32)],
    ["tls-key", generateP256(crypto)],
    ["sign-key", generateP256(crypto)],
  ]);
}

function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Of a key in DER, the number: the rest of it is no secret. */
function secretPart(name: string, bytes: Uint8Array): Uint8Array {
  return name === "tls-key" || name === "sign-key" ? p256PrivateNumber(bytes) : bytes;
}

class Watch {
  private readonly runs = new Map<string, string>();
  answers = 0;

  add(name: string, bytes: Uint8Array): void {
    const text = hex(secretPart(name, bytes));
    for (let at = 0; at + 2 * runBytes <= text.length; at += 2)
      this.runs.set(text.slice(at, at + 2 * runBytes), name);
  }

  look(sent: Uint8Array, what: string): void {
    this.answers++;
    const text = hex(sent);
    for (let at = 0; at + 2 * runBytes <= text.length; at += 2) {
      const found = this.runs.get(text.slice(at, at + 2 * runBytes));
      if (found) throw new Error(`the answer to ${what} has a part of ${found}`);
    }
  }
}

function everything(): { what: string; bytes: Uint8Array }[] {
  const nonce = new Uint8Array(16);
  const requests: Request[] = [
    { kind: "hello" },
    ...provableKeys.map((key) => ({ kind: "prove", key, nonce }) as const),
    ...generatedKeys.map((key) => ({ kind: "generate", key, subject: "dm-7" }) as const),
    ...entryNames.flatMap((entry): Request[] => [
      { kind: "write", entry, total: 40, offset: 32, bytes: new Uint8Array(8) },
      { kind: "write", entry, total: 32, offset: 0, bytes: new Uint8Array(0) },
      { kind: "write", entry, total: 9999, offset: 0, bytes: new Uint8Array(1) },
    ]),
    { kind: "commit", epoch: 1 },
    { kind: "begin", keepWifi: true },
    { kind: "erase" },
    { kind: "restart" },
  ];
  const framed = requests.map((request, i) => ({
    what: request.kind as string,
    bytes: encodeRequest(request, i),
  }));
  for (let type = 1; type < 32; type++)
    for (const payload of ["80", "8161", "82", "83f6f6f6"])
      framed.push({ what: `type ${type}`, bytes: encodeFrame(type, type, textBytes(payload)) });
  for (const command of [2, 3, 4] as const)
    framed.push({ what: `Improv ${command}`, bytes: encodeImprovCommand({ command }) });
  framed.push({ what: "Improv 1", bytes: encodeImprovCommand({ command: 1, ssid: "s", password: "" }) });
  return framed;
}

function askAll(bench: Bench, watch: Watch): void {
  for (const { what, bytes } of everything()) {
    bench.nowMs += 10_000;
    const { sent, notBeforeMs } = bench.exchange(bytes);
    watch.look(sent, what);
    if (notBeforeMs > bench.nowMs) bench.nowMs = notBeforeMs;
    for (const event of [
      { type: "scanned", networks: [{ ssid: "s", rssi: -40, secured: true }] },
      { type: "joined", ok: true, attempt: 1 },
    ] as const)
      watch.look(bench.read(bench.machine.handle(event, bench.nowMs)).sent, what);
  }
}

test("no answer has any part of a secret, whatever the state and the question", ({ crypto }) => {
  for (const state of ["unprovisioned", "staging", "locked", "read-only"] as const) {
    const watch = new Watch();
    const bench = new Bench(crypto);
    const own = secrets(crypto);
    const plan = {
      ...pskPlan,
      entries: [
        ["secret", own.get("secret")!],
        ["wifi-password", own.get("wifi-password")!],
        ["tls-psk", own.get("tls-psk")!],
      ] as const,
    };
    if (state === "locked" || state === "read-only") provision(bench.ask, plan);
    else if (state === "staging") stage(bench.ask, plan);
    for (const [entry, bytes] of own) {
      watch.add(entry, bytes);
      if (entry === "secret") continue;
      bench.store.write(entry, entry === "wifi-password" ? textOf(bytes) : bytes);
    }
    if (state === "unprovisioned") bench.store.write("profile", textOf(profileBytes(byPsk)));
    bench.store.write("tls-cert", ca);
    if (state === "read-only") bench.reboot({ mode: "read-only" });
    askAll(bench, watch);
    ok(watch.answers > 150, "all were asked");
  }
});

test("a part of a secret in an answer would be noticed", ({ crypto }) => {
  const watch = new Watch();
  const bench = new Bench(crypto);
  const password = secrets(crypto).get("wifi-password")!;
  watch.add("wifi-password", password);
  bench.store.write("wifi-ssid", `x${textOf(password.subarray(3, 3 + runBytes))}y`);
  throws(() => askAll(bench, watch), Error, /the answer to hello has a part of wifi-password/);
});

test("nor has the answer to a request that has just written one", ({ name, crypto }) => {
  const watch = new Watch();
  const bench = new Bench(crypto);
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  for (const [entry, bytes] of secrets(crypto)) {
    watch.add(entry, bytes);
    for (const part of writes(entry as (typeof entryNames)[number], bytes, 7))
      watch.look(bench.exchange(encodeRequest(part, bench.sequence++)).sent, `write ${entry}`);
    if (name === "noble") continue;
    for (const key of generatedKeys) {
      const { sent } = bench.exchange(
        encodeRequest({ kind: "generate", key, subject: "dm-7" }, bench.sequence++),
      );
      watch.add(key, bench.store.readBytes(key)!);
      watch.look(sent, `generate ${key}`);
    }
  }
});

test("what holds a secret is zeroed: what came, what was staged, what was read", ({ name, crypto }) => {
  for (const plan of name === "noble" ? [pskPlan] : [pskPlan, certifiedPlan]) {
    const given: Uint8Array[] = [];
    const bench = new Bench(crypto);
    bench.store.watch = (key, bytes) => {
      if (key !== "ca" && key !== "tls-cert" && key !== "former-ids") given.push(bytes);
    };
    const frames: Uint8Array[] = [];
    watchFrames(bench, frames);
    provision(bench.ask, plan);
    bench.ask({ kind: "hello" });
    for (const key of provableKeys) bench.ask({ kind: "prove", key, nonce: new Uint8Array(16) });
    for (const bytes of [joined(given), joined(frames)]) {
      ok(bytes.length > 100, "something was read");
      equal(hex(bytes).replaceAll("0", ""), "", "zeroed");
    }
  }
});

/** Behind the machine's back: the payloads that its port gives it. */
function watchFrames(bench: Bench, frames: Uint8Array[]): void {
  const port = Reflect.get(bench.machine, "port") as Demultiplexer;
  Object.defineProperty(bench.machine, "port", {
    value: {
      receive: (bytes: Uint8Array, nowMs: number) => {
        const events = port.receive(bytes, nowMs);
        for (const event of events) if (event.kind === "frame") frames.push(event.frame.payload);
        return events;
      },
    },
  });
}
