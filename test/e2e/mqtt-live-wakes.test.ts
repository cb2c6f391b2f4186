/** Whole wakes on the wire: what goes out before CONNACK, and what becomes of it at brokers that are not as remembered. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import type { IPublishPacket } from "mqtt-packet";
import { simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import type { Disturbance } from "../../host-sim/disturbance.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { World } from "../../host-sim/world/network.js";
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import type { Profile } from "../../lib/store/profile.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { Relay } from "./mqtt-relay.js";
import { mqttType, sectionBytes, withSection } from "./rtc-image.js";
import { only, run } from "./run.js";
import { deviceId, type Identity, Pki, tlsRun } from "./tls-scene.js";

const skip = mosquittoMissing() ?? false;

interface Wakes {
  readonly board?: BoardName;
  readonly cycles: number;
  readonly version?: Profile["mqtt"]["version"];
  readonly edit?: (profile: Profile) => Profile;
  readonly onEvent?: (event: RunEvent) => void;
  readonly disturbance?: Disturbance;
}

/** A device whose way to the broker, without TLS, is the relay; the judge has its own. */
async function wakes(relay: Relay, judgePort: number, given: Wakes) {
  const { board = "esp32c3", cycles, version = "5", edit = (profile) => profile, onEvent } = given;
  const flags = { board, cycles: `${cycles}`, broker: `mqtt://localhost:${relay.port}` };
  const { profile } = await simOptions(flags);
  const result = await run(flags, onEvent, {
    profile: edit({ ...profile, mqtt: { ...profile.mqtt, version } }),
    disturbance: { listenerPort: judgePort, ...given.disturbance },
  });
  const errors = only(result.events, "error").map(({ wake, kind }) => `${wake} ${kind}`);
  return { ...result, errors };
}

/** What went out before CONNACK, by connection. */
function early(relay: Relay): string[] {
  const scripts: string[] = [];
  for (let connection = 0; relay.script(connection).length > 0; connection++) {
    const script = relay.script(connection);
    const connack = script.indexOf("connack");
    scripts.push(script.slice(0, connack < 0 ? script.length : connack).join(", "));
  }
  return scripts;
}

function published(relay: Relay, connection: number): IPublishPacket[] {
  return relay.passed.flatMap(({ packet, ...one }) =>
    one.connection === connection && packet.cmd === "publish" ? [packet] : [],
  );
}

const inOneFlight = "connect, publish 1";
const outage =
  (until: () => boolean) =>
  (quiet: World): World =>
    until() ? { ...quiet, accessPoints: [] } : quiet;

/** The first wakes are without network. */
function afterOutage(down: number): Pick<Wakes, "onEvent" | "disturbance"> {
  let slept = 0;
  return {
    onEvent: (event) => {
      if (event.event === "sleep") slept++;
    },
    disturbance: { network: outage(() => slept > 0 && slept <= down) },
  };
}

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
      edit: (profile) => ({ ...profile, cycle: { ...profile.cycle, deadlineSeconds: { drain: 1 } } }),
    });
    deepEqual(errors, ["2 deadline"]);
    const verdicts = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
    deepEqual(verdicts, ["0 fresh", "1 fresh", "1 duplicate", "2 fresh"]);
    deepEqual(published(relay, 2)[0]!.payload, published(relay, 1)[0]!.payload);
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
    test(`what is remembered of the broker is ${what}: a backlog begins with one message, and that is all`, async (t) => {
      const relay = await Relay.open(t, broker.port);
      const down = 30;
      const calm = afterOutage(down);
      const { errors, summary, tally } = await wakes(relay, broker.port, {
        cycles: down + 3,
        ...calm,
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
});
