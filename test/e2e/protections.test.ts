/**
 * Every protection and algorithm, from the firmware in XS with native crypto to a receiver that shares no code with it,
 * through Mosquitto: over TLS, and over plain TCP where the message is protected enough to go without.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type DevelopmentPki, developmentPki } from "../../certs/pki/development.js";
import { type SimFlags, simOptions } from "../../cli/sim.js";
import type { BoardName } from "../../host-sim/board.js";
import { build } from "../../host-sim/paths.js";
import type { RunEvent } from "../../host-sim/report/events.js";
import type { RunOptions } from "../../host-sim/run.js";
import { deviceSender } from "../../host-sim/world/device-sender.js";
import { open } from "../../host-sim/world/opener.js";
import type { Profile } from "../../lib/store/profile.js";
import { Gate } from "./gate.js";
import { Mosquitto, mosquittoMissing } from "./mqtt-mosquitto.js";
import { only, run } from "./run.js";

type Up = Profile["topics"]["up"];

function keyPair() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([Buffer.of(4), ...[x!, y!].map((part) => Buffer.from(part, "base64url"))]);
  return { der: new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" })), point };
}
const recipient = keyPair();
const own = keyPair();
const sealTo = {
  protection: "sealTo",
  recipientKid: "plant-7",
  recipientKey: recipient.point.toString("base64url"),
} as const;

interface Case {
  readonly up: Up;
  readonly verdict: "fresh" | "unauthenticated";
  /** An ESP8266 has no P-256. */
  readonly boards: readonly BoardName[];
  readonly overPlainTcp: boolean;
}
const everywhere = { verdict: "fresh", boards: ["esp32c3", "esp8266"], overPlainTcp: true } as const;
const withP256 = { ...everywhere, boards: ["esp32c3"] } as const;
const byNobody = { verdict: "unauthenticated", overPlainTcp: false } as const;

const cases: Readonly<Record<string, Case>> = {
  none: { ...everywhere, ...byNobody, up: { protection: "none" } },
  "stamp hmac-256": { ...everywhere, up: { protection: "stamp", algorithm: "hmac-256" } },
  "stamp hmac-256-64": { ...everywhere, up: { protection: "stamp", algorithm: "hmac-256-64" } },
  "seal chacha20-poly1305": { ...everywhere, up: { protection: "seal", algorithm: "chacha20-poly1305" } },
  "seal a128gcm": { ...everywhere, up: { protection: "seal", algorithm: "a128gcm" } },
  "seal a256gcm": { ...everywhere, up: { protection: "seal", algorithm: "a256gcm" } },
  "seal aes-ccm-16-64-128": { ...everywhere, up: { protection: "seal", algorithm: "aes-ccm-16-64-128" } },
  sign: { ...withP256, up: { protection: "sign" } },
  sealTo: { ...withP256, ...byNobody, up: { ...sealTo, sign: false } },
  "sealTo, signed": { ...withP256, up: { ...sealTo, sign: true } },
};

