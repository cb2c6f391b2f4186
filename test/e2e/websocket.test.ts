/** Whole wakes over MQTT over WebSocket: firmware in XS, the embedded broker and Mosquitto, and servers that err. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type DevelopmentPki, developmentPki } from "../../certs/pki/development.js";
import { defaultTls } from "../../cli/profile/check.js";
import { simOptions } from "../../cli/sim.js";
import { type BoardName, boardNames } from "../../host-sim/board.js";
import { build, root } from "../../host-sim/paths.js";
import { type Broker, startBroker } from "../../host-sim/world/broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { eager, only, run } from "./run.js";
import { handshakes } from "./tls-scene.js";
import { type Behaviour, frameOf, goodAnswer, WebSocketFront } from "./websocket-front.js";
import { WebSocketMosquitto } from "./websocket-mosquitto.js";

let pki: DevelopmentPki;
before(async () => {
  pki = await developmentPki(join(build, "development-pki"));
});

interface WebSocketRun {
  readonly board?: BoardName;
  readonly cycles?: number;
  readonly secure: boolean;
  /** On localhost; absent: the embedded broker. */
  readonly port?: number;
  /** Where the judge listens without TLS and WebSocket; absent: as the device. */
  readonly judgePort?: number;
  readonly version?: "3.1.1" | "5";
  readonly path?: string;
  readonly sessionDeadline?: number;
}

async function webSocketRun(given: WebSocketRun) {
  const { board = "esp32c3", cycles = 1, secure, port, judgePort, path = "/mqtt", sessionDeadline } = given;
  const options = await simOptions({ board, cycles: `${cycles}` });
  const profile = eager(options.profile);
  const security = secure ? { tls: defaultTls() } : ({ tls: false, insecure: true } as const);
  const place = port === undefined ? {} : { host: "localhost", port };
  const ca = secure ? { pem: pki.rootPem, der: readFileSync(pki.rootFile.replace(/pem$/, "der")) } : null;
  const result = await run({}, () => {}, {
    ...options,
    ...(port !== undefined && { broker: { host: "localhost", port, tls: secure, ca } }),
    ...(judgePort !== undefined && {
      disturbance: { listenerPort: judgePort, listenerTls: null, listenerWebsocket: null },
    }),
    profile: {
      ...profile,
      mqtt: { ...profile.mqtt, version: given.version ?? "3.1.1" },
      broker: { ...profile.broker, ...place, ...security, websocket: { path } },
      ...(sessionDeadline && { cycle: { ...profile.cycle, deadlineSeconds: { session: sessionDeadline } } }),
    },
  });
  const errors = only(result.events, "error").map(({ kind, code }) => `${kind} ${code}`);
  return { ...result, errors };
}

type Result = Awaited<ReturnType<typeof webSocketRun>>;

function allFresh({ events, tally, errors }: Result, cycles: number): void {
  assert.deepEqual(errors, []);
  assert.ok(tally.success);
  assert.deepEqual(
    only(events, "received").map(({ verdict }) => verdict),
    Array.from({ length: cycles }, () => "fresh"),
  );
}

describe("against the embedded broker", () => {
  for (const board of boardNames)
    for (const secure of [false, true])
      test(`${board}: three wakes over ${secure ? "wss" : "ws"}, three fresh readings`, async () => {
        const result = await webSocketRun({ board, cycles: 3, secure });
        allFresh(result, 3);
        if (secure) assert.deepEqual(handshakes(result.events), ["1 full", "2 resumed", "3 resumed"]);
      });
});

