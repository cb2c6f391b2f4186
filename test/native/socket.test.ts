/** TLSSocket as its owner sees it, against servers that do what each test says. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTCP, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { engineFile } from "../../host-sim/engine-file.js";
import { bodyByte, startSum, sum } from "../device/http-body.js";
import type { Context } from "../device/socket-scenarios.js";
import { type Certificate, TestCA } from "./pki.js";
import { relay } from "./relay.js";
import { runModule } from "./run-module.js";
import { gnutlsServer, rawServer, type Server, serving } from "./servers.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-socket-"));
const versions = ["1.3", "1.2"] as const;
const now = Math.floor(Date.now() / 1000);
type Version = (typeof versions)[number];
let engine: string;
let ca: TestCA;
let certificate: Certificate;

before(async () => {
  engine = await engineFile("sanitize");
  ca = new TestCA(scratch);
  certificate = ca.issue("server");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The lines of each scenario. */
async function run(
  ...contexts: Omit<Context, "ca" | "atSeconds">[]
): Promise<readonly (readonly string[])[]> {
  const given = contexts.map((context) => ({ ...context, ca: ca.pem, atSeconds: now }));
  const { lines, end } = await runModule({
    engine,
    scratch,
    modules: ["test/device/socket-scenarios.ts", "test/device/narrow-tcp.ts", "test/device/http-body.ts"],
    main: `import { runScenarios } from "test/device/socket-scenarios";\nrunScenarios(${JSON.stringify(given)});\n`,
  });
  assert.equal(end.tlsBytesLeaked, 0);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).lines);
}

/** A server that does with each connection what `talk` says, in records that fit the device's buffer. */
function tlsServer(version: Version, talk: (socket: TLSSocket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer(
    {
      cert: readFileSync(certificate.certificate),
      key: readFileSync(certificate.key),
      minVersion: `TLSv${version}`,
      maxVersion: `TLSv${version}`,
      allowHalfOpen: true,
    },
    (socket) => {
      socket.on("error", () => {});
      socket.setMaxSendFragment(4096);
      talk(socket);
    },
  );
  server.on("tlsClientError", () => {});
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject).listen(0, "127.0.0.1", () =>
      resolve({
        port: (server.address() as { port: number }).port,
        stop() {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      }),
    );
  });
}

function echo(socket: TLSSocket): void {
  socket.on("data", (data) => socket.write(data));
}

function body(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => bodyByte(i)));
}

test("what ECMA-419 says of a socket's properties, methods and callbacks", async () => {
  await serving(tlsServer("1.3", echo), async ({ port }) => {
    const [surface, closing] = await run({ scenario: "surface", port }, { scenario: "closing", port });
    assert.deepEqual(surface, [
      "new mine buffer undefined undefined undefined",
      "Error: not ready",
      "Error: not ready",
      "RangeError: unimplemented format",
      "buffer",
      "writable 2047 true 127.0.0.1 true",
      "too much: Error: would block",
      "no bytes: TypeError: not a byte buffer",
      "left 2047",
      "readable 5 true hello undefined",
      "closed: Error: closed",
      "closed: Error: closed",
      "closed: Error: closed",
    ]);
    assert.deepEqual(closing, ["writable", "readable"]);
  });
});

test("what the caller got wrong is thrown, and frees all it had", async () => {
  const [lines] = await run({ scenario: "wrong", port: 1 });
  assert.deepEqual(lines, [
    "TypeError: TCP must be a class",
    "TypeError: TCP must be a class",
    "RangeError: unimplemented format",
    "TypeError: a callback is no function",
    "RangeError: handshakeTimeoutMs must be a whole number from 1 to 2147483647",
    "TypeError: tls needs ca, pins or psk: without one nobody can tell who the server is",
    "RangeError: a CA certificate does not parse",
    "Error: no TCP socket: invalid address",
    "Error: no TCP socket: invalid port",
  ]);
});

