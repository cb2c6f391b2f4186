import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import mqtt from "mqtt";
import { SqliteReplayStore } from "../../../backend/replay/sqlite.js";
import { type DevelopmentPki, developmentPki, embeddedBrokerName } from "../../../certs/pki/development.js";
import { type Broker, type BrokerOptions, startBroker } from "../../../host-sim/world/broker.js";
import { type ListenerOptions, startListener } from "../../../host-sim/world/listener.js";
import { Judge, type Judged } from "../../../host-sim/world/verdict.js";
import { protect, sender, senml, topic } from "./sealing.js";

let folder: string;
let pki: DevelopmentPki;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-broker-"));
  pki = await developmentPki(join(folder, "dev"));
});
after(() => rm(folder, { recursive: true, force: true }));

const tls = () => ({ chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem });

async function withBroker(options: BrokerOptions, use: (broker: Broker) => Promise<void>): Promise<void> {
  const broker = await startBroker(options);
  try {
    await use(broker);
  } finally {
    await broker.stop();
  }
}

interface Heard {
  readonly judged: Judged[];
  /** Resolves when `count` messages have been judged. */
  until(count: number): Promise<void>;
}

async function withListener(
  options: Omit<ListenerOptions, "judge" | "onMessage">,
  use: (heard: Heard) => Promise<void>,
): Promise<void> {
  const store = new SqliteReplayStore(":memory:");
  const judged: Judged[] = [];
  let wake = () => {};
  const listener = await startListener({
    ...options,
    judge: new Judge([sender], store),
    onMessage: (one) => {
      judged.push(one);
      wake();
    },
  }).catch((error) => {
    store.close();
    throw error;
  });
  const until = async (count: number) => {
    while (judged.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  try {
    await use({ judged, until });
  } finally {
    await listener.stop();
    store.close();
  }
}

const messages = () => {
  const first = protect({ counter: 0, payload: senml(21.5) });
  const damaged = Buffer.from(first);
  damaged[damaged.length - 1]! ^= 1;
  return [
    first,
    first,
    protect({ counter: 0, payload: senml(22) }),
    damaged,
    protect({ counter: 1, payload: senml(22) }),
  ];
};

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  test(`over ${version}: what a publisher sends arrives with its verdict`, { timeout: 20_000 }, () =>
    withBroker({ tls: { ...tls(), maxVersion: version } }, ({ host, port }) =>
      withListener(
        { host, port, tls: { caPem: pki.rootPem, serverName: embeddedBrokerName } },
        async ({ judged, until }) => {
          const publisher = await mqtt.connectAsync({
            protocol: "mqtts",
            host,
            port,
            ca: pki.rootPem,
            servername: embeddedBrokerName,
            protocolVersion: 4,
          });
          assert.equal((publisher.stream as ReturnType<typeof connectTls>).getProtocol(), version);
          for (const message of messages())
            await publisher.publishAsync(topic, Buffer.from(message), { qos: 1 });
          await publisher.publishAsync("elsewhere", "not for the listener", { qos: 1 });
          await until(5);
          await publisher.endAsync();
          assert.deepEqual(
            judged.map(({ verdict }) => verdict),
            ["fresh", "duplicate", "conflict", "bad", "fresh"],
          );
        },
      ),
    ),
  );

test("over plain TCP as well", { timeout: 20_000 }, () =>
  withBroker({ tls: null }, ({ host, port }) =>
    withListener({ host, port, tls: null }, async ({ judged, until }) => {
      const publisher = await mqtt.connectAsync({ host, port, protocolVersion: 4 });
      await publisher.publishAsync(topic, Buffer.from(messages()[0]!), { qos: 0 });
      await until(1);
      await publisher.endAsync();
      assert.equal(judged[0]!.verdict, "fresh");
    }),
  ),
);

/** What `openssl s_client` prints once the broker's tickets have come. */
function ticketsSeenByOpenssl(port: number, flag: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const words = ["s_client", "-connect", `127.0.0.1:${port}`, flag, "-msg"];
    const child = spawn("openssl", words, { timeout: 10_000 });
    let text = "";
    child.on("error", reject).on("close", () => resolve(text));
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("NewSessionTicket")) child.stdin.end("Q\n");
    });
  });
}