describe("every protection", { skip: mosquittoMissing() ?? false, timeout: 300_000 }, () => {
  const broker = new Mosquitto();
  let pki: DevelopmentPki;
  before(async () => {
    pki = await developmentPki(join(build, "development-pki"));
    await broker.start({ nobody: "x" }, { chainPem: pki.serverChainPem, keyPem: pki.serverKeyPem });
  });
  after(() => broker.stop());

  const overTls = (): SimFlags => ({ broker: `mqtts://localhost:${broker.tlsPort}`, ca: pki.rootFile });
  const overTcp = (): SimFlags => ({ broker: `mqtt://localhost:${broker.openPort}` });

  /** A device of its own name, so that the runs do not hear each other. */
  async function wakes(
    id: string,
    { up, boards }: Case,
    flags: SimFlags,
    topics: Partial<Profile["topics"]> = {},
    onEvent?: (event: RunEvent) => void,
    more: Partial<RunOptions> = {},
  ) {
    const board = boards[0]!;
    const { profile, secrets } = await simOptions({ ...flags, board });
    const base = `sensors/${id}`;
    const signs = up.protection === "sign" || (up.protection === "sealTo" && up.sign);
    return run({ ...flags, board, cycles: "2" }, onEvent, {
      profile: {
        ...profile,
        device: { ...profile.device, id },
        topics: { ...profile.topics, base, readings: `${base}/readings`, up, ...topics },
      },
      secrets: { ...secrets, signKey: signs ? own.der : null },
      recipientKey: up.protection === "sealTo" ? recipient.der : null,
      ...more,
    });
  }

  function check({ events, summary, tally }: Awaited<ReturnType<typeof run>>, name: string, verdict: string) {
    assert.deepEqual(only(events, "error"), []);
    assert.deepEqual(
      only(events, "received").map((event) => [event.verdict, event.protection]),
      [
        [verdict, name],
        [verdict, name],
      ],
    );
    assert.ok(tally.success);
    const { published, verified, unauthenticated } = summary;
    assert.deepEqual([published, verified, unauthenticated], verdict === "fresh" ? [2, 2, 0] : [2, 0, 2]);
  }

  for (const [name, one] of Object.entries(cases)) {
    const id = name.replace(/\W+/g, "-");
    for (const board of one.boards)
      test(`${name}, over TLS, on ${board}: ${one.verdict}`, async () => {
        check(await wakes(`${id}-${board}`, { ...one, boards: [board] }, overTls()), name, one.verdict);
      });
    if (one.overPlainTcp)
      test(`${name}, over plain TCP: ${one.verdict}`, async () => {
        check(await wakes(`${id}-tcp`, one, overTcp()), name, one.verdict);
      });
    else
      test(`${name}, over plain TCP: the device refuses`, async () => {
        const { events } = await wakes(`${id}-tcp`, one, overTcp());
        assert.deepEqual(only(events, "sent"), []);
        assert.deepEqual(
          only(events, "error").map(({ kind }) => kind),
          ["profile-invalid", "profile-invalid"],
        );
      });
  }

  for (const name of ["none", "stamp hmac-256-64", "seal aes-ccm-16-64-128", "sign", "sealTo, signed"])
    for (const format of ["json", "cbor"] as const)
      test(`${name}: as ${format}, with the device's state`, async () => {
        const one = cases[name]!;
        const id = `state-${format}-${name.replace(/\W+/g, "-")}`;
        const deviceSecret = new Uint8Array(32).fill(5);
        const { messages } = await broker.subscribe(`sensors/${id}/readings`, 2);
        const topics = { format, state: ["battery", "rssi", "dropped", "reset"] } as const;
        const result = await wakes(id, one, overTls(), topics, undefined, {
          deviceSecret,
          disturbance: { cause: (wake, usual) => (wake === 2 ? "brown-out" : usual) },
        });
        check(result, name, one.verdict);
        const state = ["battery", "rssi", "dropped"];
        const names = only(result.events, "received").map(({ reading }) =>
          reading!.map((record) => record.name.slice(id.length + 1)),
        );
        const usual = ["temperature", "humidity", ...state.map((word) => `state.${word}`)];
        // A secret that may have been in use, and no RTC memory: what can have been lost with it is told, once.
        assert.deepEqual(names[0], [...usual, "state.gap"]);
        assert.deepEqual([...names[1]!].sort(), [...usual, "state.reset"].sort());
        const { profile } = await simOptions(overTls());
        const keyed = {
          profile: { ...profile, device: { id }, topics: { ...profile.topics, format, up: one.up } },
          signKey: own.der,
          recipientKey: recipient.der,
        };
        for (const { topic, payloadHex } of await messages) {
          const found = open(Buffer.from(payloadHex, "hex"), topic, [deviceSender(keyed, deviceSecret)]);
          assert.ok(!("refused" in found), JSON.stringify(found));
          assert.equal(found.contentType, format === "json" ? 110 : null);
          assert.equal(Buffer.from(found.payload).toString("latin1").startsWith("["), format === "json");
        }
      });

  test("a short name of the device's takes the place of its id", async () => {
    const one = cases["stamp hmac-256-64"]!;
    const sizes: number[] = [];
    for (const device of [{ id: "a-long-device-name" }, { id: "a-long-device-name", kid: "a1b2" }]) {
      const { profile } = await simOptions({ ...overTls(), board: "esp32c3" });
      const result = await wakes("short", one, overTls(), {}, undefined, {
        profile: { ...profile, device, topics: { ...profile.topics, up: one.up } },
      });
      check(result, "stamp hmac-256-64", "fresh");
      sizes.push(only(result.events, "sent")[0]!.bytes);
    }
    // dCBOR([id, 0]) is 21 bytes, a short name here 2.
    assert.ok(sizes[0]! - sizes[1]! >= 19 - 2, `${sizes}`);
  });

  for (const name of ["seal a128gcm", "sign", "sealTo, signed"])
    test(`${name}: what the broker got and the device believes lost is a duplicate`, async () => {
      const one = cases[name]!;
      const gate = new Gate(broker.tlsPort);
      const port = await gate.start();
      const { profile } = await simOptions({ ...overTls(), board: "esp32c3" });
      const flags = { broker: `mqtts://localhost:${port}`, ca: pki.rootFile };
      const base = `sensors/again-${name.replace(/\W+/g, "-")}`;
      const { events, tally } = await wakes(
        base.slice(8),
        one,
        flags,
        {},
        (event) => {
          if (event.event === "sent") gate.deaf = event.wake === 1;
          if (event.event === "sleep") gate.deaf = false;
        },
        {
          disturbance: { listenerPort: broker.tlsPort },
          profile: {
            ...profile,
            broker: { ...profile.broker, port },
            device: { id: base.slice(8) },
            cycle: { ...profile.cycle, deadlineSeconds: { drain: 1 } },
            topics: { ...profile.topics, base, readings: `${base}/readings`, up: one.up },
          },
        },
      );
      await gate.stop();
      const verdicts = only(events, "received").map(({ counter, verdict }) => `${counter} ${verdict}`);
      assert.deepEqual(verdicts, ["0 fresh", "0 duplicate", "1 fresh"]);
      assert.ok(tally.success);
    });
});