test("bytes one by one, into a buffer, by number, or all", async () => {
  await serving(tlsServer("1.3", echo), async ({ port }) => {
    const [lines] = await run({ scenario: "formats", port });
    assert.deepEqual(lines, [
      "buffer for a number: TypeError: not a byte",
      "readable 8 97 98",
      "at most 1: c",
      "view 2 de",
      "none: RangeError: no bytes are asked for; 0",
      "number for a buffer: TypeError: not a byte buffer",
      "large 3 fgh undefined",
      "readable 4 ijkl",
    ]);
  });
});

test("what is left unread makes way for what comes, and can be read after the end", async () => {
  const thousandForEach = (socket: TLSSocket) => {
    let count = 0;
    socket.on("data", () => {
      socket.write(Buffer.alloc(1000, "x"));
      if (++count === 3) socket.end();
    });
  };
  for (const version of versions)
    await serving(tlsServer(version, thousandForEach), async ({ port }) => {
      const [lines] = await run({ scenario: "leaving", port });
      assert.deepEqual(lines, [
        "readable 1000",
        "readable 1900",
        "readable 2800",
        "rest 2700",
        "end: undefined undefined",
      ]);
    });
});

test("half close: the server sees the end, answers, and its end is a clean one", async () => {
  const whole = sum(startSum, body(10_000));
  const answer = (socket: TLSSocket) => {
    let value = startSum;
    socket
      .on("data", (data) => {
        value = sum(value, data);
      })
      .on("end", () => socket.end(`seen ${value === whole}`));
  };
  for (const version of versions)
    await serving(tlsServer(version, answer), async ({ port }) => {
      const [lines] = await run({ scenario: "halfClose", port });
      assert.deepEqual(lines, ["Error: would block", "seen true", "end"]);
    });
});

test("half close: what the server still sends arrives before its end", async () => {
  const all = `10000 ${sum(startSum, body(10_000))} end`;
  const echoToTheEnd = (socket: TLSSocket) => echo(socket.on("end", () => socket.end()));
  for (const version of versions) {
    await serving(tlsServer(version, echoToTheEnd), async ({ port }) => {
      assert.deepEqual(await run({ scenario: "echoedToTheEnd", port }), [[all]], version);
    });
    // gnutls-serv says no more when it has seen the end, but ends as it should
    await serving(gnutlsServer(certificate, version), async ({ port }) => {
      const [lines] = await run({ scenario: "echoedToTheEnd", port });
      assert.match(lines?.join() ?? "", / end$/, version);
    });
  }
});

test("what belongs together shares a record", async () => {
  let received = "";
  const listen = (socket: TLSSocket) =>
    socket.on("data", (data) => {
      received += data;
    });
  await serving(tlsServer("1.2", listen), async ({ port }) => {
    await serving(relay(port), async (way) => {
      const [lines] = await run({ scenario: "pieces", port: way.port });
      assert.deepEqual(lines, ["5 10"]);
      assert.deepEqual(plaintextLengths(way.overheard()[0]!.fromClient), [15, 5, 5, 5, 3]);
    });
  });
  assert.equal(received, `${"piece".repeat(6)}...`);
});

/** Of the records with data of AES-GCM in TLS 1.2 (RFC 5288 §3): 8 bytes of nonce and 16 of tag are not plaintext. */
function plaintextLengths(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
    if (bytes[at] === 23) lengths.push(bytes.readUInt16BE(at + 3) - 24);
  return lengths;
}

