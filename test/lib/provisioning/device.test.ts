import { encodeFrame } from "../../../lib/provisioning/frames.js";
import { encodeRequest, type Request } from "../../../lib/provisioning/messages.js";
import { equal, ok, test } from "../../device/harness.js";
import {
  Bench,
  certifiedPlan,
  granted,
  joined,
  provision,
  pskPlan,
  refused,
  stage,
  writes,
} from "./bench.js";

test("a board says what it is, and that nobody has provisioned it", ({ crypto }) => {
  const bench = new Bench(crypto);
  equal(granted(bench.ask({ kind: "hello" }), "hello").info, {
    protocol: 1,
    state: "unprovisioned",
    board: "esp32c3",
    firmware: "0.1.0",
    mac: "a0b1c2d3e4f5",
    button: true,
    p256: true,
  });
  equal(bench.machine.helloAtMs, 1000);
  equal(bench.machine.heardAtMs, 1000);
});

test("what the profile asks for, and then the commit: the board is complete and locked", ({
  name,
  crypto,
}) => {
  for (const plan of name === "noble" ? [pskPlan] : [pskPlan, certifiedPlan]) {
    const bench = new Bench(crypto);
    const device = provision(bench.ask, plan);
    equal([device.id, device.epoch], ["dm-7", 3]);
    equal(device.certificate?.length, plan === certifiedPlan ? 32 : undefined);
    equal(device.signKey?.length, plan === certifiedPlan ? 32 : undefined);
    equal(bench.machine.state, "locked");
    equal(bench.store.log[bench.store.log.length - 1], "record", "the record comes last");
    const { info } = granted(bench.ask({ kind: "hello" }), "hello");
    equal(info.device, device);
    bench.reboot({ mode: "read-only" });
    equal(granted(bench.ask({ kind: "hello" }), "hello").info, info);
  }
});

test("a repeated request is answered alike, and not done again", ({ name, crypto }) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  const requests: Request[] = [
    { kind: "write", entry: "ca", total: 9, offset: 0, bytes: Uint8Array.of(1, 2) },
    { kind: "begin", keepWifi: false },
  ];
  if (name !== "noble") requests.push({ kind: "generate", key: "tls-key", subject: "dm-7" });
  for (const request of requests) {
    const frame = encodeRequest(request, 200);
    const first = bench.exchange(frame);
    const changes = bench.store.log.length;
    equal(granted(first.answer!, request.kind).kind, request.kind);
    equal(bench.exchange(frame).sent, first.sent, request.kind);
    equal(bench.store.log.length, changes, request.kind);
  }
  stage(bench.ask, pskPlan);
  const commit: Request = { kind: "commit", epoch: 3 };
  const first = bench.exchange(encodeRequest(commit, 200));
  granted(first.answer!, "commit");
  equal(bench.exchange(encodeRequest(commit, 200)).sent, first.sent);
  equal(refused(bench.exchange(encodeRequest(commit, 201)).answer!), "locked");
});

test("another request under the same number is another, and hello is always answered anew", ({ crypto }) => {
  const bench = new Bench(crypto);
  const hello = encodeRequest({ kind: "hello" }, 7);
  const before = bench.exchange(hello).answer!;
  equal(granted(before, "hello").info.wifiSsid, undefined);
  bench.store.write("wifi-ssid", "burrow");
  equal(granted(bench.exchange(hello).answer!, "hello").info.wifiSsid, "burrow");
  granted(bench.exchange(encodeRequest({ kind: "begin", keepWifi: true }, 7)).answer!, "begin");
  granted(bench.exchange(encodeRequest({ kind: "begin", keepWifi: false }, 7)).answer!, "begin");
  equal(bench.store.entries.has("wifi-ssid"), false);
});

/** All that a host can ask for which changes something. */
const changing: readonly Request[] = [
  { kind: "begin", keepWifi: false },
  { kind: "begin", keepWifi: true },
  { kind: "generate", key: "tls-key", subject: "dm-7" },
  { kind: "generate", key: "sign-key", subject: "dm-7" },
  { kind: "write", entry: "profile", total: 2, offset: 0, bytes: Uint8Array.of(0x7b, 0x7d) },
  { kind: "write", entry: "secret", total: 32, offset: 0, bytes: new Uint8Array(32).fill(1) },
  { kind: "write", entry: "wifi-password", total: 1, offset: 0, bytes: Uint8Array.of(0x41) },
  { kind: "write", entry: "tls-key", total: 1, offset: 0, bytes: Uint8Array.of(0x30) },
  { kind: "commit", epoch: 4 },
  { kind: "erase" },
];

