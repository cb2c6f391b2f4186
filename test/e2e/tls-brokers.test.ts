/** Whole wakes over TLS against brokers as they are: every identity, both versions, full and resumed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import type { BoardName } from "../../host-sim/board.js";
import { extension, extensionsOf } from "./client-hello.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { pauseType, section, withSection } from "./rtc-image.js";
import { only } from "./run.js";
import { OpensslFront } from "./tls-front.js";
import { TlsMosquitto } from "./tls-mosquitto.js";
import { deviceId, type Identity, type IdentityName, Pki, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

let pki: Pki;
const identities = {} as Record<IdentityName, Identity>;
before(async () => {
  pki = await Pki.create();
  for (const name of ["none", "P-256", "RSA-2048", "PSK"] as const)
    identities[name] = await pki.identity(name);
});
after(() => pki.remove());

const resumed = ["1 full", "2 resumed", "3 resumed"];
const full = ["1 full", "2 full", "3 full"];

describe("Mosquitto", { skip }, () => {
  /** What its OpenSSL does about tickets is the reason for each difference. */
  const expected: Record<"1.3" | "1.2", [BoardName, IdentityName, string[]][]> = {
    "1.3": [
      ["esp32c3", "none", resumed],
      ["esp32c3", "P-256", resumed],
      ["esp32c3", "RSA-2048", resumed],
      // An external PSK needs no ticket.
      ["esp32c3", "PSK", full],
      ["esp32", "RSA-2048", resumed],
      ["esp32", "PSK", full],
      ["esp8266", "none", resumed],
      // The device's certificate makes the ticket larger than RTC memory has room for.
      ["esp8266", "P-256", full],
      ["esp8266", "RSA-2048", full],
      ["esp8266", "PSK", full],
    ],
    "1.2": [
      ["esp32c3", "none", resumed],
      ["esp32c3", "P-256", resumed],
      ["esp32c3", "RSA-2048", resumed],
      // Mosquitto does not know who resumes, and refuses: no session is kept after that.
      ["esp32c3", "PSK", ["1 full", "2 resumed", "2 full", "3 full"]],
      ["esp32", "P-256", resumed],
      ["esp8266", "none", resumed],
      ["esp8266", "P-256", full],
      ["esp8266", "PSK", ["1 full", "2 resumed", "2 full", "3 full"]],
    ],
  };

  for (const version of ["1.3", "1.2"] as const)
    describe(`with TLS ${version}`, () => {
      let broker: TlsMosquitto<"none" | "certificate" | "psk">;
      before(async () => {
        broker = new TlsMosquitto({ none: pki, certificate: pki.asking, psk: pki.presharing });
        await broker.start({ max: `TLSv${version}` });
      });
      after(() => broker.stop());

      for (const [board, name, expectedHandshakes] of expected[version])
        test(`${board}, ${name}: ${expectedHandshakes.join(", ")}`, async () => {
          const identity = identities[name];
          const earlier = broker.names(deviceId).length;
          const { events, notes, summary, errors, handshakes } = await tlsRun({
            board,
            cycles: 3,
            port: broker.ports[identity.settings.identity],
            openPort: broker.openPort,
            identity,
            ca: name === "PSK" ? null : pki.root,
          });
          assert.deepEqual(errors, [], notes.join("\n"));
          assert.deepEqual([summary.verified, summary.rejected], [3, 0]);
          assert.deepEqual(handshakes, expectedHandshakes);
          assert.deepEqual(
            broker.names(deviceId).slice(earlier),
            Array(3).fill(identity.name),
            "the broker knows the device by its identity, resumed or not",
          );
          for (const { name: phase, detail } of only(events, "phase"))
            if (phase === "secure")
              assert.match(detail!, new RegExp(`^TLS ${version.replace(".", "\\.")} TLS_`));
        });
    });
});

