/** The firmware's WebSocket over a TCP that takes and gives few bytes at a time, against `ws`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocketServer } from "ws";
import { engineFile } from "../../host-sim/engine-file.js";
import { bodyByte } from "../device/http-body.js";
import { runModule } from "../native/run-module.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-websocket-"));
const http = createServer();
const server = new WebSocketServer({ server: http, handleProtocols: () => "mqtt" });
let engine: string;
before(async () => {
  engine = await engineFile("sanitize");
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
});
after(() => {
  server.close();
  http.close();
  rmSync(scratch, { recursive: true, force: true });
});

async function echoed(byteLength: number) {
  const { port } = http.address() as AddressInfo;
  return runModule({
    engine,
    scratch,
    modules: [
      "firmware/board.ts",
      "firmware/websocket-transport.ts",
      "test/device/websocket-echo.ts",
      "test/device/narrow-tcp.ts",
      "test/device/http-body.ts",
    ],
    main: `import { echo } from "test/device/websocket-echo"; echo(${port}, ${byteLength});`,
  });
}

test("frames pass in pieces both ways, PINGs between them, and the end is 1000", {
  timeout: 60_000,
}, async () => {
  const frames: Buffer[] = [];
  let pings = 0;
  let pongs = 0;
  server.once("connection", (socket) => {
    socket.on("pong", () => pongs++);
    socket.on("message", (data: Buffer) => {
      frames.push(data);
      socket.send(data);
      // As long as a control frame can be: more than fits the opening beside a frame.
      socket.ping(Buffer.alloc(125, pings++));
    });
    socket.on("close", (code) => {
      closeCode = code;
    });
  });
  let closeCode = 0;
  const { lines } = await echoed(3000);
  const [result, sent, received, grants] = lines.at(-1)!.split(" ");
  assert.deepEqual([result, sent, received], ["same", "3000", "3000"]);
  const all = Buffer.concat(frames);
  assert.ok(all.equals(Buffer.from(Uint8Array.from({ length: 3000 }, (_, at) => bodyByte(at)))));
  // The opening is 97 bytes wide: a frame's header fits beside what was granted.
  assert.ok(frames.every(({ length }) => length <= 97 - 8));
  assert.ok(Number(grants) >= frames.length, `${grants} grants for ${frames.length} frames`);
  assert.ok(pongs > 0 && pongs <= pings, `${pongs} PONGs for ${pings} PINGs`);
  while (closeCode === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(closeCode, 1000);
});

test("a server's CLOSE in the middle is told once, with its code", { timeout: 60_000 }, async () => {
  server.once("connection", (socket) => {
    socket.once("message", () => socket.close(1013));
  });
  const { lines } = await echoed(3000);
  assert.match(lines.at(-1)!, /^connection-lost 1013 \d+ 0 \d+$/);
  assert.equal(lines.length, 1);
});

test("a connection that is cut in the middle is told once", { timeout: 60_000 }, async () => {
  server.once("connection", (socket) => {
    socket.once("message", () => socket.terminate());
  });
  const { lines } = await echoed(3000);
  assert.match(lines.at(-1)!, /^connection-lost 1006 \d+ 0 \d+$/);
  assert.equal(lines.length, 1);
});

test("over a stream of the test's own", { timeout: 60_000 }, async () => {
  const names = [
    "firmware/board.ts",
    "firmware/websocket-transport.ts",
    "test/device/websocket-stream.ts",
    "test/device/harness.ts",
  ];
  const { lines } = await runModule({
    // AddressSanitizer stumbles over XS's own padStart, which the harness uses.
    engine: await engineFile("release"),
    scratch,
    modules: [...names, "test/device/xs-runner.ts"],
    main: 'import { runTests } from "test/device/xs-runner"; import "test/device/websocket-stream"; runTests({});',
  });
  const results = lines.map((line) => JSON.parse(line) as { test: string; error?: string });
  assert.equal(results.length, 14);
  assert.deepEqual(
    results.filter(({ error }) => error),
    [],
  );
});
