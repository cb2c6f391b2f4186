/** lib/websocket against servers of other hands: Mosquitto's libwebsockets, and `ws` with aedes and by itself. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { WebSocketServer } from "ws";
import { type DevelopmentPki, developmentPki, embeddedBrokerName } from "../../certs/pki/development.js";
import { build } from "../../host-sim/paths.js";
import { type Broker, startBroker } from "../../host-sim/world/broker.js";
import { encodeFrame, opcodes } from "../../lib/websocket/frames.js";
import { sha1 } from "../../lib/websocket/sha1.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { WebSocketDriver } from "./websocket-driver.js";
import { WebSocketMosquitto } from "./websocket-mosquitto.js";

let pki: DevelopmentPki;
before(async () => {
  pki = await developmentPki(join(build, "development-pki"));
});

async function driver(port: number, secure: boolean, path = "/mqtt"): Promise<WebSocketDriver> {
  const host = "127.0.0.1";
  const tls = { port, host, ca: pki.rootPem, servername: embeddedBrokerName, ALPNProtocols: ["http/1.1"] };
  const socket: Socket = secure ? connectTls(tls) : connect(port, host);
  await once(socket, secure ? "secureConnect" : "connect");
  return new WebSocketDriver(socket, { host, port, path, encrypted: secure });
}

/** MQTT 3.1.1: a client that subscribes to its own topic hears itself, and is heard in order. */
async function talks(client: WebSocketDriver): Promise<void> {
  await client.open();
  client.send("100e00044d5154540402003c00026431"); // CONNECT d1
  await client.expect("20020000");
  client.send("820800010003612f6200"); // SUBSCRIBE a/b, QoS 0
  await client.expect("9003000100");
  const payload = "5a".repeat(300);
  const publish = `30b1020003612f62${payload}`;
  client.send(publish);
  await client.expect(publish);
  // Packets begin and end anywhere in frames [MQTT-6.0.0-2].
  client.send(publish.slice(0, 2));
  client.send(publish.slice(2, 100));
  client.send(`${publish.slice(100)}c0`);
  await client.expect(publish);
  client.send("00");
  await client.expect("d000");
  client.send("e000");
  await client.close();
  assert.equal(client.failure, undefined);
}

describe("against Mosquitto", { skip: mosquittoMissing() ?? false }, () => {
  const broker = new WebSocketMosquitto();
  before(() => broker.start({ chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem }));
  after(() => broker.stop());

  test("plain: connects, subscribes, publishes", async () => talks(await driver(broker.plainPort, false)));

  test("over TLS: the same", async () => talks(await driver(broker.tlsPort, true)));

  test("what is no MQTT ends the connection", async () => {
    const client = await driver(broker.plainPort, false);
    await client.open();
    client.send("00ff");
    assert.equal((await client.ended())?.kind, "connection-lost");
  });

  test("a listener without WebSocket is known as one", async () => {
    const client = await driver(broker.openPort, false);
    await assert.rejects(client.open(), /closed before the WebSocket was open|no HTTP server/);
  });
});

describe("against ws and aedes", () => {
  const brokers: Broker[] = [];
  after(async () => {
    for (const broker of brokers) await broker.stop();
  });

  for (const secure of [false, true])
    test(`${secure ? "over TLS" : "plain"}: connects, subscribes, publishes`, async () => {
      const tls = secure ? { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem } : null;
      const broker = await startBroker({ tls, websocket: { path: "/mqtt" } });
      brokers.push(broker);
      await talks(await driver(broker.port, secure));
      const elsewhere = await driver(broker.port, secure, "/other");
      await assert.rejects(elsewhere.open(), /HTTP 400, it takes no WebSocket at this path/);
    });
});

describe("against ws alone", () => {
  const http = createHttpServer();
  const server = new WebSocketServer({ server: http, handleProtocols: () => "mqtt", maxPayload: 1 << 20 });
  before(async () => {
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
  });
  after(() => {
    for (const one of server.clients) one.terminate();
    server.close();
    http.close();
  });
  const port = () => (http.address() as AddressInfo).port;

  async function pair() {
    const accepted = once(server, "connection");
    const client = await driver(port(), false);
    const [peer] = (await accepted) as [import("ws").WebSocket];
    await client.open();
    return { client, peer };
  }

  test("payloads of every length around the forms of a length, both ways", async () => {
    const { client, peer } = await pair();
    peer.on("message", (data) => peer.send(data));
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 500_000]) {
      const hex = Buffer.alloc(length, "hi").toString("hex");
      client.send(hex);
      await client.expect(hex);
    }
    await client.close();
  });

  test("fragments, with a PING in between, are one stream, and the PING is answered with its own words", async () => {
    const { client, peer } = await pair();
    const pong = once(peer, "pong");
    peer.send(Buffer.from("d0", "hex"), { fin: false });
    peer.ping("still there?");
    peer.send(Buffer.from("00", "hex"), { fin: true });
    await client.expect("d000");
    const [words] = (await pong) as [Buffer];
    assert.equal(words.toString(), "still there?");
    await client.close();
  });

  test("a CLOSE comes back with the same code, and is named", async () => {
    const { client, peer } = await pair();
    const closed = once(peer, "close");
    peer.close(1012, "tonight");
    const failure = await client.ended();
    assert.deepEqual([failure?.kind, failure?.code], ["connection-lost", 1012]);
    assert.match(failure!.detail, /service restart \(1012\): tonight/);
    const [code] = (await closed) as [number];
    assert.equal(code, 1012);
  });

  test("the client's own CLOSE is 1000", async () => {
    const { client, peer } = await pair();
    const closed = once(peer, "close");
    await client.close();
    const [code] = (await closed) as [number];
    assert.equal(code, 1000);
  });

  test("a text message is answered with 1003 [MQTT-6.0.0-1]", async () => {
    const { client, peer } = await pair();
    const closed = once(peer, "close");
    peer.send("text");
    assert.equal((await client.ended())?.code, 1003);
    const [code] = (await closed) as [number];
    assert.equal(code, 1003);
  });
});

test("SHA-1 of every length up to three blocks is node:crypto's", () => {
  for (let length = 0; length <= 200; length++) {
    const message = Buffer.alloc(length, "dormouse");
    const expected = createHash("sha1").update(message).digest("hex");
    assert.equal(Buffer.from(sha1(message)).toString("hex"), expected, `${length} bytes`);
  }
});

test("frames have lengths in the shortest form, also the long ones", () => {
  const start = (length: number) =>
    Buffer.from(
      encodeFrame(opcodes.binary, new Uint8Array(length), new Uint8Array(4)).subarray(0, 10),
    ).toString("hex");
  assert.equal(start(65_535), "82feffff000000000000");
  assert.equal(start(65_536), "82ff0000000000010000");
  assert.equal(start(0x0123_4567), "82ff0000000001234567");
});
