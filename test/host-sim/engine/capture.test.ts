/** The engine's captures, as Wireshark reads them: what the network would have shown of the sockets. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { faults, payload, tshark } from "../../tshark.js";
import { Board, type Boot, fixture, start } from "./board.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-capture-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const pattern = (size: number) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251));

interface Peer {
  readonly port: number;
  /** How the first connection ended at this end: "end" is a FIN, else the error's code. */
  readonly ended: Promise<string>;
}

async function listen(t: TestContext, onSocket: (socket: Socket) => void): Promise<Peer> {
  const sockets: Socket[] = [];
  let tell: (how: string) => void;
  const ended = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", (error: NodeJS.ErrnoException) => tell(error.code ?? ""));
    socket.on("end", () => tell("end"));
    sockets.push(socket);
    onSocket(socket);
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, ended };
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What tcp-client.js's first scenario wants. */
function echo(socket: Socket): void {
  let echoed = 0;
  socket.on("data", (data) => {
    echoed += data.length;
    socket.write(data);
    if (echoed === 20000) socket.end();
  });
}

let names = 0;

function board(engine: string, client: string, which: number, port: number, capture: string): Board {
  const main = join(scratch, `main-${++names}.js`);
  const content = join(scratch, `rtc-${names}.json`);
  writeFileSync(main, 'import "set-rtc";\nimport "client";\n');
  writeFileSync(content, JSON.stringify([port >> 8, port & 255, which]));
  const modules = [
    { specifier: "set-rtc", path: fixture("set-rtc.js") },
    { specifier: "rtc-content", path: content },
    { specifier: "client", path: fixture(client) },
  ];
  return new Board(engine, main, { modules }, undefined, ["--pcap", capture]);
}

async function bootOnce(device: Board): Promise<Boot> {
  const boot = await device.boot();
  assert.equal(await device.stop(), 0, device.stderr);
  assert.equal(device.stderr, "");
  assert.equal(boot.end.reason, "sleep", boot.end.detail);
  return boot;
}

/** Every packet but bare acknowledgements: > from the device, < to it, its flags and the bytes it carries. */
async function packets(capture: string, port: number): Promise<string[]> {
  const rows = await tshark(
    capture,
    ["tcp.dstport", "tcp.flags", "tcp.len"],
    "tcp.flags != 0x10 or tcp.len > 0",
  );
  const flagNames = ["FIN", "SYN", "RST", "PSH", "ACK"];
  return rows.map(([to, flags, size]) => {
    const set = flagNames.filter((_, bit) => Number(flags) & (1 << bit));
    return [to === `${port}` ? ">" : "<", ...set, ...(size === "0" ? [] : [size])].join(" ");
  });
}

const handshake = ["> SYN", "< SYN ACK"];
const endings: [
  what: string,
  ending: string,
  peer: (socket: Socket) => void,
  ends: string,
  then: string[],
][] = [
  [
    "the device's FIN, after its last bytes",
    "first",
    (socket) => socket.resume(),
    "end",
    ["> PSH ACK 5", "> FIN ACK"],
  ],
  [
    "the broker's FIN, then the device's",
    "last",
    (socket) => socket.resume().end("goodbye"),
    "end",
    ["< PSH ACK 7", "< FIN ACK", "> FIN ACK"],
  ],
  ["the broker's RST, and nothing after it", "last", (socket) => socket.resetAndDestroy(), "", ["< RST ACK"]],
  ["the device closing while it connects", "atOnce", (socket) => socket.resume(), "end", ["> FIN ACK"]],
  ["a sleep with the socket open", "asleep", (socket) => socket.resume(), "end", ["> FIN ACK"]],
  [
    "the device's RST, when bytes are unread",
    "unread",
    (socket) => socket.resume().write(pattern(8000)),
    "ECONNRESET",
    [...Array(3).fill("< ACK 1436"), "< PSH ACK 1436", "< ACK 1436", "< PSH ACK 820", "> RST ACK"],
  ],
];

