/**
 * The keys that messages are protected with: derived or read when a message is made, and gone when it is sent. What
 * signs, what stamps, seals or is agreed upon is in no memory of the machine while the device waits for its broker,
 * nor when it sleeps.
 */
import assert from "node:assert/strict";
import { createECDH, createPrivateKey, generateKeyPairSync, hkdfSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import mqttPacket from "mqtt-packet";
import { publicHalf } from "../../cli/profile/key-pairs.js";
import { type BoardName, boardManifest, boardNames } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import { decode } from "../../lib/cbor/decode.js";
import type { CborTagged, CborValue } from "../../lib/cbor/value.js";
import { kdfContext, noParty } from "../../lib/cose/kdf-context.js";
import { keyContext } from "../../lib/sealed/keys.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { flashEntries } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import { type Protection, signs } from "../../lib/store/protection.js";
import { type Found, type Sought, searchMemory } from "../native/memory-search.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-protection-secrets-"));
let engine: string;
before(async () => {
  engine = await engineFile("release");
});
after(() => rmSync(scratch, { recursive: true, force: true }));

const deviceSecret = randomBytes(32);
const newKey = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "der" });
const signKey = newKey();
const recipientKey = newKey();
const numberOf = (der: Uint8Array) =>
  Buffer.from(
    createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" }).export({ format: "jwk" }).d!,
    "base64url",
  );

const topic = "d/1/r";
function profileFor(port: number, up: Protection): Profile {
  return {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "home" },
    time: { server: "time.example.org" },
    broker: { host: "localhost", port, tls: false, insecure: true, auth: "none" },
    mqtt: {
      version: "5",
      keepAliveSeconds: 60,
      sessionExpirySeconds: 0,
      pipelining: true,
      will: { afterSeconds: 0, retain: false },
    },
    topics: { base: "d/1", readings: topic, format: "cbor", state: [], up },
    // the broker never answers
    cycle: {
      mode: "sleep",
      intervalSeconds: 60,
      wakeBudgetSeconds: 20,
      deadlineSeconds: { session: 2 },
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
  };
}

/** What the device's secret gives for `alg` on the topic of readings and on that of the will. */
function derived(alg: number, bytes: number): Sought[] {
  const sender = { id: "dormouse-1", epoch: 0 };
  return [topic, "d/1/will"].map((one) => {
    const info = keyContext(alg, { sender, direction: "up", topic: one });
    return {
      name: `key of ${one}`,
      bytes: new Uint8Array(hkdfSync("sha256", deviceSecret, "", info, bytes)),
    };
  });
}

const own: Sought = { name: "signing key", bytes: numberOf(signKey) };

/** What was agreed upon for this message, by the recipient's key. */
function agreed(payload: Uint8Array): Sought[] {
  const message = decode(payload) as CborTagged;
  const [, , , [[recipientBytes]]] = message.value as [
    CborValue,
    CborValue,
    CborValue,
    [[Uint8Array, CborValue, CborValue]],
  ];
  const ephemeral = (decode(recipientBytes) as Map<number, Map<number, CborValue>>).get(-1)!;
  const compressed = Buffer.of(ephemeral.get(-3) === true ? 3 : 2, ...(ephemeral.get(-2) as Uint8Array));
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(numberOf(recipientKey));
  const shared = ecdh.computeSecret(compressed);
  const info = kdfContext(1, 128, noParty, noParty, recipientBytes);
  return [
    { name: "shared secret", bytes: shared },
    { name: "content key", bytes: new Uint8Array(hkdfSync("sha256", shared, "", info, 16)) },
  ];
}

const sealTo = {
  protection: "sealTo",
  recipientKid: "plant-7",
  recipientKey: publicHalf(recipientKey),
} as const;
const withP256: readonly BoardName[] = ["esp32", "esp32c3"];
const cases: readonly [Protection, (payload: Uint8Array) => Sought[], readonly BoardName[]][] = [
  [{ protection: "stamp", algorithm: "hmac-256" }, () => derived(5, 32), boardNames],
  [{ protection: "seal", algorithm: "chacha20-poly1305" }, () => derived(24, 32), boardNames],
  [{ protection: "seal", algorithm: "aes-ccm-16-64-128" }, () => derived(10, 16), boardNames],
  [{ protection: "seal", algorithm: "a256gcm" }, () => derived(3, 32), boardNames],
  [{ protection: "sign" }, () => [own], withP256],
  [{ ...sealTo, sign: true }, (payload) => [own, ...agreed(payload)], withP256],
];

describe("keys of messages", { concurrency: 4 }, () => {
  for (const [up, sought, boards] of cases)
    for (const board of boards)
      test(`${board}, ${Object.values(up).slice(0, 2).join(" ")}: no key of it when a message is sent`, async () => {
        let found: readonly Found[] | undefined;
        let secrets: Sought[] = [];
        const server = createServer((socket) => {
          const parser = mqttPacket.parser({ protocolVersion: 5 });
          parser.on("packet", (packet) => {
            if (packet.cmd !== "publish") return;
            secrets = sought(packet.payload as Buffer);
            found = searchMemory(device.pid, [...secrets, { name: "device secret", bytes: deviceSecret }]);
          });
          socket.on("data", (data) => parser.parse(data));
          socket.on("error", () => {});
        }).listen(0, "127.0.0.1");
        await once(server, "listening");
        const profile = profileFor((server.address() as AddressInfo).port, up);
        const none = { brokerPassword: null, jwtKey: null, ca: null, crl: null };
        const entries = flashEntries(profile, {
          record: encodeDeviceRecord(deviceSecret, { epoch: 0, reservedEnd: 0, fromFactory: false }),
          wifiPassword: "",
          ...none,
          ...{ certificate: null, key: null, psk: null },
          signKey: signs(up) ? signKey : null,
        });
        const path = join(scratch, `device-${process.hrtime.bigint()}`);
        writeFileSync(`${path}.flash`, encodeFlash(entries), { mode: 0o600 });
        writeImage(`${path}.image`, { board, manifest: boardManifest(board), flashFile: `${path}.flash` });
        const station = new Station();
        const world = quietWorld({ ssid: "home", password: "" }, { localhost: "127.0.0.1" });
        const random = new Prng(1);
        const device = await Device.start({
          engine,
          image: `${path}.image`,
          onTrace: () => {},
          onAsk: (kind, detail, atMs) => answer(world, random, kind, detail, atMs, station),
        });
        try {
          const end = await device.boot("power-on", Date.now(), 30_000);
          assert.equal(end.reason, "sleep", end.detail);
          assert.ok(found, "it did not get as far as a message");
          assert.ok(
            found.some(({ name, region }) => name === "device secret" && region === "[heap]"),
            "the search finds nothing at all",
          );
          assert.deepEqual(
            found.filter(({ name }) => name !== "device secret"),
            [],
          );
          assert.deepEqual(searchMemory(device.pid, secrets), []);
        } finally {
          assert.equal(await device.stop(), "");
          server.close();
        }
      });
});