for (const flag of ["-tls1_2", "-tls1_3"])
  test(`a ticket outlives a night's sleep (${flag})`, { timeout: 20_000 }, () =>
    withBroker({ tls: tls() }, async ({ port }) => {
      const text = await ticketsSeenByOpenssl(port, flag);
      assert.match(text, /TLS session ticket lifetime hint: 86400 \(seconds\)/);
    }),
  );

test("TLS 1.1 is refused, 1.2 is not", () =>
  withBroker({ tls: tls() }, async ({ host, port }) => {
    const handshake = async (version: "TLSv1.1" | "TLSv1.2") => {
      const socket = connectTls({
        host,
        port,
        ca: pki.rootPem,
        servername: "localhost",
        minVersion: version,
        maxVersion: version,
        ciphers: "DEFAULT@SECLEVEL=0",
      });
      try {
        await once(socket, "secureConnect");
      } finally {
        socket.destroy();
      }
    };
    await assert.rejects(handshake("TLSv1.1"), /protocol version/);
    await handshake("TLSv1.2");
  }));

test(
  "a listener that does not trust the CA, or meets another name, gives one line",
  { timeout: 20_000 },
  () =>
    withBroker({ tls: tls() }, async ({ host, port }) => {
      const other = await developmentPki(join(folder, "other"));
      const nothing = async () => {};
      await assert.rejects(
        withListener({ host, port, tls: { caPem: other.rootPem, serverName: embeddedBrokerName } }, nothing),
        /^Error: broker 127\.0\.0\.1:\d+: [^\n]*certificate[^\n]*$/,
      );
      await assert.rejects(
        withListener({ host, port, tls: { caPem: pki.rootPem, serverName: "elsewhere.test" } }, nothing),
        /^Error: broker 127\.0\.0\.1:\d+: its certificate is for another name: [^\n]*$/,
      );
    }),
);

test("a broker that is not there, or says nothing, is given up on", { timeout: 20_000 }, async () => {
  const broker = await startBroker({ tls: null });
  await broker.stop();
  await assert.rejects(
    withListener({ host: broker.host, port: broker.port, tls: null }, async () => {}),
    /connection refused, nothing listens there/,
  );
  // A TLS server waits for a ClientHello that a plain client never sends.
  await withBroker({ tls: tls() }, ({ host, port }) =>
    assert.rejects(
      withListener({ host, port, tls: null, connectTimeoutMs: 300 }, async () => {}),
      /broker 127/,
    ),
  );
});

test("a broker that wants a client certificate is one line", { timeout: 20_000 }, async () => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const wanting = { requestCert: true, rejectUnauthorized: true, ca: pki.rootPem, maxVersion };
    const server = createTlsServer({ cert: pki.serverChainPem, key: pki.serverKeyPem, ...wanting });
    server.on("tlsClientError", () => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const access = { caPem: pki.rootPem, serverName: embeddedBrokerName };
    await assert.rejects(
      withListener({ host: "127.0.0.1", port, tls: access }, async () => {}),
      (error: Error) => {
        assert.match(
          error.message,
          /^broker 127\.0\.0\.1:\d+: (\w+ alert [a-z ]+|the broker closed the connection|read ECONNRESET)$/,
        );
        return true;
      },
    );
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

test("a busy port is one line", () =>
  withBroker({ tls: null }, async ({ port }) => {
    await assert.rejects(startBroker({ tls: null, port }), { message: `port ${port} is in use` });
  }));

test("stopping frees the port at once, also with connections open and handshakes unfinished", async () => {
  const broker = await startBroker({ tls: tls() });
  const idle = connectTcp(broker.port, broker.host);
  await once(idle, "connect");
  const gone = once(idle, "close");
  idle.on("error", () => {});
  await broker.stop();
  await broker.stop();
  await gone;
  await withBroker({ tls: null, port: broker.port }, async ({ port }) => assert.equal(port, broker.port));
});
