/**
 * Whole wakes at a broker that says more than a board could hold at once: no subscription is needed for that. The
 * board hears it in pieces, does its work, and sleeps.
 */
import { deepEqual, equal } from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { simOptions } from "../../cli/sim.js";
import { floodingBroker } from "./flooding-broker.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only, run } from "./run.js";

const floods = {
  "messages at QoS 0": ["300400016100", 800],
  "messages at QoS 1": ["3206000161000100", 200],
  "messages at QoS 2, as many as are taken": Array.from({ length: 64 }, (_, i) => qos2(i + 1)).join(""),
  "PUBREL for what is not in flight": ["62020001", 400],
  "PUBREC for what is not in flight": ["5002ffff", 400],
  "one message of as many subscription identifiers as fit": [`30ed01000161e801${"0b01".repeat(116)}`, 1],
} as const;

function qos2(packetId: number): string {
  return `3406000161${packetId.toString(16).padStart(4, "0")}00`;
}

function bytesOf(flood: string | readonly [string, number]): Buffer {
  const [hex, count] = typeof flood === "string" ? [flood, 1] : flood;
  return Buffer.from(hex.repeat(count), "hex");
}

describe("a broker that floods", {
  skip: mosquittoMissing() ?? false,
  timeout: 120_000,
  concurrency: 4,
}, () => {
  const judge = new Broker();
  before(() => judge.start());
  after(() => judge.stop());

  for (const board of ["esp8266", "esp32c3"] as const)
    for (const [what, flood] of Object.entries(floods))
      test(`${board}: ${what}`, async () => {
        const broker = await floodingBroker(bytesOf(flood));
        const { port } = broker.address() as AddressInfo;
        const flags = { board, cycles: "1", broker: `mqtt://localhost:${port}` };
        const { profile } = await simOptions(flags);
        const { events, summary } = await run(flags, undefined, {
          profile: { ...profile, mqtt: { ...profile.mqtt, version: "5" } },
          disturbance: { listenerPort: judge.port },
        });
        broker.close();
        deepEqual(only(events, "error"), []);
        equal(summary.acked, 1);
      });
});
