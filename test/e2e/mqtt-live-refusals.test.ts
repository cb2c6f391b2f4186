/**
 * What Mosquitto refuses is surfaced, by the name and code of the standard. Its access list never refuses SUBSCRIBE,
 * so its plugin for dynamic security does; in 3.1.1 it acknowledges what it then throws away.
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver } from "./mqtt-driver.js";
import { env, mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const payload = bytes("21.5");
const words = { admin: "the keeper's", d1: "right words" };
const keeper = ["-u", "admin", "-P", words.admin];
const right = { userName: "d1", password: bytes(words.d1), encrypted: true };

/** Where Debian and others put it. */
function dynamicSecurity(): string | undefined {
  const folders = ["/usr/lib", "/usr/local/lib", "/usr/lib64", "/opt/homebrew/lib"];
  return folders
    .filter(existsSync)
    .flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))])
    .map((folder) => join(folder, "mosquitto_dynamic_security.so"))
    .find(existsSync);
}

function missing(): string | undefined {
  if (mosquittoMissing() !== undefined || dynamicSecurity() !== undefined) return mosquittoMissing();
  const text = "Mosquitto is there without its dynamic security plugin";
  if (process.env.CI) throw new Error(text);
  return text;
}

describe("dynamic security", { skip: missing() ?? false, timeout: 60_000 }, () => {
  const broker = new Broker();

  /** As its administrator would. */
  function control(...args: string[]): void {
    const { status, stderr, stdout } = spawnSync("mosquitto_ctrl", args, { env, encoding: "utf8" });
    if (status !== 0 || /error/i.test(stderr + stdout))
      throw new Error(`mosquitto_ctrl ${args.join(" ")}: ${stdout}${stderr}`);
  }

  before(async () => {
    const config = join(broker.folder, "dynamic-security.json");
    control("dynsec", "init", config, "admin", words.admin);
    // mosquitto_ctrl has a command for this, which changes nothing.
    const made = readFileSync(config, "utf8");
    writeFileSync(config, made.replace(/"unsubscribe":\s*true/, '"unsubscribe": false'));
    await broker.start([
      "allow_anonymous false",
      `plugin ${dynamicSecurity()}`,
      `plugin_opt_config_file ${config}`,
    ]);
    const access = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-u", "admin", "-P", words.admin, "dynsec"];
    for (const command of [
      ["createRole", "sensor"],
      ["addRoleACL", "sensor", "publishClientSend", "ok/#", "allow"],
      ["addRoleACL", "sensor", "subscribePattern", "ok/#", "allow"],
      ["addRoleACL", "sensor", "unsubscribePattern", "ok/#", "allow"],
      ["createClient", "d1", "-p", words.d1],
      ["addClientRole", "d1", "sensor"],
    ])
      control(...access, ...command);
  });
  after(() => broker.stop());

  for (const version of [4, 5] as const) {
    const name = version === 4 ? "3.1.1" : "5";
    const refused = version === 4 ? 0x80 : 0x87;
    const options: SessionOptions = { ...right, version, clientId: `d1-${version}` };

    test(`MQTT ${name}: SUBACK ${refused.toString(16)}: which filter, and the session goes on`, async () => {
      const driver = new MqttDriver(broker.port, options);
      await driver.until("connected");
      const subscriptions = [
        { filter: "ok/a", qos: 1 },
        { filter: "forbidden/a", qos: 1 },
        { filter: "ok/b", qos: 0 },
      ] as const;
      driver.do({ type: "subscribe", subscriptions, token: 5 });
      const { token, codes, failure } = await driver.until("subscribed");
      deepEqual([token, codes], [5, [1, refused, 0]]);
      deepEqual([failure?.kind, failure?.code], ["broker-refused", refused]);
      match(failure!.detail, version === 4 ? /unspecified error|failure/ : /not authorized/);
      driver.publish(1, { topic: "ok/a", payload, qos: 1 });
      equal((await driver.messages(1))[0]?.topic, "ok/a");
      await driver.end();
    });

    test(`MQTT ${name}: what the session keeps subscribed is refused, and asked for again the next time`, async () => {
      const lasting: SessionOptions = {
        ...options,
        clientId: `own-${version}`,
        cleanStart: false,
        sessionExpirySeconds: 600,
        subscriptions: [{ filter: "forbidden/a", qos: 1 }],
      };
      let kept: Uint8Array | undefined;
      for (const _ of [0, 1]) {
        const driver = new MqttDriver(broker.port, lasting, { kept });
        const { token, codes, failure } = await driver.until("subscribed");
        deepEqual([token, codes, failure?.code], [undefined, [refused], refused]);
        await driver.end();
        kept = driver.kept();
      }
    });

    test(`MQTT ${name}: a denied PUBLISH is ${version === 4 ? "acknowledged, and goes to nobody" : "refused with 87, at QoS 1 and 2"}`, async () => {
      const judge = await broker.sub([...keeper, "-t", "$CONTROL/#", "-t", "#"], 1);
      const driver = new MqttDriver(broker.port, options);
      await driver.until("connected");
      for (const qos of [1, 2] as const) {
        const message: Message = { topic: "forbidden/b", payload, qos };
        driver.publish(qos, message);
        if (version === 4) {
          equal((await driver.until("acked", ({ token }) => token === qos)).reasonCode, 0);
          continue;
        }
        const { failure } = await driver.until("refused", ({ token }) => token === qos);
        deepEqual([failure.kind, failure.code], ["broker-refused", 0x87]);
        match(failure.detail, /not authorized \(135\)/);
      }
      driver.publish(3, { topic: "ok/b", payload, qos: 1 });
      await driver.until("acked", ({ token }) => token === 3);
      await driver.end();
      const topics = (await judge.messages).map(({ topic }) => topic);
      deepEqual(topics, ["ok/b"], "what was denied before has not arrived");
    });

    test(`MQTT ${name}: a bad user, a bad password and none are refused by name`, async () => {
      const wrong = { ...options, password: bytes("wrong words") };
      const nobody = { ...options, userName: "d2" };
      const anonymous = { ...options, userName: undefined, password: undefined };
      for (const one of [wrong, nobody, anonymous]) {
        const { failure, again } = await new MqttDriver(broker.port, one).until("failed");
        deepEqual([failure.kind, failure.code, again], ["broker-refused", version === 4 ? 5 : 0x87, false]);
        match(failure.detail, /not authorized/);
      }
    });

    for (const pipelining of [true, false])
      test(`MQTT ${name}, ${pipelining ? "" : "not "}pipelined: what went out with a refused CONNECT arrives the next time, once`, async (t) => {
        const clientId = `late-${version}-${pipelining}`;
        const session = { ...options, clientId, pipelining, cleanStart: false, sessionExpirySeconds: 600 };
        const relay = await Relay.open(t, broker.port, version);
        const outbox = new Map<number, Message>([[1, { topic: "ok/known", payload, qos: 1 }]]);
        const known = new MqttDriver(relay.port, session, { outbox });
        await known.settled();
        await known.end();
        for (const token of [2, 3])
          outbox.set(token, { topic: "ok/late", payload: bytes(`${token}`), qos: 1 });
        const wrong = { ...session, password: bytes("wrong words") };
        const refusedOnce = new MqttDriver(relay.port, wrong, { kept: known.kept(), outbox });
        const { failure, again: atOnce } = await refusedOnce.until("failed");
        deepEqual([failure.kind, atOnce], ["broker-refused", false]);
        const early = relay.script(1).filter((packet) => packet.startsWith("publish"));
        deepEqual(early, pipelining ? ["publish 1", "publish 1"] : []);
        deepEqual(refusedOnce.kept(), known.kept(), "as if it had not been");
        const judge = await broker.sub([...keeper, "-q", "1", "-t", "ok/late"], 3);
        const late = new MqttDriver(relay.port, session, { kept: refusedOnce.kept(), outbox });
        await late.settled();
        late.publish(4, { topic: "ok/late", payload: bytes("4"), qos: 1 });
        await late.settled();
        await late.end();
        const arrived = (await judge.messages).map((message) =>
          Buffer.from(message.payload, "hex").toString(),
        );
        deepEqual(arrived, ["2", "3", "4"]);
        const again = relay.script(2).filter((packet) => packet.endsWith(" dup"));
        deepEqual(again, [], "never taken, so not said to come again");
        equal(outbox.size, 0);
      });
  }

  test("MQTT 5: UNSUBACK 87: which filter, and the session goes on", async () => {
    const driver = new MqttDriver(broker.port, { ...right, clientId: "d1-unsubscribe" });
    await driver.until("connected");
    driver.do({ type: "unsubscribe", filters: ["ok/a", "forbidden/a"], token: 6 });
    const { token, codes, failure } = await driver.until("unsubscribed");
    // 17: there was no such subscription.
    deepEqual([token, codes, failure?.kind, failure?.code], [6, [0x11, 0x87], "broker-refused", 0x87]);
    driver.publish(1, { topic: "ok/a", payload, qos: 1 });
    await driver.until("acked");
    await driver.end();
  });
});

describe("client id prefixes", { skip: mosquittoMissing() ?? false, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start(["allow_anonymous true", "clientid_prefixes d1-"]));
  after(() => broker.stop());

  for (const version of [4, 5] as const)
    test(`MQTT ${version === 4 ? "3.1.1" : "5"}: another client id than it allows is refused by name`, async () => {
      const driver = new MqttDriver(broker.port, { version, clientId: "d2-x" });
      const { failure } = await driver.until("failed");
      deepEqual([failure.kind, failure.code], ["broker-refused", version === 4 ? 5 : 0x87]);
      const fine = new MqttDriver(broker.port, { version, clientId: "d1-x" });
      await fine.until("connected");
      await fine.end();
    });
});
