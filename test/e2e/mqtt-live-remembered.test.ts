/** Whole wakes with what is remembered of the broker: sessions that last, memory that is lost, brokers that are not as they were. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import type { Profile } from "../../lib/store/profile.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { afterOutage, early, inOneFlight, published, wakes } from "./mqtt-wakes.js";
import { mqttType, sectionBytes, withSection } from "./rtc-image.js";
import { only } from "./run.js";
import { deviceId } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

describe("what a device remembers of Mosquitto", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  /** Another client of the device's name, with a clean start, ends its session. */
  const forget = () => broker.pub("-i", deviceId, "-t", "x", "-n");

  const lasting = (profile: Profile): Profile => ({
    ...profile,
    mqtt: { ...profile.mqtt, sessionExpirySeconds: 86_400 },
    cycle: { ...profile.cycle, deadlineSeconds: { drain: 2 } },
  });

  for (const version of ["5", "3.1.1"] as const)
    for (const found of [true, false])
      test(`MQTT ${version}: in a session that lasts, ${found ? "an unacknowledged message comes again as what it was" : "and was lost at the broker, an unacknowledged message comes as a new one"}`, async (t) => {
        await forget();
        const relay = await Relay.open(t, broker.port, version === "5" ? 5 : 4);
        relay.loses = ({ connection, packet }) => connection === 1 && packet.cmd === "puback";
        const { errors, events, summary } = await wakes(relay, broker.port, {
          cycles: 4,
          version,
          edit: lasting,
          disturbance: {
            listenerPort: broker.port,
            asleep: async (wake) => {
              if (!found && wake === 2) await forget();
              return undefined;
            },
          },
        });
        deepEqual(errors, ["2 deadline"]);
        const verdicts = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
        deepEqual(verdicts, ["0 fresh", "1 fresh", "1 duplicate", "2 fresh", "3 fresh"]);
        equal(summary.rejected, 0);
        const connacks = relay.passed.flatMap(({ packet }) =>
          packet.cmd === "connack" ? [packet.sessionPresent] : [],
        );
        deepEqual(connacks, [false, true, found, true]);
        const [unheard, again] = [published(relay, 1)[0]!, published(relay, 2)[0]!];
        deepEqual(again.payload, unheard.payload);
        equal(again.dup, found);
        equal(again.messageId === unheard.messageId, found);
        equal(early(relay)[2], "connect", "what came early was not answered, so nothing does now");
      });

  /** What the broker keeps in mind of the device's memory, undone while it sleeps. */
  const damages: [what: string, edit: (section: Uint8Array) => Uint8Array | undefined][] = [
    ["lost", () => undefined],
    ["empty", () => new Uint8Array(0)],
    [
      "another client's",
      (section) => encodeKept(decodeKept(section, { clientId: deviceId })!, { clientId: "x" }),
    ],
    ["torn", (section) => section.subarray(0, section.length - 1)],
    ["flipped in one bit", (section) => section.map((byte, i) => (i === 2 ? byte ^ 1 : byte))],
  ];
  for (const [what, edit] of damages)
    for (const lasts of [false, true])
      test(`what is remembered of ${lasts ? "a session that lasts" : "the broker"} is ${what}: a backlog begins with one message, and that is all`, async (t) => {
        await forget();
        const relay = await Relay.open(t, broker.port);
        const down = 30;
        const calm = afterOutage(down);
        const { errors, summary, tally } = await wakes(relay, broker.port, {
          cycles: down + 3,
          ...calm,
          ...(lasts && { edit: lasting }),
          disturbance: {
            ...calm.disturbance,
            listenerPort: broker.port,
            asleep: (wake, { rtc }) =>
              wake === down + 1 ? { rtc: withSection(rtc, mqttType, edit) } : undefined,
          },
        });
        equal(errors.length, down);
        ok(tally.success);
        equal(summary.rejected, 0);
        const scripts = early(relay);
        equal(scripts.length, 3, "one connection a wake");
        equal(scripts[1], inOneFlight);
        ok(published(relay, 1).length > 1, "the rest came after CONNACK");
      });
});

