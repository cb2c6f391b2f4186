/**
 * The firmware itself: a key or PSK on its way from flash to TLS leaves no copy in the machine's memory while the
 * device still talks to its broker, and none of it, nor of the device's own secret, is there when it sleeps.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type BoardName, boardManifest } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { Station } from "../../host-sim/world/access-point.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { type FlashSecrets, flashEntries } from "../../lib/store/flash-entries.js";
import type { Profile, TlsSettings } from "../../lib/store/profile.js";
import { type HandshakeName, Handshakes } from "../native/handshakes.js";
import { type Found, type Sought, searchMemory } from "../native/memory-search.js";
import { keySecrets, pskSecrets, sealSecrets } from "../native/tls-secrets.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-firmware-secrets-"));
const deviceSecret = randomBytes(32);
let engine: string;
let handshakes: Handshakes;

before(async () => {
  engine = await engineFile("release");
  handshakes = new Handshakes(scratch);
});
after(async () => {
  await handshakes.stop();
  rmSync(scratch, { recursive: true, force: true });
});

function profileFor(port: number, tls: Pick<TlsSettings, "identity" | "pskIdentity">): Profile {
  return {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "home" },
    time: { server: "time.example.org" },
    broker: {
      host: "localhost",
      port,
      auth: "none",
      tls: {
        minVersion: "1.2",
        pins: [],
        forwardSecrecy: true,
        withoutClock: "accept",
        resumption: { maxAgeSeconds: 86_400, ticketWaitSeconds: 0 },
        earlyData: false,
        ...tls,
      },
    },
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
    topics: {
      base: "d/1",
      readings: "d/1/r",
      format: "cbor",
      state: [],
      up: { protection: "stamp", algorithm: "hmac-256" },
    },
    // the peer never answers: the session comes to its end soon
    cycle: {
      mode: "sleep",
      intervalSeconds: 60,
      wakeBudgetSeconds: 20,
      deadlineSeconds: { session: 1 },
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
  };
}

/** One wake against a TLS server that never answers CONNECT; `look` is called while the device waits for that. */
async function wake(
  board: BoardName,
  profile: Profile,
  secrets: Partial<FlashSecrets>,
  look: (pid: number) => void,
): Promise<{ readonly pid: number; readonly looked: number; stop(): Promise<string> }> {
  const path = join(scratch, `device-${process.hrtime.bigint()}`);
  const record = encodeDeviceRecord(deviceSecret, { epoch: 0, reservedEnd: 0, fromFactory: false });
  const none = { jwtKey: null, ca: null, crl: null, certificate: null, key: null, psk: null, signKey: null };
  const entries = flashEntries(profile, {
    record,
    wifiPassword: "",
    brokerPassword: null,
    ...none,
    ...secrets,
  });
  writeFileSync(`${path}.flash`, encodeFlash(entries), { mode: 0o600 });
  writeImage(`${path}.image`, { board, manifest: boardManifest(board), flashFile: `${path}.flash` });
  const station = new Station();
  const world = quietWorld({ ssid: "home", password: "" }, { localhost: "127.0.0.1" });
  const random = new Prng(1);
  let looked = 0;
  const device = await Device.start({
    engine,
    image: `${path}.image`,
    onTrace(text) {
      // By then the counter's reservation is written, for which the record was read once more.
      if (!text.includes('"event":"sent"')) return;
      look(device.pid);
      looked++;
    },
    onAsk: (kind, detail, atMs) => answer(world, random, kind, detail, atMs, station),
  });
  const end = await device.boot("power-on", Date.now(), 30_000);
  assert.equal(end.reason, "sleep", end.detail);
  return { pid: device.pid, looked, stop: () => device.stop() };
}

const cases: readonly (readonly [
  HandshakeName,
  readonly BoardName[],
  Pick<TlsSettings, "identity" | "pskIdentity">,
  () => Partial<FlashSecrets>,
  () => readonly Sought[],
])[] = [
  [
    "1.3 client certificate",
    ["esp32c3"],
    { identity: "certificate" },
    () => ({
      ca: handshakes.flash.ca!,
      certificate: handshakes.flash.client!,
      key: handshakes.flash["client-key"]!,
    }),
    () => keySecrets("P-256 key", handshakes.secrets.clientKey),
  ],
  [
    "1.2 client certificate, RSA",
    ["esp32", "esp32c3"],
    { identity: "certificate" },
    () => ({
      ca: handshakes.flash.ca!,
      certificate: handshakes.flash["client-rsa"]!,
      key: handshakes.flash["client-rsa-key"]!,
    }),
    () => keySecrets("RSA key", handshakes.secrets.clientKeyRsa),
  ],
  [
    "1.3 PSK",
    ["esp32", "esp32c3", "esp8266"],
    { identity: "psk", pskIdentity: "dormouse-1" },
    () => ({ psk: handshakes.secrets.psk }),
    () => pskSecrets("PSK", handshakes.secrets.psk, "ext"),
  ],
];

for (const [name, boards, tls, secrets, sought] of cases)
  for (const board of boards)
    test(`${board}, ${name}: no copy in the machine while it talks, none at all while it sleeps`, async () => {
      const port = await handshakes.silentPort(name);
      let found: readonly Found[] = [];
      const device = await wake(board, profileFor(port, tls), secrets(), (pid) => {
        found = searchMemory(pid, [...sought(), ...sealSecrets(deviceSecret)]);
      });
      try {
        assert.equal(device.looked, 1, "it did not get as far as a secure connection");
        // TLS itself keeps the PSK as long as the connection, PSA the device's secret
        const kept = found.filter(
          ({ name, region }) => region === "[heap]" && /^PSK$|^sealing secret$/.test(name),
        );
        assert.ok(
          kept.some(({ name }) => name === "sealing secret"),
          "the search finds nothing at all",
        );
        assert.deepEqual(
          found.filter((one) => !kept.includes(one)),
          [],
        );
        assert.deepEqual(searchMemory(device.pid, [...sought(), ...sealSecrets(deviceSecret)]), []);
      } finally {
        assert.equal(await device.stop(), "");
      }
    });