describe("a broker that does not know who resumes", { skip }, () => {
  let broker: TlsMosquitto<"psk">;
  before(async () => {
    broker = new TlsMosquitto({ psk: pki.presharing });
    await broker.start({ max: "TLSv1.2" });
  });
  after(() => broker.stop());

  test("says so in MQTT 3.1.1 too", async () => {
    const { errors, handshakes, summary } = await tlsRun({
      cycles: 3,
      port: broker.ports.psk,
      openPort: broker.openPort,
      identity: identities.PSK,
      edit: (profile) => ({ ...profile, mqtt: { ...profile.mqtt, version: "3.1.1" } }),
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "2 full", "3 full"]);
    assert.equal(summary.verified, 3);
  });

  test("is met without resumption for 255 wakes, then tried again", async () => {
    const marks: number[] = [];
    const { errors, handshakes, summary } = await tlsRun({
      cycles: 7,
      port: broker.ports.psk,
      openPort: broker.openPort,
      identity: identities.PSK,
      disturbance: {
        listenerPort: broker.openPort,
        listenerTls: null,
        asleep: (wake, { rtc }) => {
          const pause = section(rtc, pauseType);
          marks.push(pause ? rtc[pause.at]! : 0);
          return wake === 3 ? { rtc: withSection(rtc, pauseType, () => Uint8Array.of(2)) } : undefined;
        },
      },
    });
    assert.deepEqual(errors, []);
    assert.equal(summary.verified, 7);
    const expected = [
      "1 full",
      "2 resumed",
      "2 full",
      "3 full",
      "4 full",
      "5 full",
      "6 full",
      "7 resumed",
      "7 full",
    ];
    assert.deepEqual(handshakes, expected);
    assert.deepEqual(marks, [0, 255, 254, 1, 0, 0, 255]);
  });
});

describe("the embedded broker", () => {
  for (const max of [undefined, "TLSv1.2"] as const)
    for (const [board, name, expected] of [
      ["esp32c3", "none", resumed],
      // It does not ask for the certificate, so nothing of it gets into the ticket.
      ["esp32c3", "P-256", resumed],
      ["esp32c3", "RSA-2048", resumed],
      ["esp8266", "none", resumed],
    ] as const)
      test(`${max ?? "TLSv1.3"}, ${board}, ${name}: ${expected.join(", ")}`, async () => {
        const { summary, errors, handshakes } = await tlsRun({
          board,
          cycles: 3,
          port: null,
          identity: identities[name],
          disturbance: { brokerMaxVersion: max },
        });
        assert.deepEqual(errors, []);
        assert.deepEqual([summary.verified, summary.rejected], [3, 0]);
        assert.deepEqual(handshakes, expected);
      });
});

