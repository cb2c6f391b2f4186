/** What `dormouse pub` and `sub` keep, repeat and leave behind: sessions, wills, lost connections, and what goes out before CONNACK. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { createServer } from "node:tls";
import mqttPacket, { type IConnectPacket, type Packet } from "mqtt-packet";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { rawServer, serving } from "../native/servers.js";
import { ClientBroker } from "./mqtt-broker.js";
import { dormouse, mosquittoClient, startDormouse } from "./mqtt-command.js";

const versions = ["mqttv5", "mqttv311"] as const;

/** By mqtt-packet, which has no part in what was sent. */
function packetsIn(bytes: Uint8Array, version: 4 | 5): Packet[] {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const found: Packet[] = [];
  parser.on("packet", (packet) => found.push(packet));
  parser.on("error", (error) => {
    throw error;
  });
  parser.parse(Buffer.from(bytes));
  return found;
}

describe("sessions of pub and sub", { skip: mosquittoMissing() ?? false, timeout: 180_000 }, () => {
  const broker = new ClientBroker();
  before(() => broker.start());
  after(() => broker.stop());

  const open = () => ["-p", `${broker.ports.open}`];

  async function mosquittoPub(...words: string[]): Promise<void> {
    const { code, stderr } = await mosquittoClient("pub", [...open(), ...words]).ended;
    equal(code, 0, stderr);
  }

  /** Hands everything on to the broker, unless `judge` says of a connection's first bytes that it is to be cut. */
  function front(judge: (first: Buffer) => boolean) {
    return rawServer((socket) => {
      socket.once("data", (first) => {
        if (!judge(first)) return socket.destroy();
        const onwards: Socket = connect(broker.ports.open, "127.0.0.1");
        onwards.write(first);
        onwards.on("error", () => socket.destroy());
        socket.pipe(onwards).pipe(socket);
      });
    });
  }

  for (const version of versions) {
    test(`${version}: with -c, what came while sub was away is there when it is back`, async () => {
      const id = `keeper-${version}`;
      const words = ["sub", ...open(), "-V", version, "-c", "-i", id, "-t", id, "-q", "2"];
      equal((await dormouse([...words, "-E"])).code, 0);
      for (const q of ["0", "1", "2"]) await mosquittoPub("-t", id, "-m", `at ${q}`, "-q", q);
      const back = await dormouse([...words, "-C", "2", "-d"]);
      match(back.stderr, /received CONNACK, success \(0\), session present/);
      equal(back.stdout, "at 1\nat 2\n");
      // Without -c the broker forgets it.
      equal((await dormouse(["sub", ...open(), "-V", version, "-i", id, "-t", id, "-E"])).code, 0);
      const anew = await dormouse([...words, "-E", "-d"]);
      match(anew.stderr, /session not present/);
    });

    test(`${version}: the will is published when sub is killed, and not when it ends in order`, async () => {
      const topic = `will/${version}`;
      const judge = mosquittoClient("sub", [
        ...open(),
        "-i",
        topic,
        "-t",
        "will/+",
        "-C",
        "2",
        "-W",
        "20",
        "-F",
        "%q %r %t %p",
      ]);
      await broker.logged(`Sending SUBACK to ${topic}`);
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        const id = `${signal}-${version}`;
        const will = ["--will-topic", topic, "--will-payload", signal, "--will-qos", "1", "--will-retain"];
        const running = startDormouse(["sub", ...open(), "-V", version, "-i", id, "-t", "x", ...will]);
        await broker.logged(`Sending SUBACK to ${id}`);
        running.process.kill(signal);
        await running.ended;
      }
      await mosquittoPub("-t", "will/end", "-m", "end");
      equal((await judge.ended).stdout, `0 0 ${topic} SIGKILL\n0 0 will/end end\n`);
      const kept = await dormouse(["sub", ...open(), "-t", topic, "-q", "1", "-C", "1", "-F", "%q %r %p"]);
      equal(kept.stdout, "1 1 SIGKILL\n");
    });

    test(`${version}: sub comes back after the broker was away, and subscribes again`, async () => {
      const id = `patient-${version}`;
      const running = startDormouse(["sub", ...open(), "-V", version, "-i", id, "-t", id, "-C", "1"]);
      await broker.logged(`Sending SUBACK to ${id}`);
      const since = broker.logLength;
      await broker.restart();
      await broker.logged(`Sending SUBACK to ${id}`, since);
      await mosquittoPub("-t", id, "-m", "again");
      const { code, stdout, stderr } = await running.ended;
      deepEqual([code, stdout], [0, "again\n"]);
      match(stderr, /^dormouse: (broker-refused|connection-lost): [^\n]*; trying again in \d\.\d s\n/);
    });

    test(`${version}: pub sends CONNECT and PUBLISH in one write at QoS 1; not at QoS 0 and 2, nor with --no-pipelining`, async () => {
      const cases: [string[], string[]][] = [
        // At most once: it could be lost there, or go out again.
        [["-q", "0"], ["connect"]],
        [
          ["-q", "1"],
          ["connect", "publish"],
        ],
        [["-q", "2"], ["connect"]],
        [["-q", "1", "--no-pipelining"], ["connect"]],
      ];
      for (const [words, expected] of cases) {
        let seen: string[] = [];
        const recording = front((first) => {
          seen = packetsIn(first, version === "mqttv5" ? 5 : 4).map(({ cmd }) => cmd);
          return true;
        });
        await serving(recording, async ({ port }) => {
          const ran = await dormouse(["pub", "-p", `${port}`, "-V", version, "-t", "x", "-m", "y", ...words]);
          deepEqual([ran.code, ran.stderr], [0, ""]);
        });
        deepEqual(seen, expected);
      }
    });

    test(`${version}: a broker that cuts off whoever speaks before CONNACK gets the message after it`, async () => {
      for (const qos of ["0", "1"]) {
        const topic = `shy/${version}/${qos}`;
        const judge = mosquittoClient("sub", [...open(), "-i", topic, "-t", topic, "-C", "1", "-W", "20"]);
        await broker.logged(`Sending SUBACK to ${topic}`);
        let connections = 0;
        const shy = front((first) => {
          connections++;
          return packetsIn(first, version === "mqttv5" ? 5 : 4).length === 1;
        });
        await serving(shy, async ({ port }) => {
          const ran = await dormouse([
            "pub",
            "-p",
            `${port}`,
            "-V",
            version,
            "-t",
            topic,
            "-q",
            qos,
            "-m",
            "x",
          ]);
          deepEqual([ran.code, ran.stderr, connections], [0, "", qos === "1" ? 2 : 1]);
        });
        equal((await judge.ended).stdout, "x\n");
      }
    });
  }

  test("a broker that cuts everybody off is tried twice, without anything before CONNACK the second time", async () => {
    const seen: string[][] = [];
    const rude = rawServer((socket) => {
      socket.once("data", (first) => {
        seen.push(packetsIn(first, 5).map(({ cmd }) => cmd));
        socket.end();
      });
    });
    await serving(rude, async ({ port }) => {
      const { code, stderr } = await dormouse(["pub", "-p", `${port}`, "-t", "x", "-m", "y", "-q", "1"]);
      match(stderr, /^dormouse: connection-lost: [^\n]*before CONNACK[^\n]*\n$/);
      deepEqual([code, seen], [1, [["connect", "publish"], ["connect"]]]);
    });
  });

  test("a broker that grants less than was sent, and cuts off for it, gets what it grants", async () => {
    const seen: string[][] = [];
    const modest = rawServer((socket) => {
      socket.on("data", (bytes) => {
        const packets = packetsIn(bytes, 5).map(({ cmd }) => cmd);
        seen.push(packets);
        // CONNACK with maximum QoS 0.
        if (packets[0] === "connect") socket.write(Buffer.from([0x20, 5, 0, 0, 2, 0x24, 0]));
        if (packets.includes("publish")) socket.end();
      });
    });
    await serving(modest, async ({ port }) => {
      const { code, stderr } = await dormouse(["pub", "-p", `${port}`, "-t", "x", "-m", "y", "-q", "1"]);
      match(stderr, /^dormouse: broker-refused: [^\n]*QoS not supported[^\n]*\n$/);
      deepEqual([code, seen], [1, [["connect", "publish"], ["connect"], ["disconnect"]]]);
    });
  });

  test("a broker that grants less each time, and cuts off for it, is tried twice", async () => {
    let connections = 0;
    const shrinking = rawServer((socket) => {
      connections++;
      // CONNACK with a maximum packet size.
      socket.once("data", () =>
        socket.end(Buffer.from([0x20, 8, 0, 0, 5, 0x27, 0, 1, 0, 100 - connections])),
      );
    });
    await serving(shrinking, async ({ port }) => {
      const { code, stderr } = await dormouse(["pub", "-p", `${port}`, "-t", "x", "-m", "y", "-q", "1"]);
      match(stderr, /^dormouse: connection-lost: [^\n]*\n$/);
      deepEqual([code, connections], [1, 2]);
    });
  });

  test("over TLS, CONNECT and PUBLISH are one record", async () => {
    const { certificate, key } = broker.server;
    const chunks: Buffer[] = [];
    const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
      socket.on("error", () => {});
      socket.once("data", (chunk) => {
        chunks.push(chunk);
        // CONNACK, and PUBACK for packet 1.
        socket.write(Buffer.from([0x20, 3, 0, 0, 0, 0x40, 2, 0, 1]));
      });
      socket.on("data", () => {});
      socket.on("end", () => socket.end());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const to = ["-p", `${port}`, "--cafile", broker.ca.certificate];
    const ran = await dormouse(["pub", ...to, "-t", "x", "-m", "y", "-q", "1"]);
    deepEqual([ran.code, ran.stderr], [0, ""]);
    deepEqual(
      packetsIn(chunks[0]!, 5).map(({ cmd }) => cmd),
      ["connect", "publish"],
    );
    server.close();
  });

  test("MQTT 5: another client that takes the session over ends sub, which does not take it back", async () => {
    let connections = 0;
    const handing = rawServer((socket) => {
      connections++;
      socket.once("data", () => {
        socket.write(Buffer.from([0x20, 3, 0, 0, 0, 0x90, 4, 0, 1, 0, 0]));
        setTimeout(() => socket.end(Buffer.from([0xe0, 1, 0x8e])), 50);
      });
    });
    await serving(handing, async ({ port }) => {
      const { code, stderr } = await dormouse(["sub", "-p", `${port}`, "-t", "x"]);
      deepEqual([code, connections], [1, 1]);
      match(stderr, /^dormouse: broker-refused: [^\n]*session taken over \(142\)[^\n]*\n$/);
    });
  });

  test("sub prints no more than -C says, however many come at once", async () => {
    const generous = rawServer((socket) => {
      const publish = [0x30, 5, 0, 1, 0x74, 0, 0x78];
      const all = [[0x20, 3, 0, 0, 0], [0x90, 4, 0, 1, 0, 0], publish, publish, publish];
      socket.once("data", () => socket.write(Buffer.from(all.flat())));
    });
    await serving(generous, async ({ port }) => {
      const ran = await dormouse(["sub", "-p", `${port}`, "-t", "t", "-C", "2"]);
      deepEqual([ran.code, ran.stdout, ran.stderr], [0, "x\nx\n", ""]);
    });
  });

  test("pub fails when the connection ends before the broker has the message", async () => {
    const cutting = rawServer((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
        setTimeout(() => socket.destroy(), 50);
      });
    });
    await serving(cutting, async ({ port }) => {
      const pub = (...words: string[]) => dormouse(["pub", "-p", `${port}`, "-t", "x", ...words]);
      for (const ran of [
        await pub("-m", "y", "-q", "1"),
        await pub("-m", "y", "-q", "2"),
        await dormouse(["pub", "-p", `${port}`, "-t", "x", "-q", "1", "-l"], { input: "a\nb\n" }),
      ]) {
        equal(ran.code, 1);
        match(ran.stderr, /^dormouse: connection-lost: [^\n]*not acknowledged[^\n]*\n$/);
      }
    });
  });

  test("pub -l ends with the connection, also while its input stays open", async () => {
    const running = startDormouse(["pub", "-p", "1", "-t", "x", "-l"]);
    const { code, stderr } = await running.ended;
    equal(code, 1);
    match(stderr, /^dormouse: connect-failed: [^\n]*\n$/);
  });

  test("sub ends at once when the first connection fails", async () => {
    const ran = await dormouse(["sub", "-p", "1", "-t", "x"]);
    equal(ran.code, 1);
    match(ran.stderr, /^dormouse: connect-failed: [^\n]*\n$/);
  });

  test("CONNECT says what the options ask for", async () => {
    const connectOf = async (version: 4 | 5, ...words: string[]): Promise<IConnectPacket> => {
      let got: Packet | undefined;
      const listening = rawServer((socket) => {
        socket.once("data", (bytes) => {
          [got] = packetsIn(bytes, version);
          socket.destroy();
        });
      });
      await serving(listening, ({ port }) =>
        dormouse([
          "pub",
          "-p",
          `${port}`,
          "-V",
          version === 5 ? "5" : "311",
          "-t",
          "x",
          "-q",
          "2",
          "-m",
          "y",
          ...words,
        ]),
      );
      return got as IConnectPacket;
    };
    const plain = await connectOf(5);
    match(plain.clientId, /^dormouse-[0-9a-f]{12}$/);
    deepEqual(
      [
        plain.protocolVersion,
        plain.clean,
        plain.keepalive,
        plain.properties?.sessionExpiryInterval,
        plain.will,
      ],
      [5, true, 60, undefined, undefined],
    );
    const full = await connectOf(
      5,
      ...["-c", "-i", "a", "-x", "7", "-k", "9", "-D", "CONNECT", "user-property", "n", "v"],
      ...["--will-topic", "w", "--will-payload", "gone", "--will-qos", "2", "--will-retain"],
      ...["-D", "WILL", "will-delay-interval", "3", "-D", "WILL", "content-type", "t"],
    );
    deepEqual(
      [full.clientId, full.clean, full.keepalive, full.properties?.sessionExpiryInterval],
      ["a", false, 9, 7],
    );
    deepEqual({ ...full.properties?.userProperties }, { n: "v" });
    const { topic, payload, qos, retain, properties } = full.will!;
    deepEqual([topic, `${payload}`, qos, retain], ["w", "gone", 2, true]);
    deepEqual([properties?.willDelayInterval, properties?.contentType], [3, "t"]);
    for (const words of [["-c"], ["-c", "-x", "-1"], ["-c", "-x", "∞"], ["-c", "-x", "4294967295"]])
      equal((await connectOf(5, "-i", "a", ...words)).properties?.sessionExpiryInterval, 0xffff_ffff);
    const old = await connectOf(4, "-c", "-i", "a", "-u", "u");
    deepEqual([old.protocolVersion, old.clean, old.username], [4, false, "u"]);
    ok((await connectOf(5, "-I", "loom-")).clientId.startsWith("loom-"));
  });
});