test("a provisioned board refuses whatever changes it, until its flash is erased", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  const before = [...bench.store.entries];
  const changes = bench.store.log.length;
  for (const mode of ["open", "open", "read-only"] as const) {
    for (const request of changing) equal(refused(bench.ask(request)), "locked", request.kind);
    equal(bench.machine.state, "locked");
    bench.reboot({ mode });
  }
  equal(bench.store.log.length, changes);
  equal([...bench.store.entries], before);
  // the profile is gone: the record alone locks
  bench.store.delete("profile");
  bench.reboot();
  equal(granted(bench.ask({ kind: "hello" }), "hello").info.device, undefined);
  for (const request of changing) equal(refused(bench.ask(request)), "locked", request.kind);
  bench.store.delete("record");
  bench.reboot();
  granted(bench.ask(changing[0]!), "begin");
});

test("flash that cannot be read is not taken for one without a record", ({ crypto }) => {
  const bench = new Bench(crypto);
  bench.store.write("record", "text");
  bench.reboot();
  for (const request of changing) equal(refused(bench.ask(request)), "locked", request.kind);
});

test("a board that serves to be read is not changed, provisioned or not", ({ crypto }) => {
  const bench = new Bench(crypto, { mode: "read-only" });
  for (const request of changing) equal(refused(bench.ask(request)), "locked", request.kind);
  equal(bench.store.log, []);
});

test("before begin nothing is written", ({ crypto }) => {
  const bench = new Bench(crypto);
  for (const request of changing.slice(2, -1)) equal(refused(bench.ask(request)), "not-begun", request.kind);
  equal(bench.store.log, []);
  granted(bench.ask({ kind: "erase" }), "erase");
  equal(refused(bench.ask({ kind: "commit", epoch: 1 })), "not-begun");
});

test("what was staged does not outlive erase, begin or the power", ({ crypto }) => {
  const commit: Request = { kind: "commit", epoch: 3 };
  const afterwards: ((bench: Bench) => string)[] = [
    (bench) => {
      granted(bench.ask({ kind: "erase" }), "erase");
      return refused(bench.ask(commit));
    },
    (bench) => {
      granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
      return refused(bench.ask(commit));
    },
    (bench) => {
      bench.reboot();
      return refused(bench.ask(commit));
    },
    (bench) => {
      bench.machine.close();
      return refused(bench.ask(commit));
    },
  ];
  const outcomes = afterwards.map((happen) => {
    const bench = new Bench(crypto);
    stage(bench.ask, pskPlan);
    const outcome = happen(bench);
    equal(bench.store.entries.has("record"), false);
    return outcome;
  });
  equal(outcomes, ["not-begun", "incomplete", "not-begun", "not-begun"]);
});

test("restart is asked of the shell, behind the answer", ({ crypto }) => {
  const bench = new Bench(crypto);
  const effects = bench.machine.handle(
    { type: "bytes", bytes: encodeRequest({ kind: "restart" }, 1) },
    bench.nowMs,
  );
  equal(
    effects.map(({ type }) => type),
    ["send", "restart"],
  );
});

/** Frames that are whole, and say nothing. */
const nonsense = (sequence: number) => encodeFrame(4, sequence, Uint8Array.of(1, 2, 3));
const noise = Uint8Array.of(0, 1, 2, 3, 0);

test("eight bad frames in a row cost nothing, each further one doubles the wait, up to five seconds", ({
  crypto,
}) => {
  const waits = (bad: number) => {
    const bench = new Bench(crypto);
    for (let i = 0; i < bad; i++) equal(bench.exchange(noise).sent.length, 0, "noise has no answer");
    const { answer, notBeforeMs } = bench.exchange(encodeRequest({ kind: "hello" }, 1));
    granted(answer!, "hello");
    return notBeforeMs - bench.nowMs;
  };
  equal([0, 8, 9, 10, 14, 15, 2000].map(waits), [0, 0, 100, 200, 3200, 5000, 5000]);
});

