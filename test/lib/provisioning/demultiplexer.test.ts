import { utf8Encode } from "../../../lib/cbor/utf8.js";
import { Demultiplexer, maxPauseMs, type PortEvent } from "../../../lib/provisioning/demultiplexer.js";
import { encodeFrame, maxFrameBytes } from "../../../lib/provisioning/frames.js";
import {
  encodeImprovCommand,
  encodeImprovResult,
  encodeImprovState,
  improvStates,
} from "../../../lib/provisioning/improv.js";
import { equal, fromHex, hex, test } from "../../device/harness.js";
import { Random } from "../../device/mqtt-fuzz-random.js";

function told(event: PortEvent): string {
  switch (event.kind) {
    case "frame":
      return `frame ${event.frame.type} ${event.frame.sequence} ${hex(event.frame.payload)}`;
    case "improv":
      return `improv ${event.packet.type} ${hex(event.packet.data)}`;
    case "line":
      return `line ${event.text}`;
    case "bad":
      return event.improv ? "bad improv" : "bad";
  }
}

function join(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const all = parts.map((part) => (typeof part === "string" ? utf8Encode(part) : part));
  const out = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** What it says to `line`, at once and in every other way of cutting it, which are the same. */
function eventsOf(line: Uint8Array): string[] {
  const whole = new Demultiplexer().receive(line, 0).map(told);
  const byOne = new Demultiplexer();
  const single: string[] = [];
  for (let i = 0; i < line.length; i++) single.push(...byOne.receive(line.subarray(i, i + 1), i).map(told));
  equal(single, whole, "byte by byte");
  return whole;
}

const request = encodeFrame(4, 9, fromHex("8201420000"));
const frame = "frame 4 9 8201420000";
const scan = encodeImprovCommand({ command: 4 });
const improv = "improv 3 0400";
const wifi = encodeImprovCommand({ command: 1, ssid: "net\x01", password: "pass word" });

test("frames, packets and lines side by side, in order, however they are cut", () => {
  const line = join(
    "boot 1\r\n",
    request,
    scan,
    "\n\n",
    request,
    request,
    "half",
    request,
    " a line\n",
    wifi,
  );
  equal(eventsOf(line), [
    "line boot 1",
    frame,
    improv,
    frame,
    frame,
    "line half",
    frame,
    "line  a line",
    "improv 3 010f046e657401097061737320776f7264",
  ]);
});

test("a false start swallows nothing behind it", () => {
  const largest = encodeFrame(1, 0, new Uint8Array(512).fill(1));
  const starts: readonly (Uint8Array | string)[] = [
    fromHex("00"),
    fromHex("000000"),
    fromHex("0005010203ff"),
    "IMPRO",
    "IMPROV\x01",
    "IIMPROVIMPROV\x01\x03",
    "IMPROV\x01\x03\x06\x01\x04",
    "IMPROV\x01\x04\x20\x01\x1e",
    request.subarray(0, 5),
    request.subarray(0, request.length - 1),
    wifi.subarray(0, 20),
    largest.subarray(0, 3),
    fromHex("ff00fe00fd"),
    "text without an end",
    "Grüße",
  ];
  for (const start of starts) {
    for (const [what, expected] of [
      [request, frame],
      [scan, improv],
      [join("\nlog\n"), "line log"],
    ] as const) {
      const port = new Demultiplexer();
      const events = port.receive(join(start, what), 0);
      events.push(...port.receive(new Uint8Array(0), maxPauseMs));
      equal(events.map(told).includes(expected), true, `${expected} behind ${hex(join(start))}`);
    }
  }
});

test("what is held waits for its rest as long as the pause is short, and not longer", () => {
  for (const whole of [request, scan])
    for (let cut = 2; cut < whole.length - 1; cut++) {
      for (const pause of [maxPauseMs - 1, maxPauseMs]) {
        const port = new Demultiplexer();
        equal(port.receive(whole.subarray(0, cut), 1000), []);
        equal(port.nextWakeAtMs, 1000 + maxPauseMs);
        const events = port.receive(whole.subarray(cut), 1000 + pause).map(told);
        const expected = whole === request ? frame : improv;
        equal(events.includes(expected), pause < maxPauseMs, `cut at ${cut}, pause ${pause}`);
        // And what is sent once more arrives.
        const again = port.receive(whole, 1000 + pause + maxPauseMs).map(told);
        equal(again[again.length - 1], expected);
        equal(port.nextWakeAtMs, undefined);
      }
    }
});

test("a damaged frame is bad, and a damaged packet says that it was one", () => {
  const damaged = request.slice();
  damaged[4]! ^= 1;
  equal(eventsOf(join(damaged, request)), ["bad", frame]);
  const wrongSum = scan.slice();
  wrongSum[wrongSum.length - 2]! ^= 1;
  equal(eventsOf(join(wrongSum, scan)), ["bad improv", "bad", "bad", improv]);
  equal(eventsOf(join("\x07\n", scan)), ["bad", improv]);
  equal(eventsOf(join(fromHex("c3280a"), request)), ["bad", frame]);
});

test("a long line comes in pieces, none of which cuts a character", () => {
  const text = `a${"é".repeat(200)}${"€".repeat(100)}${"\u{1f42d}".repeat(100)}`;
  const events = eventsOf(join(text, "\n"));
  equal(events.map((event) => event.slice("line ".length)).join(""), text);
  equal(events.length > 3, true);
  equal(eventsOf(join("\t\x1b[31mred\n")), ["line \t\x1b[31mred"]);
});

test("the largest frame and the largest packet fit, and a packet may hold zeros and line feeds", () => {
  const payload = new Uint8Array(512).fill(7);
  equal(encodeFrame(1, 0, payload).length, maxFrameBytes);
  equal(eventsOf(encodeFrame(1, 0, payload)), [`frame 1 0 ${hex(payload)}`]);
  const packet = encodeImprovResult(4, ["x".repeat(252)]);
  equal(eventsOf(packet).length, 1);
  equal(eventsOf(join(encodeImprovState(improvStates.ready), packet))[0], "improv 1 02");
  equal(eventsOf(encodeImprovResult(10, ["\n".repeat(8)])), ["improv 4 0a09080a0a0a0a0a0a0a0a"]);
});

test("after clear, nothing of what was held comes out", () => {
  const port = new Demultiplexer();
  port.receive(join("secret", request.subarray(0, 8)), 0);
  port.clear();
  equal(port.nextWakeAtMs, undefined);
  equal(
    port
      .receive(join(request.subarray(8), "\n"), 1)
      .map(told)
      .includes(frame),
    false,
  );
  equal(port.receive(join(request), 2).map(told).pop(), frame);
});

test("noise between them, and not a frame or packet is lost", () => {
  const random = new Random();
  for (let round = 0; round < 60; round++) {
    random.seed(round);
    const parts: Uint8Array[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 4; i++) {
      const noise = new Uint8Array(random.below(60));
      const alphabet = [0, 0, 10, 0x49, 0x4d, 1, 3, 255];
      for (let k = 0; k < noise.length; k++)
        noise[k] = random.once(2) ? random.pick(alphabet) : random.below(256);
      parts.push(noise, random.once(2) ? request : scan);
      expected.push(parts[parts.length - 1] === request ? frame : improv);
    }
    const port = new Demultiplexer();
    const events = parts.flatMap((part) => port.receive(part, 0));
    events.push(...port.receive(new Uint8Array(0), maxPauseMs));
    const found = events.map(told).filter((event) => event === frame || event === improv);
    equal(found, expected, `round ${round}`);
  }
});
