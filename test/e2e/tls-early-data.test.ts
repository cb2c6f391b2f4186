/** CONNECT as 0-RTT data, when the profile allows it: taken or not, it arrives once. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { extension, extensionsOf } from "./client-hello.js";
import { Gate } from "./gate.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only } from "./run.js";
import { OpensslFront } from "./tls-front.js";
import { TlsMosquitto } from "./tls-mosquitto.js";
import { deviceId, type Identity, Pki, type TlsRun, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

describe("early data", { skip }, () => {
  let pki: Pki;
  let nobody: Identity;
  let broker: TlsMosquitto<"none">;
  before(async () => {
    pki = await Pki.create();
    nobody = await pki.identity("none");
    broker = new TlsMosquitto({ none: pki });
    await broker.start();
  });
  after(async () => {
    await broker.stop();
    pki.remove();
  });

  async function go(port: number, more: Partial<TlsRun> = {}) {
    const earlier = broker.names(deviceId).length;
    const result = await tlsRun({
      cycles: 3,
      port,
      openPort: broker.openPort,
      identity: nobody,
      ca: pki.root,
      tls: { earlyData: true },
      ...more,
      disturbance: { listenerPort: broker.openPort, listenerTls: null, ...more.disturbance },
    });
    assert.deepEqual(result.errors, [], result.notes.join("\n"));
    assert.deepEqual(result.handshakes, ["1 full", "2 resumed", "3 resumed"]);
    assert.deepEqual([result.summary.verified, result.summary.rejected], [3, 0]);
    assert.equal(broker.names(deviceId).length - earlier, 3, "one CONNECT a wake");
    const details = only(result.events, "phase").filter(({ name }) => name === "secure");
    return details.map(({ detail }) => /resumed with early data$/.test(detail!));
  }

  test("is not sent to a Mosquitto, whose tickets do not permit it", async () => {
    const gate = new Gate(broker.ports.none);
    try {
      assert.deepEqual(await go(await gate.start()), [false, false, false]);
      for (const hello of gate.hellos) assert.ok(!extensionsOf(hello).includes(extension.earlyData));
      assert.equal(gate.hellos.length, 3);
    } finally {
      await gate.stop();
    }
  });

  describe("to a server that permits it", () => {
    let front: OpensslFront;
    let port: number;
    before(async () => {
      front = new OpensslFront(broker.openPort);
      port = await front.start(pki.folder, pki, ["-tls1_3", "-early_data"]);
    });
    after(() => front.stop());

    /**
     * OpenSSL takes it when the ticket's age, which the device tells, is at most a second more than by the server's
     * own clock: that one goes on in real time, so the sleep is waited for, and the network is quick.
     */
    const inTime: Pick<TlsRun, "interval" | "disturbance"> = {
      interval: "1s",
      disturbance: {
        network: (quiet) => ({
          ...quiet,
          scanMs: [0, 0],
          associateMs: [1, 1],
          keyMs: [0, 0],
          dhcpMs: [0, 0],
          dnsMs: [1, 1],
          sntpMs: [1, 1],
        }),
        asleep: async () => void (await wait(1100)),
      },
    };

    test("is taken, before the server has said a word", async () => {
      const taken = await go(port, {
        ...inTime,
        onEvent: (event) => {
          if (event.event === "sleep" && event.wake === 2) front.silent = true;
        },
      });
      front.silent = false;
      // The first ticket seems too old: the board attends to its port after power-on, and that is jumped over.
      assert.deepEqual(taken, [false, false, true]);
    });

    test("is refused as too old, and follows after the handshake", async () => {
      assert.deepEqual(await go(port, { interval: "15m" }), [false, false, false]);
    });

    test("is not sent when the profile does not say so", async () => {
      assert.deepEqual(await go(port, { ...inTime, tls: { earlyData: false } }), [false, false, false]);
    });
  });
});
