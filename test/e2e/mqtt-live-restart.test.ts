/**
 * Mosquitto is killed, and started again, with a message in each stage of its way (MQTT 5 §4.3): nothing is lost, and
 * at QoS 2 nothing comes twice. A relay loses the packet that makes the stage.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SessionOptions } from "../../lib/mqtt/session-options.js";
import type { Message } from "../../lib/mqtt/session-state.js";
import { Broker } from "./mqtt-broker.js";
import { MqttDriver, unpaused } from "./mqtt-driver.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";

type Cmd = "publish" | "puback" | "pubrec" | "pubrel" | "pubcomp";

interface Stage {
  readonly qos: 1 | 2;
  /** The packet that is lost, and all that its sender says after it. */
  readonly lost: Cmd;
  /** What the second connection begins with, besides CONNECT and CONNACK. */
  readonly resumes: string;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array | string) =>
  typeof payload === "string" ? Buffer.from(payload, "hex").toString() : Buffer.from(payload).toString();

let clients = 0;

describe("the broker is killed and comes back", {
  skip: mosquittoMissing() ?? false,
  timeout: 120_000,
}, () => {
  const broker = new Broker();
  const settings = ["allow_anonymous true", ...broker.persistence];
  before(() => broker.start(settings));
  after(() => broker.stop());

  const outgoing: Stage[] = [
    { qos: 1, lost: "publish", resumes: "publish 1 dup" },
    { qos: 1, lost: "puback", resumes: "publish 1 dup" },
    { qos: 2, lost: "publish", resumes: "publish 2 dup" },
    { qos: 2, lost: "pubrec", resumes: "publish 2 dup" },
    { qos: 2, lost: "pubrel", resumes: "pubrel" },
    { qos: 2, lost: "pubcomp", resumes: "pubrel" },
  ];
  const incoming: Stage[] = [
    { qos: 1, lost: "publish", resumes: "publish 1 dup" },
    { qos: 1, lost: "puback", resumes: "publish 1 dup" },
    { qos: 2, lost: "publish", resumes: "publish 2 dup" },
    { qos: 2, lost: "pubrec", resumes: "publish 2 dup" },
    { qos: 2, lost: "pubrel", resumes: "pubrel" },
    { qos: 2, lost: "pubcomp", resumes: "pubrel" },
  ];

  for (const version of [4, 5] as const) {
    const name = version === 4 ? "3.1.1" : "5";
    const optionsFor = (clientId: string): SessionOptions => ({
      version,
      clientId,
      cleanStart: false,
      sessionExpirySeconds: 600,
      subscriptions: [{ filter: `${clientId}/to`, qos: 2 }],
    });

    for (const pipelining of [true, false])
      for (const { qos, lost, resumes } of outgoing)
        test(`MQTT ${name}, ${pipelining ? "" : "not "}pipelined: QoS ${qos} to the broker, ${lost.toUpperCase()} lost`, async (t) => {
          const clientId = `up-${version}-${++clients}`;
          const options = { ...optionsFor(clientId), pipelining };
          const topic = `${clientId}/from`;
          const relay = await Relay.open(t, broker.port, version);
          const judge = ["-i", `${clientId}-judge`, "-c", "-q", "2", "-t", topic];
          await (await broker.sub([...judge, "-E"], 1)).messages;
          const message = (what: string): Message => ({ topic, qos, payload: bytes(what) });
          const outbox = new Map([[1, message("before")]]);
          const first = new MqttDriver(relay.port, options, { outbox });
          await first.settled();
          await first.end();

          const side = lost === "publish" || lost === "pubrel" ? "client" : "broker";
          const isLost = relay.losing(
            ({ from, packet, connection }) => connection === 1 && from === side && packet.cmd === lost,
          );
          outbox.set(2, message("in flight")).set(3, message("behind it"));
          const second = new MqttDriver(relay.port, options, { kept: first.kept(), outbox });
          await isLost;
          await broker.persisted();
          await broker.kill();
          await second.until("closed");
          await broker.start(settings);

          const kept = unpaused(second.kept(), options);
          const third = new MqttDriver(relay.port, options, { kept, outbox });
          equal((await third.until("connected")).sessionPresent, true);
          await third.settled();
          await third.end();
          equal(outbox.size, 0);
          const script = relay.script(2);
          deepEqual(
            script.filter((one) => one !== "connect" && one !== "connack")[0],
            resumes,
            script.join(", "),
          );
          equal(script[1], pipelining && qos === 1 ? resumes : "connack", "QoS 2 is for after CONNACK");
          await broker.pub("-t", topic, "-m", "the end", "-q", "2");
          // Where the broker's word was lost, it has at QoS 1 both messages twice.
          const twice = lost === "puback";
          const { messages } = await broker.sub(judge, twice ? 6 : 4);
          const judged = (await messages).map(({ payload }) => text(payload));
          const flown = ["in flight", "behind it"];
          deepEqual(judged, ["before", ...flown, ...(twice ? flown : []), "the end"]);
        });

    for (const { qos, lost, resumes } of incoming)
      test(`MQTT ${name}: QoS ${qos} from the broker, ${lost.toUpperCase()} lost`, async (t) => {
        const clientId = `down-${version}-${++clients}`;
        const options = optionsFor(clientId);
        const relay = await Relay.open(t, broker.port, version);
        const first = new MqttDriver(relay.port, options);
        await first.until("subscribed");
        await first.end();

        const side = lost === "publish" || lost === "pubrel" ? "broker" : "client";
        const isLost = relay.losing(
          ({ from, packet, connection }) => connection === 1 && from === side && packet.cmd === lost,
        );
        for (const what of ["in flight", "behind it"])
          await broker.pub("-t", `${clientId}/to`, "-q", `${qos}`, "-m", what);
        const second = new MqttDriver(relay.port, options, { kept: first.kept() });
        await isLost;
        await broker.persisted();
        await broker.kill();
        await second.until("closed");
        await broker.start(settings);

        const third = new MqttDriver(relay.port, options, { kept: second.kept() });
        equal((await third.until("connected")).sessionPresent, true);
        await broker.pub("-t", `${clientId}/to`, "-q", "2", "-m", "the end");
        await third.until("message", ({ message: { payload } }) => text(payload) === "the end");
        await third.settled();
        await third.end();
        const script = relay.script(2);
        equal(script.filter((one) => one.startsWith("pub"))[0], resumes, script.join(", "));
        const got = [...second.all("message"), ...third.all("message")].map(({ message }) => message);
        const expected = ["in flight", "behind it", "the end"];
        if (qos === 2)
          return deepEqual(
            got.map(({ payload }) => text(payload)),
            expected,
          );
        deepEqual([...new Set(got.map(({ payload }) => text(payload)))], expected);
        const again = third.all("message").filter(({ message }) => message.duplicate);
        ok(again.length > 0, "said to be a duplicate");
      });
  }

  for (const version of [4, 5] as const)
    test(`MQTT ${version === 4 ? "3.1.1" : "5"}: a broker that lost its disk: everything goes out anew, nothing twice`, async (t) => {
      const clientId = `new-${version}`;
      const options = { version, clientId, cleanStart: false, sessionExpirySeconds: 600 } as const;
      const topic = `${clientId}/from`;
      const relay = await Relay.open(t, broker.port, version);
      const isLost = relay.losing(({ packet, connection }) => connection === 0 && packet.cmd === "publish");
      const outbox = new Map<number, Message>([
        [1, { topic, qos: 1, payload: bytes("one") }],
        [2, { topic, qos: 2, payload: bytes("two") }],
      ]);
      const first = new MqttDriver(relay.port, options, { outbox });
      await isLost;
      await first.until("published", ({ token }) => token === 2);
      await broker.kill();
      await first.until("closed");
      await broker.start();
      const judge = await broker.sub(["-q", "2", "-t", topic], 3);
      const second = new MqttDriver(relay.port, options, { kept: first.kept(), outbox });
      equal((await second.until("connected")).sessionPresent, false);
      await second.settled();
      await second.end();
      await broker.pub("-t", topic, "-q", "2", "-m", "the end");
      deepEqual(
        (await judge.messages).map(({ payload }) => text(payload)),
        ["one", "two", "the end"],
      );
    });
});