test("a profile with a WebSocket, as a user writes it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-websocket-"));
  try {
    const written = JSON.parse(readFileSync(join(root, "profiles/simulator.json"), "utf8"));
    const file = join(folder, "profile.json");
    writeFileSync(file, JSON.stringify({ ...written, broker: { ...written.broker, websocket: true } }));
    const { tally, summary } = await run({ profile: file, cycles: "2", board: "esp8266" });
    assert.ok(tally.success);
    assert.equal(summary.verified, 2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe("against Mosquitto", { skip: mosquittoMissing() ?? false }, () => {
  const broker = new WebSocketMosquitto();
  before(() => broker.start({ chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem }));
  after(() => broker.stop());

  for (const version of ["3.1.1", "5"] as const) {
    test(`ws with MQTT ${version}; the judge comes by WebSocket too`, async () => {
      allFresh(await webSocketRun({ cycles: 2, secure: false, port: broker.plainPort, version }), 2);
    });

    test(`wss with MQTT ${version}; the judge comes without`, async () => {
      const { tlsPort: port, openPort: judgePort } = broker;
      allFresh(await webSocketRun({ cycles: 2, secure: true, port, judgePort, version }), 2);
    });
  }
});

describe("against a server by hand", () => {
  let broker: Broker;
  let front: WebSocketFront;
  let port: number;
  before(async () => {
    broker = await startBroker({ tls: null });
    front = new WebSocketFront(broker.port);
    port = await front.start();
  });
  after(async () => {
    await front.stop();
    await broker.stop();
  });

  async function against(behaviour: Behaviour, more: Partial<WebSocketRun> = {}): Promise<Result> {
    front.behaviour = behaviour;
    front.frames.length = 0;
    front.requests.length = 0;
    front.wrongs.length = 0;
    const result = await webSocketRun({ secure: false, port, judgePort: broker.port, ...more });
    assert.deepEqual(front.wrongs, []);
    return result;
  }

  const replaced = (from: string | RegExp, to: string) => ({
    answer: (accept: string) => goodAnswer(accept).replace(from, to),
  });
  const framed = (first: number) => ({ frames: (payload: Buffer) => frameOf(first, payload) });
  const padding = (length: number) => ({
    answer: (accept: string) => {
      // A line has 1024 bytes at most.
      const whole = `X: ${"x".repeat(1019)}\r\n`.repeat(3);
      const spare = length - goodAnswer(accept).length - whole.length - "X: \r\n".length;
      return goodAnswer(accept).replace("Upgrade:", `${whole}X: ${"x".repeat(spare)}\r\nUpgrade:`);
    },
  });
  const masked = (payload: Buffer) => {
    const frame = frameOf(0x82, Buffer.concat([Buffer.alloc(4), payload]));
    frame[1] = 0x80 | payload.length;
    return frame;
  };

  test("what is asked for, and how it ends: 1000", async () => {
    allFresh(await against({}, { path: "/mqtt?site=7" }), 1);
    const [request] = front.requests;
    assert.match(request!, /^GET \/mqtt\?site=7 HTTP\/1\.1\r\n/);
    assert.match(request!, new RegExp(`^Host: localhost:${port}$`, "m"));
    assert.deepEqual(front.closeCodes, [1000]);
  });

  test("each connection has a key of its own", async () => {
    allFresh(await against({}, { cycles: 2 }), 2);
    const [first, second] = front.requests.map((request) => /^Sec-WebSocket-Key: (\S+)$/m.exec(request)?.[1]);
    assert.match(first!, /^[A-Za-z0-9+/]{22}==$/);
    assert.notEqual(first, second);
  });

  /** What it does that is strange and allowed. */
  const accepted: readonly (readonly [string, Behaviour])[] = [
    ["header names and values in other case", replaced(/Upgrade: websocket/, "UPGRADE:WebSocket")],
    ["4096 bytes of header", padding(4096)],
    [
      "one frame for each byte",
      { frames: (payload) => Buffer.concat([...payload].map((byte) => frameOf(0x82, Buffer.of(byte)))) },
    ],
    [
      "fragments with a PING between them",
      {
        frames: (payload) =>
          Buffer.concat([
            frameOf(0x02, payload.subarray(0, 1)),
            frameOf(0x89, Buffer.from("?")),
            frameOf(0x80, payload.subarray(1)),
          ]),
      },
    ],
    ["a PONG that nobody asked for", { greeting: frameOf(0x8a, Buffer.from("!")) }],
  ];
  for (const [name, behaviour] of accepted)
    test(`${name}: the reading arrives`, async () => allFresh(await against(behaviour), 1));

  /** What it does wrong, what the device reports, and with which code it closes. */
  const refused: readonly (readonly [string, Behaviour, string, number?])[] = [
    ["an accept value of another key", replaced(/=\r\n/, "A=\r\n"), "protocol-error 0"],
    ["no subprotocol", replaced("Sec-WebSocket-Protocol: mqtt\r\n", ""), "protocol-error 0"],
    ["another subprotocol", replaced("Protocol: mqtt", "Protocol: mqttv3.1"), "protocol-error 0"],
    ["an extension", replaced("Upgrade:", "Sec-WebSocket-Extensions: x\r\nUpgrade:"), "protocol-error 0"],
    ["4097 bytes of header", padding(4097), "protocol-error 0"],
    ["a line that ends in LF", replaced("websocket\r\n", "websocket\n"), "protocol-error 0"],
    ["404", replaced("101 Switching Protocols", "404 Not Found"), "broker-refused 404"],
    ["a redirect", replaced("101 Switching Protocols", "301 Moved Permanently"), "broker-refused 301"],
    ["MQTT without WebSocket", { answer: () => " \u0002\u0000\u0000" }, "protocol-error 0"],
    ["text frames", framed(0x81), "protocol-error 1003", 1003],
    ["a reserved bit", framed(0xc2), "protocol-error 1002", 1002],
    ["masked frames", { frames: masked }, "protocol-error 1002", 1002],
    [
      "a CLOSE in place of CONNACK",
      { greeting: frameOf(0x88, Buffer.of(3, 233)) },
      "connection-lost 1001",
      1001,
    ],
  ];
  for (const [name, behaviour, reported, code] of refused)
    test(`${name}: ${reported}, and nothing is sent twice`, async () => {
      const { errors, tally } = await against(behaviour);
      assert.deepEqual(errors, [reported]);
      assert.ok(!tally.success);
      assert.deepEqual(front.closeCodes, code === undefined ? [] : [code]);
    });

  test("a server that never answers costs the phase's deadline", async () => {
    const { errors } = await against({ answer: () => "" }, { sessionDeadline: 0.5 });
    assert.deepEqual(errors, ["deadline 0"]);
  });

  test("a server that floods with PINGs is answered as far as there is room, and the reading arrives", async () => {
    const flood = Buffer.concat(Array.from({ length: 2000 }, () => frameOf(0x89, Buffer.alloc(100, "?"))));
    allFresh(await against({ greeting: flood }), 1);
    const pongs = front.frames.filter(({ first }) => first === 0x8a);
    assert.ok(pongs.length > 0 && pongs.length < 2000, `${pongs.length} PONGs`);
  });
});
