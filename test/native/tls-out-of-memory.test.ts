/**
 * Memory that runs out anywhere in a connection: the limit of TLS's heap from nothing to just enough, and each
 * single allocation failing. The engine has sanitizers. `npm test` takes samples, `npm run test:long` takes more.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { engineFile } from "../../host-sim/engine-file.js";
import { Prng } from "../../host-sim/world/prng.js";
import { seed } from "../campaign.js";
import type { Connection, Outcome } from "../device/tls-connections.js";
import { ConnectingDevice } from "./connecting-device.js";
import { type HandshakeName, Handshakes } from "./handshakes.js";
import { strangePins } from "./pki.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-memory-"));
const samples = process.env.DORMOUSE_LONG ? 1000 : 20;
let engine: string;
let handshakes: Handshakes;

before(async () => {
  engine = await engineFile("sanitize");
  handshakes = new Handshakes(scratch);
});
after(async () => {
  await handshakes.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/**
 * mbedTLS 3.6 forgets one traffic key of TLS 1.3 when there is no memory for the other (Mbed-TLS/mbedtls#10917):
 * two allocations of some thousand. PSA holds it to the end of the boot.
 */
const forgottenKeys = [16, 32];

type Failing = "tls-heap" | "tls-allocation";

interface Try {
  readonly point: number;
  readonly outcome: Outcome;
  /** Memory was asked for in vain before data could flow. */
  readonly short: boolean;
}

async function withDevice(use: (device: ConnectingDevice) => Promise<void>): Promise<void> {
  const device = await ConnectingDevice.start({ engine, scratch, flash: handshakes.flash });
  try {
    await use(device);
  } finally {
    await device.stop(); // looks at what the sanitizers said
  }
}

/** What one connection needs: the points to let it fail at are below. */
async function needs(device: ConnectingDevice, connection: Connection): Promise<Record<Failing, number>> {
  let heap = 0;
  let allocations = 0;
  await boot(device, [{ ...connection, pauses: ["closed"] }], {
    beforeConnection: async () => {
      allocations -= (await device.held()).tlsAllocations;
    },
    onPause: async () => {
      const held = await device.held();
      heap = held.tlsBytesPeak;
      allocations += held.tlsAllocations;
    },
  });
  return { "tls-heap": heap, "tls-allocation": allocations };
}

/** Nothing is left after it; RTC memory, and with it a session to take up, stays as it was. */
async function boot(
  device: ConnectingDevice,
  connections: readonly Connection[],
  watch: Parameters<ConnectingDevice["boot"]>[2],
): Promise<readonly Outcome[]> {
  const { outcomes, end } = await device.boot("deep-sleep", connections, watch);
  assert.equal(end.tlsBytesLeaked, 0);
  return outcomes;
}

/** One point in each of as many parts of the range from 1 to `most`. */
function points(most: number, name: string): number[] {
  const random = new Prng(seed, name);
  const width = most / samples;
  return Array.from({ length: samples }, (_, at) =>
    random.whole(Math.floor(at * width) + 1, Math.max(1, Math.floor((at + 1) * width))),
  );
}

/** The same connection with each of the points, one after the other; nothing is held in between. */
async function sweep(
  device: ConnectingDevice,
  failing: Failing,
  connection: Connection,
  at: readonly number[],
): Promise<Try[]> {
  let refusals = 0;
  let idle: number | undefined;
  let forgotten = 0;
  const short: boolean[] = [];
  const outcomes = await boot(
    device,
    at.map(() => ({ ...connection, pauses: ["open"] as const })),
    {
      beforeConnection: async (index) => {
        device.fault("none");
        const { tlsBytes, tlsRefusals } = await device.held();
        idle ??= tlsBytes;
        if (connection.version === "1.3" && forgottenKeys.includes(tlsBytes - idle)) {
          forgotten++;
          idle = tlsBytes;
        }
        assert.equal(tlsBytes, idle, `after ${failing} ${at[index - 1]}`);
        refusals = tlsRefusals;
        device.fault(`${failing} ${at[index]!}`);
      },
      onPause: async (_, index) => {
        short[index] = (await device.held()).tlsRefusals !== refusals;
      },
    },
  );
  device.fault("none");
  assert.ok(forgotten <= 3, `${forgotten} keys forgotten`);
  return outcomes.map((outcome, index) => ({ point: at[index]!, outcome, short: short[index] ?? true }));
}

function isOutOfMemory({ end, kind, detail = "" }: Outcome): boolean {
  return end === "threw" ? /^Error: no memory for (TLS|cryptography)$/.test(detail) : kind === "tls-memory";
}

