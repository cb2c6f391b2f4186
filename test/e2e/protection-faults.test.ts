/**
 * What a device does with a protection that it cannot have: it says so, sends nothing in its place, and keeps its
 * readings. And what it makes of a broker that takes little at a time.
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { RunOptions } from "../../host-sim/run.js";
import type { FlashEntry } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import { deafBroker } from "./deaf-broker.js";
import { eager, only, run } from "./run.js";

type Up = Profile["topics"]["up"];

async function wakes(flags: SimFlags, up: Up | undefined, more: Partial<RunOptions> = {}) {
  const options = await simOptions({ cycles: "2", board: "esp32c3", ...flags });
  const { profile } = options;
  return run({}, undefined, {
    ...options,
    ...(up && { profile: { ...profile, topics: { ...profile.topics, up } } }),
    ...more,
  });
}

function refusals(events: readonly RunEvent[], kind: string): string[] {
  deepEqual(only(events, "sent"), []);
  const errors = only(events, "error");
  ok(errors.length > 0, "it says nothing");
  for (const error of errors) equal(error.kind, kind);
  return errors.map(({ detail }) => detail);
}

/** What the broker below takes in a packet. */
const maximumPacketSize = 400;

interface Published {
  readonly bytes: number;
}

/** A broker that takes little at a time, and tells what was published there. */
async function smallBroker(): Promise<{ readonly port: number; readonly packets: readonly Published[] }> {
  const packets: Published[] = [];
  const server = createServer((socket) => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on("packet", (packet) => {
      const answer = (reply: mqttPacket.Packet) =>
        socket.write(mqttPacket.generate(reply, { protocolVersion: 5 }));
      if (packet.cmd === "connect")
        answer({ cmd: "connack", sessionPresent: false, reasonCode: 0, properties: { maximumPacketSize } });
      if (packet.cmd !== "publish") return;
      packets.push({ bytes: packet.length! + 3 });
      answer({ cmd: "puback", messageId: packet.messageId!, reasonCode: 0 });
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  server.unref();
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, packets };
}

process.env.DORMOUSE_TEST_RECIPIENT = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ format: "pem", type: "pkcs8" })
  .toString();

describe("a protection that cannot be had, or barely", { concurrency: true }, () => {
  test("an ESP8266 refuses a profile that needs P-256, and sends nothing", async () => {
    const { secrets } = await simOptions({ protection: "sign" });
    const { events } = await wakes({ board: "esp8266" }, { protection: "sign" }, { secrets });
    for (const detail of refusals(events, "profile-invalid")) match(detail, /P-256.*an ESP8266 has none/);
  });

  const withoutKey = (entries: FlashEntry[]) => entries.filter(({ key }) => key !== "sign-key");
  const otherKey = (entries: FlashEntry[]) =>
    entries.map((entry) =>
      entry.key === "sign-key" && entry.type === "buffer"
        ? { ...entry, value: entry.value.slice(0, -70) }
        : entry,
    );

  for (const protection of ["sign", "sealTo"])
    test(`${protection}: without its signing key a device sends nothing`, async () => {
      for (const [flash, detail] of [
        [withoutKey, /^topics\.signKey is not in flash$/],
        [otherKey, /^topics\.protection cannot be had: /],
      ] as const) {
        const flags = { protection, ...(protection === "sealTo" && { sign: true }) };
        const { events } = await wakes(flags, undefined, { disturbance: { flash } });
        for (const one of refusals(events, "profile-invalid")) match(one, detail);
      }
    });

  test("to a recipient whose key is no point of the curve nothing is sent", async () => {
    const up: Up = {
      protection: "sealTo",
      recipientKid: "k",
      // a point has the head of one, and these numbers are none
      recipientKey: Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]).toString("base64url"),
      sign: false,
    };
    const { events } = await wakes({}, up, { recipientKey: null });
    const received = only(events, "received");
    // With no recipient of its own the simulated world has its own, whose key is right.
    if (received.length === 0)
      for (const one of refusals(events, "profile-invalid")) match(one, /cannot be had/);
  });

  test("without its signing key a device does not even leave a will", async () => {
    const options = await simOptions({ protection: "sign" });
    // Every wake tries, and finds it out.
    const profile = eager(options.profile);
    const { events } = await wakes({ protection: "sign" }, undefined, {
      ...options,
      profile: { ...profile, mqtt: { ...profile.mqtt, will: { afterSeconds: 0, retain: false } } },
      disturbance: { flash: withoutKey },
    });
    deepEqual(
      refusals(events, "profile-invalid"),
      only(events, "wake").map(() => "topics.signKey is not in flash"),
    );
  });

  for (const [flags, format] of [
    [{ protection: "sealTo", sign: true, recipientKey: "env:DORMOUSE_TEST_RECIPIENT" }, "cbor"],
    [{ protection: "seal" }, "json"],
  ] as const)
    test(`${flags.protection}, ${format}: no packet is larger than the broker takes, and nothing is lost`, async () => {
      const { port, packets } = await smallBroker();
      const options = await simOptions({ ...flags, board: "esp32c3", broker: `mqtt://localhost:${port}` });
      const profile = eager(options.profile);
      let wake = 0;
      const result = await run({}, (event) => event.event === "wake" && wake++, {
        ...options,
        cycles: 7,
        profile: { ...profile, topics: { ...profile.topics, format, state: ["dropped"] } },
        disturbance: {
          // The first wake learns what the broker takes; then there is no network until the last.
          network: (world) => (wake > 1 && wake < 7 ? { ...world, accessPoints: [] } : world),
          listenerPort: await deafBroker(),
        },
      });
      deepEqual(
        only(result.events, "error").map(({ kind }) => kind),
        new Array(5).fill("network-unavailable"),
      );
      for (const { bytes } of packets) ok(bytes <= maximumPacketSize, `${bytes}`);
      const full = packets.slice(1, -1);
      ok(full.length > 0, "they all went together");
      for (const { bytes } of full) ok(bytes > maximumPacketSize / 2, `${bytes}: the room is used`);
      equal(only(result.events, "acked").length, packets.length);
    });
});
