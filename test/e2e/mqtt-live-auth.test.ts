/** Enhanced authentication (MQTT 5 §4.12) against Mosquitto with a plugin for it. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const cc = process.env.CC || "cc";
const source = join(root, "test/e2e/mqtt-auth-plugin.c");

function missing(): string | undefined {
  if (mosquittoMissing() !== undefined) return mosquittoMissing();
  if (spawnSync(cc, ["-fsyntax-only", source]).status === 0) return undefined;
  const text = "Mosquitto's headers are missing (Debian: apt install mosquitto-dev)";
  if (process.env.CI) throw new Error(text);
  return text;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();

describe("enhanced authentication", { skip: missing() ?? false, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(async () => {
    const plugin = join(broker.folder, "plugin.so");
    const { status, stderr } = spawnSync(cc, ["-shared", "-fPIC", "-Wall", "-o", plugin, source]);
    equal(status, 0, `${stderr}`);
    await broker.start(["allow_anonymous false", `plugin ${plugin}`]);
  });
  after(() => broker.stop());

  const options: SessionOptions = {
    clientId: "d1",
    authentication: { method: "REVERSED", data: bytes("nonce") },
  };

  /** Answers the challenges as they come. */
  async function challenged(driver: MqttDriver, count: number, answer: string): Promise<void> {
    await driver.until("challenge", () => driver.all("challenge").length === count);
    driver.do({ type: "authenticate", data: bytes(answer) });
  }

  test("the right answer to the challenge lets the client in, and the broker's last word is handed on", async (t) => {
    const relay = await Relay.open(t, broker.port);
    const outbox = new Map([[1, { topic: "t", payload: bytes("x"), qos: 1 } as const]]);
    const driver = new MqttDriver(relay.port, options, { outbox });
    await challenged(driver, 1, "ecnon");
    await driver.until("connected");
    deepEqual(
      [driver.all("challenge"), driver.all("authenticated")].map(([one]) => text(one?.data)),
      ["nonce", "well met"],
    );
    await driver.settled();
    await driver.end();
    const turns = ["connect", "auth", "auth", "connack", "publish 1", "puback", "disconnect"];
    deepEqual(relay.script(0), turns, "nothing goes out before CONNACK");
  });

  test("the wrong answer is refused by name", async () => {
    const driver = new MqttDriver(broker.port, options);
    await challenged(driver, 1, "ecnoN");
    const { failure, again } = await driver.until("failed");
    deepEqual([failure.kind, failure.code, again], ["broker-refused", 0x87, false]);
    match(failure.detail, /not authorized/);
    deepEqual(driver.all("authenticated"), []);
  });

  test("another method is refused by name", async () => {
    const other = { method: "STRAIGHT", data: bytes("nonce") };
    const driver = new MqttDriver(broker.port, { ...options, authentication: other });
    const { failure } = await driver.until("failed");
    deepEqual([failure.kind, failure.code], ["broker-refused", 0x8c]);
    match(failure.detail, /bad authentication method/);
  });

  test("none at all is refused by name", async () => {
    const { failure } = await new MqttDriver(broker.port, { clientId: "d1" }).until("failed");
    deepEqual([failure.kind, failure.code], ["broker-refused", 0x87]);
  });

  test("a client authenticates again in the middle of its session, which goes on", async () => {
    const driver = new MqttDriver(broker.port, options);
    await challenged(driver, 1, "ecnon");
    await driver.until("connected");
    driver.do({ type: "authenticate", data: bytes("once more") });
    // Until that is done Mosquitto 2.0.11 takes no other packet, which the standard allows (§4.12.1).
    await challenged(driver, 2, "erom ecno");
    await driver.until("authenticated", () => driver.all("authenticated").length === 2);
    driver.publish(1, { topic: "t", payload: bytes("x"), qos: 1 });
    await driver.until("acked");
    await driver.end();
  });

  test("who fails to authenticate again is out", async () => {
    const driver = new MqttDriver(broker.port, options);
    await challenged(driver, 1, "ecnon");
    await driver.until("connected");
    driver.do({ type: "authenticate", data: bytes("once more") });
    await challenged(driver, 2, "once more");
    const { failure } = await driver.until("failed");
    // Mosquitto 2.0.11 says it with a CONNACK, which is out of turn, where a DISCONNECT belongs.
    const answers = [
      ["protocol-error", 0x82],
      ["broker-refused", 0x87],
    ];
    ok(
      answers.some(([kind, code]) => failure.kind === kind && failure.code === code),
      failure.detail,
    );
  });
});
