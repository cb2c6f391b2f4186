/** The shell around lib/mqtt's session: what becomes of messages when connections break, and in which order things go out. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { backoffMs, isPassing } from "../../cli/mqtt/backoff.js";
import { SessionError } from "../../cli/mqtt/failures.js";
import { NodeSession, type NodeSessionOptions } from "../../cli/mqtt/node-session.js";
import { openStream } from "../../cli/mqtt/transport.js";
import { openWebSocket } from "../../cli/mqtt/websocket.js";
import { failure } from "../../lib/failure.js";
import { emptyKept } from "../../lib/mqtt/kept-session.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { rawServer, serving } from "../native/servers.js";
import { ClientBroker } from "./mqtt-broker.js";
import { mosquittoClient } from "./mqtt-command.js";

const payload = Buffer.from("x");

describe("the shell of a session", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new ClientBroker();
  before(() => broker.start());
  after(() => broker.stop());

  /** Cuts the first connection instead of handing on a packet of this kind. */
  function cuttingFront(kind: string) {
    let cut = false;
    return rawServer((socket) => {
      const onwards = connect(broker.ports.open, "127.0.0.1");
      const parser = mqttPacket.parser({ protocolVersion: 5 });
      let stop = false;
      parser.on("packet", ({ cmd }) => {
        stop ||= cmd === kind && !cut;
      });
      onwards.on("error", () => socket.destroy());
      onwards.pipe(socket);
      socket.on("close", () => onwards.destroy());
      socket.on("data", (bytes) => {
        parser.parse(bytes);
        if (!stop) onwards.write(bytes);
        else if (!cut) {
          cut = true;
          socket.destroy();
        }
      });
    });
  }

  function options(port: number, session: SessionOptions, more: Partial<NodeSessionOptions> = {}) {
    const endpoint = { host: "127.0.0.1", port, tls: null };
    return { endpoint, session: { pipelining: false, ...session }, reconnect: true, ...more };
  }

  async function judge(topic: string, count: number) {
    const id = `judge-${topic}`;
    const words = ["-p", `${broker.ports.open}`, "-i", id, "-t", topic, "-t", "end", "-q", "2", "-W", "20"];
    const running = mosquittoClient("sub", [...words, "-C", `${count}`]);
    await broker.logged(`Sending SUBACK to ${id}`);
    return running;
  }

  for (const [kind, qos] of [
    ["publish", 1],
    ["publish", 2],
    ["pubrel", 2],
  ] as const)
    for (const keeps of [true, false])
      test(`QoS ${qos}, cut at ${kind}, the session ${keeps ? "kept" : "lost"}: no message is lost unnoticed, none comes twice`, async () => {
        const topic = `cut-${kind}-${qos}-${keeps}`;
        const lines: string[] = [];
        // Of a broker that forgot the session nobody can know whether it handed on what it had.
        const told = keeps || kind === "publish";
        const receiver = await judge(topic, told ? 2 : 1);
        await serving(cuttingFront(kind), async ({ port }) => {
          const own = keeps ? { cleanStart: false, sessionExpirySeconds: 60 } : {};
          const session = new NodeSession(
            options(
              port,
              { clientId: topic, ...own },
              { kept: keeps ? emptyKept : undefined, onTrace: (line) => lines.push(line) },
            ),
          );
          const published = session.publish({ topic, payload, qos });
          if (told) equal(await published, 0);
          else await rejects(published, /connection-lost: the broker lost the session/);
          // Of the same QoS at the receiver, so that nothing overtakes.
          equal(await session.publish({ topic: "end", payload: Buffer.from("end"), qos }), 0);
          equal(await session.disconnect(), undefined);
        });
        equal((await receiver.ended).stdout, told ? "x\nend\n" : "end\n");
        const sent = lines.filter((line) => line.startsWith("sent PUBLISH") && line.includes(topic));
        deepEqual(
          sent.map((line) => line.includes("duplicate")),
          kind === "publish" ? [false, keeps] : [false],
        );
      });

  test("what a handler asks for goes out after what the session owes the broker", async () => {
    const lines: string[] = [];
    const subscriptions = [{ filter: "order", qos: 1 }] as const;
    const session: NodeSession = new NodeSession(
      options(
        broker.ports.open,
        { clientId: "order", subscriptions },
        {
          onTrace: (line) => lines.push(line.split(/[ ,]/, 2).join(" ")),
          onEffect: ({ type }) => {
            if (type === "message") void session.disconnect();
          },
        },
      ),
    );
    await broker.logged("Sending SUBACK to order");
    await mosquittoClient("pub", ["-p", `${broker.ports.open}`, "-t", "order", "-m", "x", "-q", "1"]).ended;
    equal(await session.ended, undefined);
    deepEqual(lines.slice(-3), ["received PUBLISH", "sent PUBACK", "sent DISCONNECT"]);
  });

  test("what the broker does not have when the session ends is told so, also to who comes later", async () => {
    const silent = rawServer((socket) => socket.resume());
    await serving(silent, async ({ port }) => {
      const session = new NodeSession(options(port, { clientId: "a" }));
      const early = session.publish({ topic: "t", payload, qos: 0 });
      const told = rejects(
        early,
        (error) => error instanceof SessionError && /before the broker had/.test(error.message),
      );
      equal(await session.disconnect(), undefined);
      await told;
      await rejects(session.publish({ topic: "t", payload, qos: 0 }), SessionError);
    });
  });

  test("a message that cannot be sent is the caller's mistake, and the session goes on", async () => {
    const session = new NodeSession(options(broker.ports.open, { clientId: "mistaken" }));
    await rejects(session.publish({ topic: "a/#", payload, qos: 1 }), RangeError);
    ok((await session.publish({ topic: "a", payload, qos: 1 })) >= 0);
    await rejects(session.unsubscribe([]), RangeError);
    deepEqual(await session.unsubscribe(["b"]), [17]);
    equal(await session.disconnect(), undefined);
  });

  test("a broker that accepts the connection and says nothing ends the session at its deadline", async () => {
    const silent = rawServer((socket) => socket.resume());
    await serving(silent, async ({ port }) => {
      const session = new NodeSession(options(port, { clientId: "a", ackTimeoutMs: 200 }));
      equal((await session.ended)?.kind, "deadline");
    });
  });

  test("PINGREQ keeps an idle connection", async () => {
    const lines: string[] = [];
    const session = new NodeSession(
      options(
        broker.ports.open,
        { clientId: "idle", keepAliveSeconds: 1 },
        { onTrace: (line) => lines.push(line) },
      ),
    );
    await broker.logged("Sending PINGRESP to idle");
    await new Promise((resolve) => setTimeout(resolve, 1200));
    equal(await session.disconnect(), undefined);
    ok(lines.filter((line) => line === "received PINGRESP").length >= 2);
  });
});

