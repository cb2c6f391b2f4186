import assert from "node:assert/strict";
import { test } from "node:test";
import { type Patience, ProvisioningClient } from "../../lib/provisioning/client.js";
import { Demultiplexer, type PortEvent } from "../../lib/provisioning/demultiplexer.js";
import type { Frame } from "../../lib/provisioning/frames.js";
import { HostFailure } from "../../lib/provisioning/host-failure.js";
import { type Answer, decodeRequest, encodeAnswer, type Info } from "../../lib/provisioning/messages.js";
import { HostPort } from "./host-port.js";

const info: Info = {
  protocol: 1,
  state: "unprovisioned",
  board: "esp32",
  firmware: "0.1.0",
  mac: "7cdfa1001122",
  button: true,
  p256: true,
};
const hello: Answer = { kind: "hello", info };
const patience: Patience = [700, 1_300];

/** Takes what the client sends apart, and answers by `answer`; frames arrive whole. */
function scene(answer: (frame: Frame, at: number) => void, sequence = 7) {
  const port = new HostPort();
  const heard: PortEvent[] = [];
  const client = new ProvisioningClient(port, sequence, (event) => heard.push(event));
  const line = new Demultiplexer();
  const pieces: number[] = [];
  const sent: { atMs: number; frame: Frame }[] = [];
  port.out = (bytes) => {
    pieces.push(bytes.length);
    for (const event of line.receive(bytes, port.nowMs()))
      if (event.kind === "frame") {
        sent.push({ atMs: port.nowMs(), frame: event.frame });
        answer(event.frame, sent.length);
      }
  };
  return { port, client, heard, pieces, sent };
}

async function failureOf(promise: Promise<unknown>): Promise<HostFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof HostFailure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("an answer ends its request; the next has another sequence number", async () => {
  const { port, client, sent } = scene(({ sequence }) => client.received(encodeAnswer(hello, sequence)), 255);
  assert.deepEqual(await port.until(client.hello()), info);
  assert.deepEqual(await port.until(client.hello()), info);
  assert.deepEqual(
    sent.map(({ frame }) => [decodeRequest(frame), frame.sequence]),
    [
      [{ kind: "hello" }, 255],
      [{ kind: "hello" }, 0],
    ],
  );
  assert.deepEqual(port.pending, 0, "timers that are left");
});

test("without an answer the same bytes go again after each wait, and then it ends", async () => {
  const { port, client, sent } = scene(() => {});
  assert.deepEqual((await failureOf(port.until(client.hello(patience)))).kind, "no-answer");
  assert.deepEqual(
    sent.map(({ atMs }) => atMs),
    [0, 700],
  );
  assert.deepEqual(port.nowMs(), 2_000);
  assert.deepEqual(sent[0]!.frame, sent[1]!.frame);
});

test("an answer to a repetition counts, and what comes twice is no answer to the next request", async () => {
  const { port, client } = scene((frame, at) => {
    const request = decodeRequest(frame);
    if (typeof request !== "object") return;
    if (request.kind === "begin" && at === 2) {
      client.received(encodeAnswer({ kind: "begin" }, frame.sequence));
      client.received(encodeAnswer({ kind: "begin" }, frame.sequence));
    }
    if (request.kind === "erase") {
      client.received(encodeAnswer({ kind: "begin" }, (frame.sequence - 1) & 255));
      client.received(encodeAnswer({ kind: "erase" }, frame.sequence));
    }
  });
  assert.deepEqual(await port.until(client.request({ kind: "begin", keepWifi: false }, patience)), {
    kind: "begin",
  });
  assert.deepEqual(await port.until(client.request({ kind: "erase" }, patience)), { kind: "erase" });
});

test("its own echo, another's answer and one of another kind are passed by", async () => {
  const { port, client } = scene(({ sequence }) => {
    client.received(encodeAnswer({ kind: "hello", info: { ...info, board: "other" } }, (sequence + 1) & 255));
    client.received(encodeAnswer({ kind: "erase" }, sequence));
    client.received(encodeAnswer(hello, sequence));
  });
  const echo = port.out;
  port.out = (bytes) => {
    client.received(bytes);
    echo(bytes);
  };
  assert.deepEqual(await port.until(client.hello(patience)), info);
});

