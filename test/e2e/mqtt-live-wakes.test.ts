/** Whole wakes on the wire: what goes out before CONNACK, and what becomes of it at brokers that are not as remembered. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { afterOutage, early, inOneFlight, published, wakes } from "./mqtt-wakes.js";
import { mqttType, sectionBytes, withSection } from "./rtc-image.js";
import { only } from "./run.js";
import { deviceId, type Identity, Pki, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

describe("wakes at Mosquitto", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  let pki: Pki;
  let nobody: Identity;
  before(async () => {
    await broker.start();
    pki = await Pki.create();
    nobody = await pki.identity("none");
  });
  after(async () => {
    pki.remove();
    await broker.stop();
  });

  for (const version of ["5", "3.1.1"] as const)
    for (const board of ["esp32c3", "esp8266"] as const)
      test(`MQTT ${version}, ${board}: the message goes out with CONNECT, from the first wake on`, async (t) => {
        const relay = await Relay.open(t, broker.port, version === "5" ? 5 : 4);
        const { errors, summary } = await wakes(relay, broker.port, { board, cycles: 3, version });
        deepEqual(errors, []);
        deepEqual([summary.verified, summary.rejected], [3, 0]);
        deepEqual(early(relay), [inOneFlight, inOneFlight, inOneFlight]);
      });

  test("over TLS too", async (t) => {
    const relay = await Relay.open(t, broker.port, 5, pki);
    const { errors, summary } = await tlsRun({
      cycles: 3,
      port: relay.port,
      openPort: broker.port,
      identity: nobody,
      ca: pki.root,
    });
    deepEqual(errors, []);
    equal(summary.verified, 3);
    deepEqual(early(relay), [inOneFlight, inOneFlight, inOneFlight]);
  });

  for (const version of ["5", "3.1.1"] as const)
    test(`MQTT ${version}: after an outage all that waits drains in one wake, at most four messages at a time`, async (t) => {
      const relay = await Relay.open(t, broker.port, version === "5" ? 5 : 4);
      const down = 58;
      const { summary, errors, tally, events } = await wakes(relay, broker.port, {
        cycles: down + 2,
        version,
        ...afterOutage(down),
      });
      equal(errors.length, down);
      ok(tally.success);
      const back = only(events, "acked").filter(({ wake }) => wake === down + 2);
      ok(back.length > 4, `${back.length} messages`);
      deepEqual(
        [summary.published, summary.verified, summary.rejected],
        [back.length + 1, back.length + 1, 0],
      );
      const readings = only(events, "received").flatMap(({ reading }) => reading ?? []).length / 2;
      equal(readings, down + 2);
      const script = relay.script(1);
      deepEqual(script.slice(0, script.indexOf("connack")), ["connect", ...Array(4).fill("publish 1")]);
      let unacknowledged = 0;
      let most = 0;
      for (const { packet, connection } of relay.passed) {
        if (connection !== 1) continue;
        if (packet.cmd === "publish") most = Math.max(most, ++unacknowledged);
        if (packet.cmd === "puback") unacknowledged--;
      }
      equal(most, 4);
    });

  test("what waits in flash drains in one wake too, a segment of 16 readings to a round trip", async (t) => {
    const relay = await Relay.open(t, broker.port);
    const down = 58;
    const { errors, events, tally } = await wakes(relay, broker.port, {
      cycles: down + 2,
      ...afterOutage(down),
      edit: (profile) => ({ ...profile, outbox: {} }),
    });
    equal(errors.length, down);
    ok(tally.success);
    equal(only(events, "spilled").length, 3);
    const readings = only(events, "received").flatMap(({ reading }) => reading ?? []);
    equal(readings.filter(({ name }) => name.endsWith(":temperature")).length, down + 2);
    const sent = only(events, "sent").filter(({ wake }) => wake === down + 2);
    let unacknowledged = 0;
    let trips = 0;
    for (const { event, wake } of events) {
      if (wake !== down + 2) continue;
      if (event === "sent" && unacknowledged++ === 0) trips++;
      if (event === "acked") unacknowledged--;
    }
    equal(trips, 4, `${sent.length} messages`);
    ok(sent.length <= 2 * trips, "a segment is two messages at most");
  });

  /** Closes on whatever comes before it has said CONNACK. */
  function strict(relay: Relay): void {
    relay.breaks = ({ connection, from, packet }) =>
      from === "client" && packet.cmd !== "connect" && !relay.script(connection).includes("connack")
        ? new Uint8Array(0)
        : undefined;
  }

  for (const version of ["5", "3.1.1"] as const)
    test(`MQTT ${version}: a broker that wants CONNACK first is served by a second connection in the same wake, and not surprised again`, async (t) => {
      const relay = await Relay.open(t, broker.port, version === "5" ? 5 : 4);
      strict(relay);
      const { errors, summary, events } = await wakes(relay, broker.port, { cycles: 3, version });
      deepEqual(errors, []);
      deepEqual([summary.published, summary.verified, summary.rejected], [3, 3, 0]);
      deepEqual(early(relay), [inOneFlight, "connect", "connect", "connect"]);
      const values = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
      deepEqual(values, ["0 fresh", "1 fresh", "2 fresh"]);
      const [first, second] = [published(relay, 0), published(relay, 1)];
      deepEqual(first[0]!.payload, second[0]!.payload, "the same bytes");
    });

  test("a broker that throws away what comes before its CONNACK costs one wake, and is not surprised again", async (t) => {
    const relay = await Relay.open(t, broker.port);
    relay.drops = ({ connection, from, packet }) =>
      from === "client" && packet.cmd !== "connect" && !relay.script(connection).includes("connack");
    const { errors, summary } = await wakes(relay, broker.port, {
      cycles: 3,
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { drain: 2 } } }),
    });
    deepEqual(errors, ["1 deadline"]);
    deepEqual([summary.published, summary.verified, summary.rejected], [3, 3, 0]);
    deepEqual(early(relay), [inOneFlight, "connect", "connect"]);
  });

  test("such a broker is tried again after 64 connections", async (t) => {
    const relay = await Relay.open(t, broker.port);
    strict(relay);
    const pauses: number[] = [];
    const client = { clientId: deviceId };
    const { errors, summary } = await wakes(relay, broker.port, {
      cycles: 5,
      disturbance: {
        listenerPort: broker.port,
        asleep: (wake, { rtc }) => {
          const kept = decodeKept(sectionBytes(rtc, mqttType), client)!;
          pauses.push(kept.pipeliningPause);
          if (wake === 3) relay.breaks = () => undefined;
          if (wake !== 2) return undefined;
          const later = encodeKept({ ...kept, pipeliningPause: 1 }, client);
          return { rtc: withSection(rtc, mqttType, () => later) };
        },
      },
    });
    deepEqual(errors, []);
    equal(summary.verified, 5);
    deepEqual(pauses, [63, 62, 0, 0, 0]);
    deepEqual(early(relay), [inOneFlight, "connect", "connect", "connect", inOneFlight, inOneFlight]);
  });

  test("a refused CONNACK keeps the reading: the next wake sends the same bytes, and what it says is new", async (t) => {
    const relay = await Relay.open(t, broker.port);
    // Not authorized (MQTT 5 §3.2), after all has been read.
    const refusing = createServer((socket) => {
      socket.on("error", () => {}).once("data", () => socket.end(Buffer.from("2003008700", "hex")));
    });
    refusing.listen(0, "127.0.0.1");
    await once(refusing, "listening");
    t.after(() => refusing.close());
    const { errors, summary, events } = await wakes(relay, broker.port, {
      cycles: 4,
      onEvent: (event) => {
        if (event.event === "sleep")
          relay.target = event.wake === 1 ? (refusing.address() as AddressInfo).port : broker.port;
      },
    });
    deepEqual(errors, ["2 broker-refused"]);
    deepEqual([summary.published, summary.verified, summary.rejected], [4, 4, 0]);
    const [refused] = published(relay, 1);
    const [again, other] = published(relay, 2);
    deepEqual(again!.payload, refused!.payload);
    deepEqual([again!.dup, other!.dup], [false, false], "nobody has taken it");
    const third = only(events, "sent").filter(({ wake }) => wake === 3);
    deepEqual(
      third.map(({ counter, retry = false }) => `${counter} ${retry}`),
      ["1 true", "2 false"],
    );
  });

  test("an acknowledgement that is lost costs a duplicate with the same bytes, which the judge drops", async (t) => {
    const relay = await Relay.open(t, broker.port);
    relay.loses = ({ connection, packet }) => connection === 1 && packet.cmd === "puback";
    const { errors, events } = await wakes(relay, broker.port, {
      cycles: 3,
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { drain: 2 } } }),
    });
    deepEqual(errors, ["2 deadline"]);
    const verdicts = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
    deepEqual(verdicts, ["0 fresh", "1 fresh", "1 duplicate", "2 fresh"]);
    deepEqual(published(relay, 2)[0]!.payload, published(relay, 1)[0]!.payload);
  });

  test("pipelining turned off: nothing goes out before CONNACK", async (t) => {
    const relay = await Relay.open(t, broker.port);
    const { errors, summary } = await wakes(relay, broker.port, {
      cycles: 2,
      edit: (profile) => ({ ...profile, mqtt: { ...profile.mqtt, pipelining: false } }),
    });
    deepEqual(errors, []);
    equal(summary.verified, 2);
    deepEqual(early(relay), ["connect", "connect"]);
  });
});