/** A session to take up, or none. */
async function prepare(device: ConnectingDevice, name: HandshakeName): Promise<Connection> {
  const connection = await handshakes.connection(name);
  const { end } = await device.boot("power-on", handshakes.resumes(name) ? [connection] : []);
  assert.equal(end.tlsBytesLeaked, 0);
  if (handshakes.resumes(name)) return connection;
  const { seal: _, ...rest } = connection;
  return rest;
}

const names: readonly HandshakeName[] = [
  "1.3 ECDSA",
  "1.3 resumed",
  "1.3 PSK",
  "1.3 client certificate",
  "1.3 CA and pins",
  "1.3 CA and CRL",
  "1.2 ECDHE-ECDSA",
  "1.2 ECDHE-RSA",
  "1.2 resumed",
  "1.2 ECDHE-PSK",
  "1.2 client certificate, RSA",
];

for (const name of names)
  test(`${name}: whatever there is no memory for, the device says so, and goes on`, (context) =>
    withDevice(async (device) => {
      const connection = await prepare(device, name);
      const most = await needs(device, connection);
      for (const failing of ["tls-heap", "tls-allocation"] as const) {
        const tries = await sweep(device, failing, connection, points(most[failing], `${name} ${failing}`));
        const accepted = tries.filter(({ outcome }) => outcome.end === "open");
        for (const { point, short } of accepted)
          assert.ok(!short, `${failing} ${point}: secured without memory`);
        const refused = tries.filter((one) => !accepted.includes(one));
        for (const { point, outcome } of refused)
          assert.ok(isOutOfMemory(outcome), `${failing} ${point}: ${JSON.stringify(outcome)}`);
        const threw = refused.filter(({ outcome }) => outcome.end === "threw");
        assert.ok(refused.length > samples * 0.8, `only ${refused.length} of ${samples} failed`);
        if (failing === "tls-heap") assert.ok(threw.length > 0 && threw.length < refused.length);
        context.diagnostic(
          `${failing}: ${threw.length} thrown, ${refused.length - threw.length} in the handshake, ${accepted.length} after it`,
        );
      }
      const [enough] = await sweep(device, "tls-heap", connection, [most["tls-heap"] + 256]);
      assert.equal(enough?.outcome.end, "open", JSON.stringify(enough));
    }));

const strangers: readonly (readonly [string, HandshakeName, Partial<Connection>, string])[] = [
  ["unknown CA", "1.3 ECDSA", { ca: "ca-other" }, "tls-untrusted"],
  ["unknown CA", "1.2 ECDHE-ECDSA", { ca: "ca-other" }, "tls-untrusted"],
  ["unknown CA", "1.3 client certificate", { ca: "ca-other" }, "tls-untrusted"],
  ["wrong name", "1.3 ECDSA", { hostName: "example.org" }, "tls-name"],
  ["wrong name", "1.2 ECDHE-RSA", { hostName: "example.org" }, "tls-name"],
  ["revoked", "1.3 ECDSA", { crl: "crl-ecdsa" }, "tls-revoked"],
  ["revoked", "1.2 ECDHE-ECDSA", { crl: "crl-ecdsa" }, "tls-revoked"],
  ["not pinned", "1.3 ECDSA", { pins: strangePins }, "tls-pin-mismatch"],
  ["wrong PSK", "1.3 PSK", { psk: { identity: "dormouse-1", key: "psk-other" } }, "tls-psk-refused"],
  ["wrong PSK", "1.2 ECDHE-PSK", { psk: { identity: "dormouse-1", key: "psk-other" } }, "tls-psk-refused"],
];

for (const [what, name, more, kind] of strangers)
  test(`${name}: no lack of memory lets a server in that is refused with it (${what})`, () =>
    withDevice(async (device) => {
      const stranger = { ...(await prepare(device, name)), ...more };
      const most = await needs(device, stranger);
      for (const failing of ["tls-heap", "tls-allocation"] as const) {
        const tries = await sweep(device, failing, stranger, points(most[failing], `${what} ${name}`));
        for (const { point, outcome } of tries)
          assert.ok(
            isOutOfMemory(outcome) || outcome.kind === kind,
            `${failing} ${point}: ${JSON.stringify(outcome)}`,
          );
      }
      const [known] = await sweep(device, "tls-heap", stranger, [most["tls-heap"] + 256]);
      assert.equal(known?.outcome.kind, kind, JSON.stringify(known));
    }));
