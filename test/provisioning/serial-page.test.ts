/** docs/serial.md against both ends: its examples on the line, its names and its numbers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { decode } from "../../lib/cbor/decode.js";
import { Demultiplexer, maxPauseMs } from "../../lib/provisioning/demultiplexer.js";
import { maxPayloadBytes } from "../../lib/provisioning/frames.js";
import { encodeImprovCommand } from "../../lib/provisioning/improv.js";
import {
  decodeAnswer,
  decodeRequest,
  deviceNonceBytes,
  encodeAnswer,
  encodeRequest,
  entryNames,
  errorKinds,
  type Info,
  maxEntryBytes,
  maxNonceBytes,
  maxWriteBytes,
  minNonceBytes,
  type Request,
} from "../../lib/provisioning/messages.js";
import { maxProfileBytes } from "../../lib/store/profile.js";
import { fromHex, hex } from "../device/harness.js";
import { framesIn } from "../device/serial-reader.js";

const page = readFileSync(join(root, "docs/serial.md"), "utf8");

function section(heading: string): string {
  const part = page.split(/\n#+ /).find((text) => text.startsWith(`${heading}\n`));
  assert.ok(part, heading);
  return part;
}

/** The rows of the section's tables, without heads. */
function rows(heading: string): string[][] {
  return section(heading)
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[ |-]*\|$/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** What stands in backquotes. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]*)`/g)].map(([, word]) => word!);
}

const example = new Map(rows("Example").map(([what, cell]) => [what!, quoted(cell!)[0]!]));

test("the example's request is ours, and each step to it is as it is written", () => {
  const line = fromHex(example.get("request, on the line")!);
  assert.equal(hex(line), hex(encodeRequest({ kind: "hello" }, 7)));
  const [frame] = framesIn(line);
  const { type, sequence, payload } = frame!;
  const plain = example.get("before COBS")!.replaceAll(" ", "");
  assert.equal(hex(Uint8Array.of(type, sequence, 0, payload.length, ...payload)), plain.slice(0, -8));
  assert.equal(hex(Uint8Array.from(payload)), example.get("payload"));
});

test("the example's answer is ours, and says what stands below it", () => {
  const info: Info = {
    protocol: 1,
    state: "unprovisioned",
    board: "esp32c3",
    firmware: "0.1.0",
    mac: "a0b1c2d3e4f5",
    button: true,
    p256: true,
  };
  const line = fromHex(example.get("answer, on the line")!);
  assert.equal(hex(line), hex(encodeAnswer({ kind: "hello", info }, 7)));
  const [frame] = framesIn(line);
  assert.deepEqual([frame!.type, frame!.sequence], [0x81, 7]);
  assert.deepEqual(decode(Uint8Array.from(frame!.payload)), JSON.parse(example.get("its payload")!));
  const answer = decodeAnswer({ ...frame!, payload: Uint8Array.from(frame!.payload) });
  assert.deepEqual(answer, { kind: "hello", info });
});

test("requests, their types and their payloads are those of the table", () => {
  const requests: Request[] = [
    { kind: "hello" },
    { kind: "begin", keepWifi: true },
    { kind: "generate", key: "tls-key", subject: "d" },
    { kind: "write", entry: "ca", total: 1, offset: 0, bytes: Uint8Array.of(1) },
    { kind: "commit", epoch: 1 },
    { kind: "prove", key: "secret", nonce: new Uint8Array(16) },
    { kind: "erase" },
    { kind: "restart" },
  ];
  const table = rows("Requests").filter(([type]) => /^\d+$/.test(type!));
  assert.equal(table.length, requests.length);
  for (const [i, [type, name, payload]] of table.entries()) {
    const [frame] = framesIn(encodeRequest(requests[i]!, 1));
    assert.deepEqual([String(frame!.type), `\`${requests[i]!.kind}\``], [type, name]);
    const items = decode(Uint8Array.from(frame!.payload)) as unknown[];
    const fields = quoted(payload!)[0]!.slice(1, -1).split(", ").filter(Boolean);
    assert.deepEqual(
      items.map(cborType),
      fields.map((field) => field.split(": ").at(-1)),
      name,
    );
  }
  const [first] = framesIn(encodeRequest(requests[0]!, 1));
  const beyond = { ...first!, type: table.length + 1, payload: Uint8Array.of(0x80) };
  assert.equal(decodeRequest(beyond), "unknown-request", "and there are no others");
});

function cborType(item: unknown): string {
  if (item instanceof Uint8Array) return "bytes";
  return typeof item === "string" ? "text" : typeof item === "boolean" ? "bool" : "uint";
}

test("entries and errors are all there", () => {
  const entries = rows("write")
    .slice(1)
    .flatMap(([names]) => quoted(names!));
  assert.deepEqual(entries.sort(), [...entryNames].sort());
  const errors = rows("Errors").flatMap(([names]) => quoted(names!));
  assert.deepEqual(errors.slice(-errorKinds.length), [...errorKinds]);
});

test("its numbers are ours", () => {
  const numbers = [
    ["Frames", `0 to ${maxPayloadBytes}`],
    ["One port, three kinds of traffic", `for ${maxPauseMs} ms`],
    ["write", `At most ${maxWriteBytes} bytes at a time`],
    ["write", `at most ${maxEntryBytes.toLocaleString("en")}`],
    ["write", `JSON, at most ${maxProfileBytes.toLocaleString("en")}`],
    ["prove", `${minNonceBytes} to ${maxNonceBytes} bytes`],
    ["prove", `a nonce of ${deviceNonceBytes} bytes of its own`],
  ] as const;
  for (const [heading, words] of numbers)
    assert.ok(section(heading).replaceAll("\n", " ").includes(words), `${heading}: ${words}`);
});

test("the Improv command of the page is on the line what it says", () => {
  const line = /494d50[0-9a-f]*/.exec(section("Improv Wi-Fi Serial"))![0];
  const ours = encodeImprovCommand({ command: 1, ssid: "MyWirelessAP", password: "mysecurepassword" });
  assert.equal(line, hex(ours.subarray(1)));
  const [event] = new Demultiplexer().receive(fromHex(line), 0);
  assert.equal(event?.kind, "improv");
});