test("what was handed over to be sent, a password perhaps, is zeroed when it has left", async () => {
  let got = Buffer.alloc(0);
  const keeping = rawServer((socket) => {
    socket.on("data", (bytes) => {
      got = Buffer.concat([got, bytes]);
    });
  });
  for (const open of [openStream, openWebSocket])
    await serving(
      open === openStream ? keeping : rawServer((socket) => answerUpgrade(socket)),
      ({ port }) =>
        new Promise<void>((resolve) => {
          const bytes = Buffer.from("password");
          const transport = open(
            { host: "127.0.0.1", port, tls: null },
            {
              opened: () => transport.send(bytes, () => transport.end()),
              received: () => {},
              closed: () => {
                deepEqual(bytes, Buffer.alloc(8));
                resolve();
              },
            },
          );
        }),
    );
  equal(`${got}`, "password");
});

/** As a server of RFC 6455 §4.2.2. */
function answerUpgrade(socket: Socket): void {
  socket.once("data", (request) => {
    const key = /^Sec-WebSocket-Key: (.*)\r$/m.exec(`${request}`)![1]!;
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const lines = [
      "HTTP/1.1 101 x",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Protocol: mqtt",
    ];
    socket.write([...lines, `Sec-WebSocket-Accept: ${accept}`, "\r\n"].join("\r\n"));
  });
}

test("back-off doubles up to half a minute, and is spread", () => {
  for (const [attempt, most] of [
    [0, 1000],
    [1, 2000],
    [4, 16_000],
    [5, 30_000],
    [5000, 30_000],
  ] as const) {
    const waits = Array.from({ length: 50 }, () => backoffMs(attempt));
    ok(waits.every((wait) => wait >= most / 2 && wait <= most));
    ok(new Set(waits).size > 1);
  }
});

test("who is cut off again and again comes back ever more slowly", async () => {
  const cutting = rawServer((socket) =>
    socket.once("data", () => socket.end(Buffer.from([0x20, 3, 0, 0, 0]))),
  );
  await serving(cutting, async ({ port }) => {
    const waits: number[] = [];
    const session: NodeSession = new NodeSession({
      endpoint: { host: "127.0.0.1", port, tls: null },
      session: { clientId: "a" },
      reconnect: true,
      onLost: (_, inMs) => {
        if (waits.push(inMs) === 2) void session.disconnect();
      },
    });
    equal(await session.ended, undefined);
    ok(waits[0]! < 1000 && waits[1]! > 1000, `${waits}`);
  });
});

test("only what passes by itself is tried again", () => {
  for (const [kind, code, expected] of [
    ["connection-lost", 0, true],
    ["connect-failed", -111, true],
    ["deadline", 0, true],
    ["broker-refused", 139, true],
    ["broker-refused", 3, true],
    ["broker-refused", 142, false],
    ["broker-refused", 135, false],
    ["broker-refused", 5, false],
    ["tls-untrusted", 0, false],
    ["tls-pin-mismatch", 0, false],
    ["protocol-error", 130, false],
  ] as const)
    equal(isPassing(failure(kind, "", code)), expected, `${kind} ${code}`);
});

test("without a broker the first connection fails by name", async () => {
  const session = new NodeSession({
    endpoint: { host: "127.0.0.1", port: 1, tls: null },
    session: { clientId: "a" },
    reconnect: true,
  });
  const why = await session.ended;
  equal(why?.kind, "connect-failed");
  match(why.detail, /^127\.0\.0\.1:1 refuses the connection/);
});
