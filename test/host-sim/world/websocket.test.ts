/** Broker and listener of the simulated world over WebSocket; the publisher is MQTT.js with its own way there. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import mqtt from "mqtt";
import { SqliteReplayStore } from "../../../backend/replay/sqlite.js";
import { type DevelopmentPki, developmentPki, embeddedBrokerName } from "../../../certs/pki/development.js";
import { type Broker, startBroker } from "../../../host-sim/world/broker.js";
import { startListener } from "../../../host-sim/world/listener.js";
import type { ListenerTls } from "../../../host-sim/world/listener-tls.js";
import { Judge, type Judged } from "../../../host-sim/world/verdict.js";
import { protect, sender, senml, topic } from "./sealing.js";

let folder: string;
let pki: DevelopmentPki;
const brokers: Broker[] = [];
const store = new SqliteReplayStore(":memory:");

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-websocket-"));
  pki = await developmentPki(join(folder, "dev"));
});
after(async () => {
  for (const broker of brokers) await broker.stop();
  store.close();
  await rm(folder, { recursive: true, force: true });
});

const path = "/mqtt";

async function start(secure: boolean): Promise<Broker> {
  const tls = secure ? { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem } : null;
  const broker = await startBroker({ tls, websocket: { path } });
  brokers.push(broker);
  return broker;
}

const trust = (): ListenerTls => ({ caPem: pki.rootPem, serverName: embeddedBrokerName });

function listen(port: number, tls: ListenerTls | null, onMessage: (judged: Judged) => void, at = path) {
  const judge = new Judge([sender], store);
  const connectTimeoutMs = 3000;
  return startListener({
    host: "127.0.0.1",
    port,
    tls,
    websocket: { path: at },
    judge,
    onMessage,
    connectTimeoutMs,
  });
}

for (const secure of [false, true])
  test(`over ${secure ? "wss" : "ws"}: what a publisher sends arrives with its verdict`, async () => {
    const { port } = await start(secure);
    let heard = (_: Judged) => {};
    const message = new Promise<Judged>((resolve) => {
      heard = resolve;
    });
    const listener = await listen(port, secure ? trust() : null, heard);
    const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}${path}`;
    const publisher = await mqtt.connectAsync(url, {
      protocolVersion: 4,
      ca: pki.rootPem,
      servername: embeddedBrokerName,
    });
    const counter = secure ? 2 : 1;
    await publisher.publishAsync(topic, Buffer.from(protect({ counter, payload: senml(21.5) })), { qos: 1 });
    assert.equal((await message).verdict, "fresh");
    await publisher.endAsync();
    await listener.stop();
  });

test("a listener does not talk to a broker that it does not trust", async () => {
  const { port } = await start(true);
  const wrong = { ...trust(), serverName: "elsewhere.test" };
  await assert.rejects(
    listen(port, wrong, () => {}),
    /its certificate is for another name/,
  );
});

test("a listener says that there is no WebSocket at its path", async () => {
  const { port } = await start(false);
  await assert.rejects(
    listen(port, null, () => {}, "/other"),
    /Unexpected server response: 400/,
  );
});

test("the broker refuses what is no WebSocket", async () => {
  const { port } = await start(false);
  const status = await new Promise((resolve, reject) =>
    request({ host: "127.0.0.1", port, path, agent: false }, ({ statusCode }) => resolve(statusCode))
      .on("error", reject)
      .end(),
  );
  assert.equal(status, 426);
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(Buffer.from("101000044d5154540402003c00046c6f7374", "hex")),
    );
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("close", () => resolve(text));
  });
  assert.match(answer, /^HTTP\/1\.1 400/);
});

test("the broker's ALPN is HTTP's, with a WebSocket", async () => {
  const { port } = await start(true);
  const agreed = (protocol: string) =>
    new Promise<string | false | null>((resolve) => {
      const options = { port, ca: pki.rootPem, servername: embeddedBrokerName, ALPNProtocols: [protocol] };
      const socket = connectTls(options, () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.on("error", () => resolve(null));
    });
  assert.equal(await agreed("http/1.1"), "http/1.1");
  assert.equal(await agreed("mqtt"), null);
});
