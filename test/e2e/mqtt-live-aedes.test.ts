/**
 * Connections to aedes that break in each stage of an exchange, and an aedes that is replaced by another without its
 * memory: nothing is lost, and at QoS 2 nothing comes twice. MQTT.js judges.
 */
import { deepEqual, equal } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { Aedes } from "aedes";
import mqtt, { type MqttClient } from "mqtt";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { MqttDriver, unpaused } from "./mqtt-driver.js";
import { Relay } from "./mqtt-relay.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const words = (messages: readonly { readonly payload: Uint8Array }[]) =>
  messages.map(({ payload }) => Buffer.from(payload).toString());

class AedesServer {
  #broker: Aedes | undefined;
  #server: Server | undefined;
  port = 0;

  async start(): Promise<void> {
    const broker = await Aedes.createBroker();
    this.#broker = broker;
    this.#server = createServer((socket) => void broker.handle(socket)).listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as { port: number }).port;
  }

  async stop(): Promise<void> {
    this.#server?.close();
    await new Promise<void>((resolve) => this.#broker?.close(resolve));
  }
}

let clients = 0;

describe("aedes", { timeout: 60_000 }, () => {
  const broker = new AedesServer();
  let judge: MqttClient;
  const join = () => mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 4 });
  before(async () => {
    await broker.start();
    judge = await join();
  });
  after(async () => {
    await judge.endAsync(true);
    await broker.stop();
  });

  async function heard(topic: string): Promise<() => Promise<string[]>> {
    const got: string[] = [];
    judge.on("message", (name, payload) => name === topic && got.push(`${payload}`));
    await judge.subscribeAsync(topic, { qos: 2 });
    return async () => {
      await judge.publishAsync(topic, "the end", { qos: 2 });
      while (!got.includes("the end")) await new Promise((resolve) => judge.once("message", resolve));
      return got;
    };
  }

  for (const pipelining of [true, false])
    for (const [qos, lost, resumes] of [
      [1, "publish", "publish 1 dup"],
      [1, "puback", "publish 1 dup"],
      [2, "publish", "publish 2 dup"],
      [2, "pubrec", "publish 2 dup"],
      [2, "pubrel", "pubrel"],
      [2, "pubcomp", "pubrel"],
    ] as const)
      test(`${pipelining ? "" : "not "}pipelined: QoS ${qos} to the broker, ${lost.toUpperCase()} lost with the connection`, async (t) => {
        const clientId = `up-${++clients}`;
        const topic = `${clientId}/from`;
        const subscriptions = [{ filter: `${clientId}/to`, qos: 1 }] as const;
        const options: SessionOptions = {
          version: 4,
          clientId,
          pipelining,
          cleanStart: false,
          subscriptions,
        };
        const relay = await Relay.open(t, broker.port, 4);
        const ended = await heard(topic);
        const message = (what: string): Message => ({ topic, qos, payload: bytes(what) });
        const outbox = new Map([[1, message("before")]]);
        const first = new MqttDriver(relay.port, options, { outbox });
        await first.until("subscribed");
        await first.settled();
        await first.end();

        const side = lost === "publish" || lost === "pubrel" ? "client" : "broker";
        const isLost = relay.losing(
          ({ from, packet, connection }) => connection === 1 && from === side && packet.cmd === lost,
        );
        outbox.set(2, message("in flight")).set(3, message("behind it"));
        const second = new MqttDriver(relay.port, options, { kept: first.kept(), outbox });
        await isLost;
        await second.until("connected");
        relay.cut();
        await second.until("closed");

        const kept = unpaused(second.kept(), options);
        const third = new MqttDriver(relay.port, options, { kept, outbox });
        equal((await third.until("connected")).sessionPresent, true);
        await third.settled();
        await third.end();
        const script = relay.script(2).filter((one) => one !== "connect" && one !== "connack");
        equal(script[0], resumes, script.join(", "));
        const flown = ["in flight", "behind it"];
        deepEqual(await ended(), ["before", ...flown, ...(lost === "puback" ? flown : []), "the end"]);
      });

  for (const [qos, lost] of [
    [1, "publish"],
    [1, "puback"],
    [2, "publish"],
    [2, "pubrec"],
    [2, "pubrel"],
    [2, "pubcomp"],
  ] as const)
    test(`QoS ${qos} from the broker, ${lost.toUpperCase()} lost with the connection`, async (t) => {
      const clientId = `down-${++clients}`;
      const topic = `${clientId}/to`;
      const subscriptions = [{ filter: topic, qos: 2 }] as const;
      const options: SessionOptions = { version: 4, clientId, cleanStart: false, subscriptions };
      const relay = await Relay.open(t, broker.port, 4);
      const first = new MqttDriver(relay.port, options);
      await first.until("subscribed");
      await first.end();
      const side = lost === "publish" || lost === "pubrel" ? "broker" : "client";
      const isLost = relay.losing(
        ({ from, packet, connection }) => connection === 1 && from === side && packet.cmd === lost,
      );
      await judge.publishAsync(topic, "in flight", { qos });
      const second = new MqttDriver(relay.port, options, { kept: first.kept() });
      await isLost;
      relay.cut();
      await second.until("closed");
      const third = new MqttDriver(relay.port, options, { kept: second.kept() });
      equal((await third.until("connected")).sessionPresent, true);
      await judge.publishAsync(topic, "the end", { qos: 2 });
      await third.until("message", ({ message }) => words([message])[0] === "the end");
      await third.settled();
      await third.end();
      const got = words([...second.all("message"), ...third.all("message")].map(({ message }) => message));
      deepEqual(qos === 2 ? got : [...new Set(got)], ["in flight", "the end"]);
    });

  test("another aedes takes its place, without its memory: everything goes out anew, once", async (t) => {
    const clientId = `anew-${++clients}`;
    const topic = `${clientId}/from`;
    const subscriptions = [{ filter: `${clientId}/to`, qos: 1 }] as const;
    const options: SessionOptions = { version: 4, clientId, cleanStart: false, subscriptions };
    const relay = await Relay.open(t, broker.port, 4);
    const known = new MqttDriver(relay.port, options);
    await known.until("subscribed");
    await known.end();
    const outbox = new Map<number, Message>([
      [1, { topic, qos: 1, payload: bytes("one") }],
      [2, { topic, qos: 2, payload: bytes("two") }],
    ]);
    const isLost = relay.losing(({ connection, packet }) => connection === 1 && packet.cmd === "publish");
    const first = new MqttDriver(relay.port, options, { kept: known.kept(), outbox });
    await isLost;
    await first.until("published", ({ token }) => token === 2);
    await judge.endAsync(true);
    await broker.stop();
    await first.until("closed");
    await broker.start();
    judge = await join();
    const ended = await heard(topic);
    const second = new MqttDriver(relay.port, options, { kept: first.kept(), outbox });
    equal((await second.until("connected")).sessionPresent, false);
    deepEqual((await second.until("subscribed")).codes, [1]);
    await second.settled();
    await judge.publishAsync(`${clientId}/to`, "subscribed again", { qos: 1 });
    deepEqual(words(await second.messages(1)), ["subscribed again"]);
    await second.end();
    deepEqual(await ended(), ["one", "two", "the end"]);
  });
});