describe("a Mosquitto that is killed in the middle of a wake", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  const settings = ["allow_anonymous true", ...broker.persistence];
  before(() => broker.start(settings));
  after(() => broker.stop());

  for (const [lost, verdicts] of [
    ["publish", ["0 fresh", "1 fresh", "2 fresh"]],
    ["puback", ["0 fresh", "1 fresh", "1 duplicate", "2 fresh"]],
  ] as const)
    test(`${lost.toUpperCase()} lost: the next wake delivers the same bytes, and nothing is missing`, async (t) => {
      const relay = await Relay.open(t, broker.port);
      let restarted = Promise.resolve();
      const isLost = relay.losing(({ connection, packet }) => connection === 1 && packet.cmd === lost);
      void isLost.then(() => {
        restarted = broker.persisted().then(() => broker.kill());
      });
      const { errors, events, summary } = await wakes(relay, broker.port, {
        cycles: 3,
        disturbance: {
          listenerPort: broker.port,
          asleep: async (wake) => {
            if (wake !== 2) return undefined;
            await restarted;
            await broker.start(settings);
            await broker.inLog("Sending SUBACK to dormouse-listener");
            return undefined;
          },
        },
      });
      deepEqual(errors, ["2 connection-lost"]);
      const judged = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
      deepEqual(judged, verdicts);
      equal(summary.rejected, 0);
      deepEqual(published(relay, 2)[0]!.payload, published(relay, 1)[0]!.payload);
    });
});

describe("a broker that grants less than it did", { skip, timeout: 60_000 }, () => {
  const broker = new Broker();
  before(() => broker.start(["allow_anonymous true", "max_inflight_messages 1"]));
  after(() => broker.stop());

  /** Mosquitto forgives it; brokers may end the connection (MQTT 5 §3.3.4). */
  function counting(relay: Relay): void {
    relay.breaks = ({ connection, from, packet }) => {
      const script = relay.script(connection);
      const waiting =
        script.filter((one) => one.startsWith("publish")).length -
        script.filter((one) => one === "puback").length;
      const over = script.includes("connack") && waiting > 1;
      return over && from === "broker" && packet.cmd === "puback" ? Buffer.from("e00193", "hex") : undefined;
    };
  }

  test("fewer messages at a time: the wake goes on with a second connection, by what is granted now", async (t) => {
    const relay = await Relay.open(t, broker.port);
    counting(relay);
    const down = 30;
    const calm = afterOutage(down);
    const client = { clientId: deviceId };
    const { errors, events, summary, tally } = await wakes(relay, broker.port, {
      cycles: down + 3,
      ...calm,
      disturbance: {
        ...calm.disturbance,
        listenerPort: broker.port,
        asleep: (wake, { rtc }) => {
          if (wake !== down + 1) return undefined;
          const kept = decodeKept(sectionBytes(rtc, mqttType), client)!;
          const limits = { ...kept.limits!, receiveMaximum: 4 };
          return { rtc: withSection(rtc, mqttType, () => encodeKept({ ...kept, limits }, client)) };
        },
      },
    });
    equal(errors.length, down, errors.join(", "));
    ok(tally.success);
    equal(summary.rejected, 0);
    const sent = (connection: number) => early(relay)[connection];
    ok(published(relay, 1).length > 1, "as many as were allowed once");
    equal(sent(2), inOneFlight, "what is granted is known by now");
    equal(early(relay).length, 4, "two connections in one wake, one in each other");
    const readings = only(events, "received")
      .filter(({ verdict }) => verdict === "fresh")
      .flatMap(({ reading }) => reading ?? []);
    equal(readings.length / 2, down + 3);
  });

  test("smaller packets: the wake goes on with a second connection, and what was made for larger ones stops nothing else", async (t) => {
    const tight = new Broker();
    t.after(() => tight.stop());
    await tight.start();
    const relay = await Relay.open(t, tight.port);
    const down = 6;
    const calm = afterOutage(down);
    const { errors, events, summary } = await wakes(relay, tight.port, {
      cycles: down + 4,
      ...calm,
      disturbance: {
        ...calm.disturbance,
        listenerPort: tight.port,
        asleep: async (wake) => {
          if (wake !== down + 1) return undefined;
          await tight.kill();
          await tight.start(["allow_anonymous true", "max_packet_size 300"]);
          await tight.inLog("Sending SUBACK to dormouse-listener");
          return undefined;
        },
      },
    });
    const back = down + 2;
    deepEqual(
      errors.slice(down),
      [back, back + 1, back + 2].map((wake) => `${wake} broker-refused`),
    );
    for (const { kind, code } of only(events, "error").slice(down))
      deepEqual([kind, code], ["broker-refused", 0x95]);
    deepEqual(early(relay).slice(1, 3), [inOneFlight, "connect"], "as large as was allowed once, then not");
    equal(early(relay).length, 5, "two connections in the first wake after that");
    const arrived = only(events, "received").filter(
      ({ wake, verdict }) => wake > back && verdict === "fresh",
    );
    equal(arrived.length, 2);
    equal(summary.rejected, 0);
  });
});