describe("a broker that will not resume", { skip }, () => {
  let broker: TlsMosquitto<"none" | "psk">;
  let gate: Gate;
  let port: number;
  before(async () => {
    broker = new TlsMosquitto({ none: pki, psk: pki.presharing });
    await broker.start();
    gate = new Gate(broker.ports.none);
    port = await gate.start();
  });
  after(async () => {
    await gate.stop();
    await broker.stop();
  });

  const go = (cycles: number, more: Partial<Parameters<typeof tlsRun>[0]> = {}) =>
    tlsRun({
      cycles,
      port,
      openPort: broker.openPort,
      identity: identities.none,
      ca: pki.root,
      ...more,
    });

  test("breaks the connection: another follows in the same wake, in full, and the log tells why", async () => {
    const { events, errors, handshakes, summary } = await go(4, {
      onEvent: (event) => {
        if (event.event === "sleep") gate.breaking = event.wake === 2 ? 1 : 0;
      },
    });
    assert.deepEqual(errors, []);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed"]);
    assert.equal(summary.verified, 4);
    const [third] = only(events, "phase").filter(({ wake, name }) => wake === 3 && name === "secure");
    assert.match(third!.detail!, /, in full after connection-lost$/);
  });

  test("breaks the second connection too: the wake ends after these two", async () => {
    let hellos = 0;
    const { errors, handshakes, summary } = await go(4, {
      onEvent: (event) => {
        if (event.event === "wake" && event.wake === 3) {
          gate.breaking = 9;
          hellos = gate.hellos.length;
        } else if (event.event === "sleep" && event.wake === 3) {
          gate.breaking = 0;
          hellos = gate.hellos.length - hellos;
        }
      },
    });
    assert.equal(hellos, 2);
    assert.deepEqual(errors, ["3 connection-lost"]);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "4 full"]);
    assert.deepEqual([summary.verified, summary.rejected], [3, 0], "two readings in one message");
  });

  test("breaks a full handshake: that is not tried again", async () => {
    const { errors, handshakes } = await go(3, {
      tls: { resumption: false },
      onEvent: (event) => {
        if (event.event === "sleep") gate.breaking = event.wake === 1 ? 1 : 0;
      },
    });
    assert.deepEqual(errors, ["2 connection-lost"]);
    assert.deepEqual(handshakes, ["1 full", "3 full"]);
  });

  test("refuses the device, resumed or not: it is not the session's fault", async () => {
    // CONNACK, not authorized (MQTT 5 §3.2).
    const refusing = createServer((socket) => {
      socket.on("error", () => {}).once("data", () => socket.end(Buffer.from("2003008700", "hex")));
    });
    refusing.listen(0, "127.0.0.1");
    await once(refusing, "listening");
    const behind = new Gate(broker.openPort);
    const front = new OpensslFront(await behind.start());
    try {
      const { errors, handshakes } = await go(4, {
        port: await front.start(pki.folder, pki, ["-tls1_3"]),
        onEvent: (event) => {
          if (event.event !== "sleep") return;
          const { port } = refusing.address() as AddressInfo;
          behind.target = event.wake === 1 ? port : broker.openPort;
        },
      });
      assert.deepEqual(errors, ["2 broker-refused"]);
      assert.deepEqual(handshakes, ["1 full", "2 resumed", "2 full", "3 full", "4 resumed"]);
    } finally {
      await front.stop();
      await behind.stop();
      refusing.close();
    }
  });

  for (const [what, cycle, error] of [
    ["handshake's time", { deadlineSeconds: { secure: 1 } }, "2 tls-timeout"],
    ["wake's budget", { wakeBudgetSeconds: 4 }, "2 deadline"],
  ] as const)
    test(`or whose path swallows the offer until the ${what} is over: one wake is lost, and the next fifteen go in full`, async () => {
      gate.swallows = (hello) => extensionsOf(hello).includes(extension.preSharedKey);
      const marks: number[] = [];
      const earlier = gate.hellos.length;
      try {
        const { errors, handshakes, summary } = await go(6, {
          edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, ...cycle } }),
          disturbance: {
            listenerPort: broker.openPort,
            listenerTls: null,
            asleep: (_, { rtc }) => {
              const pause = section(rtc, pauseType);
              marks.push(pause ? rtc[pause.at]! : 0);
              return undefined;
            },
          },
        });
        // Two readings go in one message.
        assert.deepEqual(errors, [error]);
        assert.deepEqual(handshakes, ["1 full", "3 full", "4 full", "5 full", "6 full"]);
        assert.deepEqual(marks, [0, 15, 14, 13, 12, 11]);
        assert.equal(gate.hellos.length - earlier, 6);
        assert.deepEqual([summary.published, summary.verified, summary.rejected], [5, 5, 0]);
      } finally {
        gate.swallows = () => false;
      }
    });

  test("takes the session and then says nothing more: the next wake goes without", async () => {
    const deaf = new Gate(broker.openPort);
    const front = new OpensslFront(await deaf.start());
    try {
      const { errors, handshakes, summary } = await go(4, {
        port: await front.start(pki.folder, pki, ["-tls1_3"]),
        edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { session: 0.5 } } }),
        onEvent: (event) => {
          if (event.event === "sleep") deaf.deaf = event.wake === 1;
        },
      });
      assert.deepEqual(errors, ["2 deadline"]);
      assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed"]);
      assert.equal(summary.rejected, 0);
    } finally {
      await front.stop();
      await deaf.stop();
    }
  });

  test("takes the session and then refuses the message: the next wake goes without", async () => {
    const refusing = new TlsMosquitto({ certificate: pki.asking });
    await refusing.start();
    const readings = "sensors/another/readings";
    try {
      const { errors, handshakes } = await go(3, {
        port: refusing.ports.certificate,
        openPort: refusing.openPort,
        identity: identities["P-256"],
        edit: (profile) => ({ ...profile, topics: { ...profile.topics, readings } }),
      });
      assert.deepEqual(errors, ["1 broker-refused", "2 broker-refused", "3 broker-refused"]);
      assert.deepEqual(handshakes, ["1 full", "2 full", "3 full"]);
    } finally {
      await refusing.stop();
    }
  });

  test("speaks another TLS version than before, up or down: the wake goes on in that one", async () => {
    const { events, errors, handshakes, summary } = await go(6, {
      disturbance: {
        listenerPort: broker.openPort,
        listenerTls: null,
        asleep: async (wake) => {
          if (wake === 2) await broker.restart({ max: "TLSv1.2" });
          if (wake === 4) await broker.restart({ min: "TLSv1.3" });
          return undefined;
        },
      },
    });
    assert.deepEqual(errors, []);
    assert.equal(summary.verified, 6);
    assert.deepEqual(handshakes, ["1 full", "2 resumed", "3 full", "4 resumed", "5 full", "6 resumed"]);
    const versions = only(events, "phase").flatMap(({ name, detail }) =>
      name === "secure" ? [detail!.slice(4, 7)] : [],
    );
    assert.deepEqual(versions, ["1.3", "1.3", "1.2", "1.2", "1.3", "1.3"]);
  });
});