test("a refusal says what the device says, and what to do", async () => {
  const { port, client } = scene(({ sequence }) =>
    client.received(encodeAnswer({ kind: "error", error: "mismatch", detail: "another key's" }, sequence)),
  );
  const failure = await failureOf(port.until(client.request({ kind: "commit", epoch: 1 })));
  assert.deepEqual(
    [failure.kind, failure.message],
    ["mismatch", "the board refuses: mismatch, another key's"],
  );
  assert.ok(failure.action.length > 0, "an action");
});

test("another version of the protocol, and what is no answer, are not understood", async () => {
  const later = scene(({ sequence }) =>
    later.client.received(encodeAnswer({ kind: "hello", info: { ...info, protocol: 2 } }, sequence)),
  );
  assert.deepEqual((await failureOf(later.port.until(later.client.hello(patience)))).kind, "not-understood");
});

test("log lines and Improv packets around an answer go to who listens", async () => {
  const { port, client, heard } = scene(({ sequence }) => {
    client.received(new Uint8Array([98, 111, 111, 116, 10]));
    client.received(encodeAnswer(hello, sequence));
    client.received(new Uint8Array([111, 107, 10]));
  });
  assert.deepEqual(await port.until(client.hello(patience)), info);
  assert.deepEqual(heard, [
    { kind: "line", text: "boot" },
    { kind: "line", text: "ok" },
  ]);
});

test("behind a damaged answer it asks again as soon as the board hears again, and for no longer than without", async () => {
  const noise = new Uint8Array([0xff, 0xfe, 10]);
  const long: Patience = [5_000, 5_000];
  const { port, client, sent } = scene(({ sequence }, at) =>
    client.received(at < 3 ? noise : encodeAnswer(hello, sequence)),
  );
  assert.deepEqual(await port.until(client.hello(long)), info);
  assert.deepEqual(
    sent.map(({ atMs }) => atMs),
    [0, 600, 1_200],
  );
  const never = scene(() => never.client.received(noise));
  assert.deepEqual((await failureOf(never.port.until(never.client.hello(long)))).kind, "no-answer");
  assert.ok(never.port.nowMs() >= 10_000 && never.port.nowMs() < 15_001, `${never.port.nowMs()}`);
});

test("a port that goes away ends what waits, and all after it", async () => {
  const { port, client } = scene(() => client.lost());
  assert.deepEqual((await failureOf(port.until(client.hello(patience)))).kind, "port-gone");
  assert.deepEqual((await failureOf(client.hello(patience))).kind, "port-gone");
  assert.deepEqual(port.pending, 0, "timers that are left");
});

test("frames go out in pieces that a board's receiver holds, and are zeroed when it is over", async () => {
  const { port, client, pieces } = scene(({ sequence }) =>
    client.received(encodeAnswer({ kind: "write", received: 448 }, sequence)),
  );
  const kept: Uint8Array[] = [];
  const out = port.out;
  port.out = (bytes) => {
    kept.push(bytes);
    out(bytes);
  };
  const bytes = new Uint8Array(448).fill(0x5a);
  await port.until(client.request({ kind: "write", entry: "secret", total: 448, offset: 0, bytes }));
  assert.ok(pieces.length > 7 && pieces.every((length) => length <= 64), `pieces ${pieces}`);
  assert.ok(port.nowMs() >= 6 * (pieces.length - 1), "time between them");
  assert.ok(
    kept.every((piece) => piece.every((byte) => byte === 0)),
    "zeroed",
  );
});

test("one request at a time", async () => {
  const { client } = scene(() => {});
  client.hello(patience).catch(() => {});
  let refused = false;
  try {
    await client.hello(patience);
  } catch (error) {
    refused = !(error instanceof HostFailure);
  }
  assert.ok(refused, "the second is refused");
});