test("while an answer waits nothing else is answered; a good request ends the slowness", ({ crypto }) => {
  const bench = new Bench(crypto);
  const delays: number[] = [];
  for (let i = 0; i < 12; i++) {
    const { answer, notBeforeMs } = bench.exchange(nonsense(i));
    equal(refused(answer!), "bad-request");
    delays.push(notBeforeMs - bench.nowMs);
    bench.nowMs = notBeforeMs;
  }
  equal(delays, [0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 400, 800]);
  const slow = bench.exchange(encodeRequest({ kind: "hello" }, 90));
  equal(slow.notBeforeMs - bench.nowMs, 800);
  for (const afterMs of [0, 799]) {
    bench.nowMs += afterMs;
    equal(bench.exchange(encodeRequest({ kind: "begin", keepWifi: false }, 91)).sent.length, 0);
    equal(bench.machine.state, "unprovisioned");
  }
  bench.nowMs += 1;
  const next = bench.exchange(encodeRequest({ kind: "begin", keepWifi: false }, 91));
  granted(next.answer!, "begin");
  equal(next.notBeforeMs, bench.nowMs);
});

test("what a host can ask for unknown is named, and its own answers are no requests", ({ crypto }) => {
  const bench = new Bench(crypto);
  equal(refused(bench.exchange(encodeFrame(30, 1, Uint8Array.of(0x80))).answer!), "unknown-request");
  equal(refused(bench.exchange(encodeFrame(4, 2, Uint8Array.of(0x80))).answer!), "bad-request");
  equal(bench.machine.heardAtMs, undefined);
  const { sent } = bench.exchange(encodeRequest({ kind: "hello" }, 3));
  for (let i = 0; i < 20; i++) equal(bench.exchange(sent).sent.length, 0, "an echo");
  equal(bench.exchange(encodeRequest({ kind: "hello" }, 4)).notBeforeMs, bench.nowMs, "nor bad");
});

test("of what comes at once a few requests are answered", ({ crypto }) => {
  const bench = new Bench(crypto);
  const many = Array.from({ length: 40 }, (_, i) => encodeRequest({ kind: "hello" }, i));
  const effects = bench.machine.handle({ type: "bytes", bytes: joined(many) }, bench.nowMs);
  equal(effects.length, 4);
  granted(bench.ask({ kind: "hello" }), "hello");
});

test("a request is found between lines of a log, and in pieces of one byte", ({ crypto }) => {
  const bench = new Bench(crypto);
  const frame = encodeRequest({ kind: "hello" }, 1);
  const line = Uint8Array.from("boot: ok\r\n", (letter) => letter.charCodeAt(0));
  const stream = joined([line, frame, line, line, frame]);
  let answers = 0;
  for (const byte of stream) {
    if (bench.exchange(Uint8Array.of(byte)).answer) answers++;
    bench.nowMs += 3;
  }
  equal(answers, 2);
});

test("half a frame is forgotten after a pause, when the time is told", ({ crypto }) => {
  const bench = new Bench(crypto);
  const frame = encodeRequest({ kind: "hello" }, 1);
  equal(bench.machine.nextWakeAtMs, undefined);
  bench.exchange(frame.subarray(0, 6));
  const wakeAtMs = bench.machine.nextWakeAtMs!;
  ok(wakeAtMs > bench.nowMs, "a time to be told of");
  bench.machine.handle({ type: "time" }, wakeAtMs);
  equal(bench.machine.nextWakeAtMs, undefined);
  bench.nowMs = wakeAtMs;
  granted(bench.exchange(frame).answer!, "hello");
});

test("a store that throws is an answer, and the machine goes on", ({ crypto }) => {
  const bench = new Bench(crypto);
  bench.store.write("ca", Uint8Array.of(1));
  bench.store.changesLeft = 0;
  for (const kind of ["erase", "begin"] as const)
    equal(
      refused(bench.ask(kind === "begin" ? { kind, keepWifi: false } : { kind })),
      "storage-failed",
      kind,
    );
  equal(bench.machine.state, "unprovisioned");
  bench.store.changesLeft = 1;
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  equal(refused(bench.ask(writes("ca", Uint8Array.of(1))[0]!)), "storage-failed");
});
