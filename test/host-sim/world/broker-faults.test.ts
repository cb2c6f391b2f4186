/** The embedded broker when it is restarted or usurped: what goes, what stays, and what comes back. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import mqtt from "mqtt";
import { type DevelopmentPki, developmentPki, embeddedBrokerName } from "../../../certs/pki/development.js";
import { badCertificate } from "../../../host-sim/faults/bad-certificate.js";
import { build } from "../../../host-sim/paths.js";
import { type Broker, startBroker } from "../../../host-sim/world/broker.js";

let folder: string;
let pki: DevelopmentPki;
let broker: Broker;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-broker-faults-"));
  pki = await developmentPki(join(build, "development-pki"));
  broker = await startBroker({ tls: { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem } });
});
after(async () => {
  await broker.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One TLS 1.2 handshake: why it is refused, or whether it took up the session, and the session it leaves. */
async function shake(session?: Buffer): Promise<{ told: string; session?: Buffer }> {
  const socket = connect({
    host: broker.host,
    port: broker.port,
    ca: pki.rootPem,
    servername: embeddedBrokerName,
    maxVersion: "TLSv1.2",
    ...(session && { session }),
  });
  try {
    await once(socket, "secureConnect");
    const kept = socket.getSession();
    return { told: socket.isSessionReused() ? "resumed" : "in full", ...(kept && { session: kept }) };
  } catch (error) {
    return { told: (error as NodeJS.ErrnoException).code ?? String(error) };
  } finally {
    socket.destroy();
  }
}

test("a restart cuts connections, keeps the port and the MQTT sessions, and forgets TLS's", async () => {
  const options = { ca: pki.rootPem, servername: embeddedBrokerName, reconnectPeriod: 0 } as const;
  const url = `mqtts://${broker.host}:${broker.port}`;
  const subscriber = { ...options, clientId: "keeper", clean: false };
  const keeper = await mqtt.connectAsync(url, subscriber);
  await keeper.subscribeAsync("t", { qos: 1 });
  const { session } = await shake();
  assert.equal((await shake(session)).told, "resumed");
  const cut = new Promise<void>((resolve) => keeper.once("close", () => resolve()));
  const { port } = broker;
  await broker.restart();
  await cut;
  assert.equal(broker.port, port);
  assert.equal((await shake(session)).told, "in full");
  const publisher = await mqtt.connectAsync(url, options);
  await publisher.publishAsync("t", "meanwhile", { qos: 1 });
  const back = mqtt.connect(url, subscriber);
  const payload = await new Promise<Buffer>((resolve) => back.once("message", (_, bytes) => resolve(bytes)));
  assert.equal(String(payload), "meanwhile");
  await Promise.all([publisher.endAsync(), back.endAsync()]);
});

for (const [wrong, told] of [
  ["issuer", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["name", "ERR_TLS_CERT_ALTNAME_INVALID"],
  ["expired", "CERT_HAS_EXPIRED"],
] as const)
  test(`a usurper's certificate (${wrong}) is shown to everybody, sessions or not, until it is gone`, async () => {
    const { session } = await shake();
    broker.present(await badCertificate(wrong));
    assert.match(
      (await shake()).told,
      new RegExp(`^(${told}|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|SELF_SIGNED.*)$`),
    );
    assert.notEqual((await shake(session)).told, "resumed");
    broker.present(undefined);
    assert.equal((await shake(session)).told, "resumed", "the broker's own tickets hold again");
    assert.equal((await shake()).told, "in full");
  });

test("a broker without TLS can restart and has no certificate to show", async () => {
  const plain = await startBroker({ tls: null });
  const socket = connectTcp(plain.port, plain.host);
  await once(socket, "connect");
  const closed = once(socket, "close");
  socket.on("error", () => {});
  await plain.restart();
  await closed;
  assert.throws(() => plain.present(undefined), TypeError);
  await plain.stop();
  await assert.rejects(once(connectTcp(plain.port, plain.host), "connect"));
});