for (const variant of ["release", "sanitize"] as const) {
  for (const [what, ending, onSocket, ends, then] of endings)
    test(`the end of a connection: ${what} (${variant})`, async (t) => {
      const capture = join(scratch, `${variant}-${ending}.pcap`);
      const { port, ended } = await listen(t, onSocket);
      const order = ["first", "unread", "atOnce", "asleep", "last"];
      await bootOnce(
        board(await engineFile(variant), "tcp-endings.js", order.indexOf(ending), port, capture),
      );
      assert.deepEqual(await packets(capture, port), [...handshake, ...then]);
      assert.deepEqual(await faults(capture), []);
      // The network's own account. A reset of its own this end does not hear of.
      if (ends) assert.equal(await ended, ends);
    });

  test(`a refused connection is a SYN and its RST (${variant})`, async () => {
    const capture = join(scratch, `${variant}-refused.pcap`);
    const port = await closedPort();
    await bootOnce(board(await engineFile(variant), "tcp-endings.js", 4, port, capture));
    assert.deepEqual(await packets(capture, port), ["> SYN", "< RST ACK"]);
    assert.deepEqual(await faults(capture), []);
  });

  test(`every byte is there, in segments that an ESP32 could send (${variant})`, async (t) => {
    const capture = join(scratch, `${variant}-echo.pcap`);
    const { port } = await listen(t, echo);
    const { end } = await bootOnce(board(await engineFile(variant), "tcp-client.js", 0, port, capture));
    const [up, down] = [`tcp.dstport == ${port}`, `tcp.srcport == ${port}`];
    assert.equal(await payload(capture, up), pattern(20000).toString("hex"));
    assert.equal(await payload(capture, down), pattern(20000).toString("hex"));
    assert.deepEqual([end.bytesUp, end.bytesDown], [20000, 20000]);
    assert.deepEqual(await tshark(capture, ["tcp.len"], "tcp.len > 1436"), []);
    assert.deepEqual(await faults(capture), []);
    const acknowledged = (await tshark(capture, ["tcp.ack"], down)).map(([ack]) => Number(ack));
    assert.equal(acknowledged.at(-1), 20001);
  });
}

test("what the broker's end has not acknowledged is not acknowledged", async (t) => {
  const capture = join(scratch, "flood.pcap");
  const { port } = await listen(t, (socket) => socket.pause());
  const { end } = await bootOnce(board(await engineFile("release"), "tcp-endings.js", 5, port, capture));
  const acknowledged = await tshark(capture, ["tcp.ack"], `tcp.srcport == ${port} and tcp.len == 0`);
  const most = Number(acknowledged.at(-1)) - 1;
  assert.ok(most > 0 && most < end.bytesUp, `${most} of ${end.bytesUp}`);
  assert.deepEqual(await faults(capture), []);
});

test("the boots of a run share a file, at the virtual clock's times; the next run begins another, mode 0600", async (t) => {
  const capture = join(scratch, "boots.pcap");
  writeFileSync(capture, "x".repeat(100_000), { mode: 0o644 });
  const engine = await engineFile("sanitize");
  const { port } = await listen(t, (socket) => socket.resume().end());
  const device = board(engine, "tcp-endings.js", 4, port, capture);
  await device.boot();
  await device.boot("deep-sleep", start + 900_000);
  await device.boot("software", start); // a clock that is behind
  await device.stop();
  assert.equal(statSync(capture).mode & 0o777, 0o600);
  const begins = await tshark(capture, ["frame.time_epoch"], "tcp.flags == 2");
  const times = begins.map(([time]) => Math.floor(Number(time) / 10) * 10);
  assert.deepEqual(times, [start / 1000, start / 1000 + 900, start / 1000 + 900]);
  assert.deepEqual(await faults(capture), []);

  await bootOnce(board(engine, "tcp-endings.js", 4, port, capture));
  assert.equal((await tshark(capture, ["tcp.srcport"], "tcp.flags == 2")).length, 1);
});

test("a full disk ends the capture after a whole packet and disturbs nothing else", async (t) => {
  const capture = join(scratch, "full.pcap");
  const engine = join(scratch, "engine-with-limit");
  writeFileSync(engine, `#!/bin/sh\nulimit -f 16\nexec ${await engineFile("sanitize")} "$@"\n`, {
    mode: 0o700,
  });
  const { port } = await listen(t, echo);
  const device = board(engine, "tcp-client.js", 0, port, capture);
  const { end, traces } = await bootOnce(device);
  assert.ok(traces.includes("end 20000 20000 0 5744"));
  assert.deepEqual([end.bytesUp, end.bytesDown], [20000, 20000]);
  const seen = (await tshark(capture, ["frame.number"])).length;
  assert.deepEqual(device.problems, [`the capture ends here, after ${seen} packets: File too large`]);
  assert.ok(seen > 3);
});

test("a capture that cannot be begun is said before anything runs", async () => {
  const device = board(await engineFile("sanitize"), "tcp-endings.js", 0, 1, "/dev/full");
  const line = await device.next();
  await device.stop();
  assert.deepEqual(line, {
    type: "failed",
    detail: "the capture cannot be written: No space left on device",
  });
});