test("an end without close_notify is not a clean one, and neither is one in the handshake", async () => {
  const cut = "end tls-truncated: the connection ended without close_notify: data may be missing";
  for (const version of versions) {
    let raw: Socket | undefined;
    const server = tlsServer(version, (socket) => {
      socket.write("all of it", () => setTimeout(() => raw?.destroy(), 50));
    });
    await serving(server, async ({ port }) => {
      const relay = await rawServer((client) => {
        raw = client;
        const upstream = connectTCP(port, "127.0.0.1");
        upstream
          .on("error", () => {})
          .pipe(client)
          .on("error", () => {})
          .pipe(upstream);
      });
      await serving(Promise.resolve(relay), async (way) => {
        const [lines] = await run({ scenario: "untilEnd", port: way.port });
        assert.deepEqual(lines, ["all of it", cut], version);
      });
    });
    // Node forgets close_notify when it ends a TLS 1.3 connection at once
    await serving(
      tlsServer(version, (socket) => setTimeout(() => socket.end("all of it"), 50)),
      async ({ port }) => {
        assert.deepEqual(await run({ scenario: "untilEnd", port }), [["all of it", "end"]]);
      },
    );
  }
  const hangsUp = rawServer((socket) => socket.once("data", () => socket.end()));
  await serving(hangsUp, async ({ port }) => {
    const [lines] = await run({ scenario: "untilEnd", port });
    assert.deepEqual(lines, ["end connection-lost: the connection ended during the TLS handshake"]);
  });
  const gone = await rawServer(() => {});
  await gone.stop();
  const [lines] = await run({ scenario: "untilEnd", port: gone.port });
  assert.deepEqual(lines, ["end connect-failed: no TCP connection came about"]);
});

test("a handshake that does not come to an end is given up; an open connection may be idle", async () => {
  const silent = rawServer(() => {});
  await serving(silent, async ({ port }) => {
    const [lines] = await run({ scenario: "untilEnd", port, handshakeTimeoutMs: 300 });
    assert.deepEqual(lines, ["end tls-timeout: no TLS handshake within 300 ms"]);
  });
  await serving(
    tlsServer("1.3", () => {}),
    async ({ port }) => {
      const [lines] = await run({ scenario: "idle", port, handshakeTimeoutMs: 300 });
      assert.deepEqual(lines, ["undefined 1.3"]);
    },
  );
});

test("through a TCP that takes and gives few bytes at once, all arrive", async () => {
  for (const version of versions)
    await serving(tlsServer(version, echo), async ({ port }) => {
      const [lines] = await run({ scenario: "narrow", port });
      assert.deepEqual(lines, [`12000 ${sum(startSum, body(12_000))}`]);
    });
});

test("a reader that pauses gets all of it, more than the board has memory for", async () => {
  const content = body(300_000);
  await serving(
    tlsServer("1.3", (socket) => socket.end(content)),
    async ({ port }) => {
      const [lines] = await run({ scenario: "slowReader", port });
      assert.deepEqual(lines, [`300000 ${sum(startSum, content)} end`]);
    },
  );
});

test("a session can be saved when there is one, until the end", async () => {
  const talk = (socket: TLSSocket) => {
    setTimeout(() => socket.write("after the ticket"), 50);
    setTimeout(() => socket.end(), 100);
  };
  for (const [version, atOnce] of [
    ["1.3", false],
    ["1.2", true],
  ] as const)
    await serving(tlsServer(version, talk), async ({ port }) => {
      const [lines] = await run({ scenario: "saving", port });
      assert.deepEqual(lines, [
        "false false",
        `${version} ${atOnce}`,
        "after the ticket true true",
        "end false false",
      ]);
    });
});

test("without the time it needs, nothing is sent, and the owner is told later", async () => {
  let connections = 0;
  const server = rawServer(() => connections++);
  await serving(server, async ({ port }) => {
    const [lines] = await run({ scenario: "refused", port });
    assert.deepEqual(lines, ["constructed", "true clock-unknown undefined undefined"]);
    assert.equal(connections, 0);
    // the same server, when it is asked
    const [asked] = await run({ scenario: "untilEnd", port, handshakeTimeoutMs: 100 });
    assert.equal(asked?.length, 1);
    assert.equal(connections, 1);
  });
});
