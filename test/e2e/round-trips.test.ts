/** Round trips from TCP SYN to PUBACK: that they are counted right, and how many Dormouse takes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { generate } from "mqtt-packet";
import type { Row } from "../../bench/benchmark.js";
import { RoundTripScene } from "../../bench/round-trips/scene.js";
import { roundtrips } from "../../bench/roundtrips.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

const skip = mosquittoMissing() ?? false;

describe("the count of round trips", { skip, concurrency: true }, () => {
  let scene: RoundTripScene;
  before(async () => {
    scene = await RoundTripScene.start();
  });
  after(() => scene.stop());

  const publish = generate({
    cmd: "publish",
    topic: "t",
    payload: "21.5",
    qos: 1,
    messageId: 1,
    dup: false,
    retain: false,
  });
  const ping = generate({ cmd: "pingreq" });
  const disconnect = generate({ cmd: "disconnect" });

  /** A client without TLS, which does as it is told. */
  function counted(clientId: string, talk: (client: Socket, connectPacket: Buffer) => Promise<void>) {
    const connectPacket = generate({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      clientId,
      keepalive: 60,
    });
    return scene.count({
      clientId,
      targetPort: scene.broker.plainPort,
      async publish(port) {
        const client = connect(port, "127.0.0.1");
        await talk(client, connectPacket);
        client.end().resume();
        await once(client, "close");
      },
    });
  }

  test("is 2 for a client that sends CONNECT and PUBLISH at once", async () => {
    const { roundTrips } = await counted("at-once", async (client, connectPacket) => {
      client.write(Buffer.concat([connectPacket, publish]));
      // CONNACK and PUBACK, 4 bytes each.
      for (let bytes = 0; bytes < 8; ) bytes += (await once(client, "data"))[0].length;
      client.write(disconnect);
    });
    assert.equal(roundTrips, 2);
  });

  for (const pings of [0, 1, 2, 3])
    test(`is ${3 + pings} for one that waits for CONNACK and ${pings} PINGRESP`, async () => {
      const { roundTrips } = await counted(`pings-${pings}`, async (client, connectPacket) => {
        for (const packet of [connectPacket, ...new Array<Buffer>(pings).fill(ping), publish]) {
          client.write(packet);
          await once(client, "data");
        }
        client.write(disconnect);
      });
      assert.equal(roundTrips, 3 + pings);
    });

  test("does not come about for one that goes without having waited for PUBACK", async () => {
    const hasty = counted("hasty", async (client, connectPacket) => {
      client.write(Buffer.concat([connectPacket, publish, disconnect]));
    });
    await assert.rejects(hasty, /hasty disconnected without having waited/);
  });

  test("is the same for a slow one, and taken again at a greater distance", async () => {
    let times = 0;
    const { roundTrips } = await counted("slow", async (client, connectPacket) => {
      times++;
      for (const packet of [connectPacket, publish]) {
        client.write(packet);
        await once(client, "data");
      }
      await wait(120);
      client.write(disconnect);
    });
    assert.equal(roundTrips, 3);
    assert.ok(times > 1);
  });
});

/** At most. */
const promised: Readonly<Record<string, number>> = {
  dormouse: 3,
  "dormouse, resumed": 3,
  "dormouse, 0-RTT": 2,
  "dormouse pub": 3,
};
const others = ["mosquitto_pub", "mqtt.js", "paho"];

test("Dormouse's PUBACK comes in 3 round trips, in 2 with 0-RTT, and no other client's sooner", {
  skip,
}, async () => {
  const { json: counted = {}, rows, notes } = await roundtrips.run({});
  const json = counted as Readonly<Record<string, number>>;
  const table = JSON.stringify(rows);
  // On a developer's machine a client may be left out.
  if (process.env.CI)
    for (const name of [...Object.keys(promised), ...others]) assert.ok(name in json, notes?.join("\n"));
  for (const [name, trips] of Object.entries(json)) {
    const most = promised[name];
    if (most === undefined) assert.ok(trips >= json.dormouse!, table);
    else assert.ok(Number(trips) <= most, `${name}: ${table}`);
  }
  assert.ok(Object.keys(json).length >= 3, table);
  // A wake takes up its TLS session: fewer bytes than whoever publishes as much, and no more round trips than anybody.
  const bytes = (row: Row) => Number(row["bytes up"]) + Number(row["bytes down"]);
  const wake = rows.find(({ client }) => client === "dormouse, resumed")!;
  const single = ["mosquitto_pub", "mqtt.js", "paho, publish.single"];
  for (const row of rows.filter(({ client }) => !String(client).startsWith("dormouse"))) {
    assert.ok(bytes(wake) < bytes(row), table);
    assert.ok(wake["round trips"]! <= row["round trips"]!, table);
    // Paho's other way does not wait for CONNACK either; 0-RTT has fewer than that.
    if (single.includes(String(row.client))) assert.ok(wake["round trips"]! < row["round trips"]!, table);
    const early = json["dormouse, 0-RTT"];
    if (early !== undefined) assert.ok(early < Number(row["round trips"]), table);
  }
});
