/**
 * What a device logs in with, on its way from flash to CONNECT: when CONNECT is sent no copy of it is left in the
 * machine's memory, and none at all is there when the device sleeps. An ESP8266's collector moves buffers while they
 * are written, and what it leaves behind goes with the connection only.
 */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { defaultTls } from "../../cli/profile/check.js";
import { type BoardName, boardManifest, boardNames } from "../../host-sim/board.js";
import { Device } from "../../host-sim/device.js";
import { engineFile } from "../../host-sim/engine-file.js";
import { encodeFlash } from "../../host-sim/flash.js";
import { writeImage } from "../../host-sim/image.js";
import { Station } from "../../host-sim/world/access-point.js";
import { Account } from "../../host-sim/world/account.js";
import { answer, quietWorld } from "../../host-sim/world/network.js";
import { Prng } from "../../host-sim/world/prng.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { flashEntries } from "../../lib/store/flash-entries.js";
import type { Profile } from "../../lib/store/profile.js";
import { Handshakes } from "../native/handshakes.js";
import { type Found, type Sought, searchMemory } from "../native/memory-search.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-auth-secrets-"));
let handshakes: Handshakes;
let engine: string;
before(async () => {
  engine = await engineFile("release");
  handshakes = new Handshakes(scratch);
});
after(async () => {
  await handshakes.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const deviceSecret = randomBytes(32);
const brokerPassword = randomBytes(24).toString("base64url");
const hs256Key = randomBytes(48);
const es256Key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
  type: "pkcs8",
  format: "der",
});
const es256Number = createPrivateKey({ key: es256Key, format: "der", type: "pkcs8" }).export({
  format: "jwk",
}).d!;

function profileFor(port: number, broker: Partial<Profile["broker"]>): Profile {
  return {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "home" },
    time: { server: "time.example.org" },
    broker: {
      host: "localhost",
      port,
      tls: { ...defaultTls(), resumption: false },
      username: "u",
      auth: "none",
      ...broker,
    },
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: false },
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
      deadlineSeconds: { session: 2 },
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
  };
}

const jwt = (algorithm: "HS256" | "ES256") =>
  ({ auth: "jwt", jwt: { algorithm, lifetimeSeconds: 600 } }) as const;

/** [what it logs in with, the profile, what of it is in flash, what must not be found, boards] */
const cases: [
  string,
  Partial<Profile["broker"]>,
  { brokerPassword?: string; jwtKey?: Uint8Array },
  (profile: Profile) => Sought[],
  readonly BoardName[],
][] = [
  [
    "a stored password",
    { auth: "password" },
    { brokerPassword },
    () => [{ name: "password", bytes: Buffer.from(brokerPassword) }],
    boardNames,
  ],
  [
    "a derived password",
    { auth: "derived" },
    {},
    (profile) => {
      const account = new Account(profile, {
        brokerPassword: null,
        jwtKey: null,
        deviceSecret,
        nowSeconds: () => 0,
      });
      const text = account.passwordFor("dormouse-1")!;
      return [
        { name: "password", bytes: Buffer.from(text) },
        { name: "password before base64url", bytes: Buffer.from(text, "base64url") },
      ];
    },
    boardNames,
  ],
  [
    "an HS256 token",
    jwt("HS256"),
    { jwtKey: hs256Key },
    () => [{ name: "key", bytes: hs256Key }],
    boardNames,
  ],
  [
    "an ES256 token",
    jwt("ES256"),
    { jwtKey: es256Key },
    () => [{ name: "key", bytes: Buffer.from(es256Number, "base64url") }],
    ["esp32", "esp32c3"],
  ],
];

/** What every token begins with; the rest is signed by the minute. */
const tokenHead = (algorithm: string) =>
  Buffer.from(
    `${Buffer.from(JSON.stringify({ alg: algorithm, typ: "JWT" })).toString("base64url")}.eyJzdWIi`,
  );

for (const [what, broker, stored, sought, boards] of cases)
  for (const board of boards)
    test(`${board}, ${what}: gone when CONNECT is sent`, async () => {
      const profile = profileFor(await handshakes.silentPort("1.3 ECDSA"), broker);
      const secrets = sought(profile);
      if (broker.jwt) secrets.push({ name: "token", bytes: tokenHead(broker.jwt.algorithm) });
      const path = join(scratch, `device-${process.hrtime.bigint()}`);
      const record = encodeDeviceRecord(deviceSecret, { epoch: 0, reservedEnd: 0, fromFactory: false });
      const none = {
        brokerPassword: null,
        jwtKey: null,
        crl: null,
        certificate: null,
        key: null,
        psk: null,
        signKey: null,
      };
      const entries = flashEntries(profile, {
        record,
        wifiPassword: "",
        ...none,
        ca: handshakes.flash.ca!,
        ...stored,
      });
      writeFileSync(`${path}.flash`, encodeFlash(entries), { mode: 0o600 });
      writeImage(`${path}.image`, { board, manifest: boardManifest(board), flashFile: `${path}.flash` });
      const station = new Station();
      const world = quietWorld({ ssid: "home", password: "" }, { localhost: "127.0.0.1" });
      const random = new Prng(1);
      let used: readonly Found[] = [];
      let looked: Promise<readonly Found[]> | undefined;
      const device = await Device.start({
        engine,
        image: `${path}.image`,
        onTrace(text) {
          if (text.includes('"name":"connect"')) used = searchMemory(device.pid, secrets);
          // CONNECT goes out next, and then the device waits
          if (text.includes('"name":"secure"'))
            looked = wait(500).then(() => searchMemory(device.pid, secrets));
        },
        onAsk: (kind, detail, atMs) => answer(world, random, kind, detail, atMs, station),
      });
      const end = await device.boot("power-on", Date.now(), 30_000);
      try {
        assert.equal(end.reason, "sleep", end.detail);
        assert.ok(looked, "it did not get as far as a secure connection");
        assert.ok(
          used.some(({ name }) => name === "password" || name === "token"),
          "the search finds nothing at all",
        );
        const keys = used.filter(({ name }) => name === "key");
        assert.deepEqual(keys, [], "a token's key is done with before the connection stands");
        assert.deepEqual(await looked, []);
        assert.deepEqual(searchMemory(device.pid, secrets), []);
      } finally {
        assert.equal(await device.stop(), "");
      }
    });
