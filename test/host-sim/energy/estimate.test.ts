/** What the estimate of a wake comes to, and that it agrees with what others have measured on boards. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadProfile } from "../../../cli/profile/load.js";
import { EnergyAccount } from "../../../host-sim/energy/account.js";
import { lifeYears, namedBattery, plainBattery } from "../../../host-sim/energy/battery.js";
import {
  EnergyEstimate,
  handshakeUses,
  messageMultiplications,
  noP256,
} from "../../../host-sim/energy/estimate.js";
import { boardTable, sensorTable } from "../../../host-sim/energy/figures.js";
import { WakeMeter } from "../../../host-sim/energy/wake-meter.js";
import { root } from "../../../host-sim/paths.js";

const sensor = sensorTable("simulated").figures;
const esp32 = new EnergyEstimate(boardTable("esp32"), sensor);
const esp8266 = new EnergyEstimate(boardTable("esp8266"), sensor);
const psk = { identity: "psk", forwardSecrecy: true } as const;
const { profile } = await loadProfile(`${root}profiles/simulator.json`);

/** mC of a wake, with so many bytecodes beside its phases: published times hold what the board computed in them. */
function wake(estimate: EnergyEstimate, phases: Record<string, number>, bytecodes: number): number {
  const spent = [
    estimate.boot(),
    estimate.rest(0, bytecodes, true),
    ...Object.entries(phases).map(([name, ms]) => estimate.phase({ name, ms, bytecodes: 0, p256: noP256 })),
  ];
  return spent.reduce((sum, { microcoulombs }) => sum + microcoulombs, 0) / 1000;
}

describe("published measurements", () => {
  test("von Eicken 2018: an ESP32 with WPA2, MQTT and TLS-PSK takes 134 mC, 1,001 ms after its start", () => {
    const published = (270 * 50 + 1001 * 120) / 1000;
    const here = wake(esp32, { join: 948, secure: 20, session: 9, drain: 24 }, 270_000);
    assert.ok(Math.abs(here / published - 1) < 0.1, `${here} mC, published ${published} mC`);
  });

  test("glenn20: an ESP32 with a static address and MQTT takes 108.6 mC in 774 ms", () => {
    const here = wake(esp32, { join: 664, connect: 10, session: 15, drain: 15 }, 0);
    assert.ok(Math.abs(here / 108.6 - 1) < 0.25, `${here} mC`);
  });

  test("von Eicken 2018: an ESP8266 with WPA2 takes 140 mC in 2 s", () => {
    const here = wake(esp8266, { join: 1870, connect: 15, drain: 30 }, 0);
    assert.ok(Math.abs(here / 140 - 1) < 0.1, `${here} mC`);
  });

  test("a full handshake with an ECDSA chain takes an ESP32 less than the RSA chain's 1,664 ms, and not by much", () => {
    const p256 = handshakeUses("TLS 1.3", false, { identity: "none", forwardSecrecy: true });
    const { ms } = esp32.phase({ name: "secure", ms: 0, bytecodes: 0, p256 });
    assert.ok(ms > 300 && ms < 1664, `${ms} ms`);
  });

  test("a session taken up saves an ESP8266 3 to 4 s of elliptic curves, or nearly", () => {
    const full = handshakeUses("TLS 1.3", false, { identity: "none", forwardSecrecy: true });
    const resumed = handshakeUses("TLS 1.3", true, { identity: "none", forwardSecrecy: true });
    const took = [full, resumed].map(
      (p256) => esp8266.phase({ name: "secure", ms: 0, bytecodes: 0, p256 }).ms,
    );
    assert.ok(took[0]! - took[1]! > 2500 && took[0]! - took[1]! < 4000, `${took}`);
  });
});

describe("what a handshake needs of P-256", () => {
  const none = { identity: "none", forwardSecrecy: true } as const;
  const cases: [string, ReturnType<typeof handshakeUses>, [number, number]][] = [
    ["a full one", handshakeUses("TLS 1.3 X", false, none), [2, 2]],
    [
      "with a client certificate",
      handshakeUses("TLS 1.3 X", false, { ...none, identity: "certificate" }),
      [3, 2],
    ],
    ["resumed in 1.3", handshakeUses("TLS 1.3 X", true, none), [2, 0]],
    ["resumed in 1.2", handshakeUses("TLS 1.2 X", true, none), [0, 0]],
    ["with a shared key", handshakeUses("TLS 1.2 X", false, psk), [2, 0]],
    ["with a shared key alone", handshakeUses("TLS 1.2 X", false, { ...psk, forwardSecrecy: false }), [0, 0]],
  ];
  for (const [what, { multiplications, verifications }, expected] of cases)
    test(what, () => assert.deepEqual([multiplications, verifications], expected));

  test("a message: signed one multiplication, sealed to a key two, both three", () => {
    const sealTo = { protection: "sealTo", recipientKid: "r", recipientKey: "", sign: false } as const;
    assert.equal(messageMultiplications({ protection: "sign" }), 1);
    assert.equal(messageMultiplications(sealTo), 2);
    assert.equal(messageMultiplications({ ...sealTo, sign: true }), 3);
    assert.equal(messageMultiplications({ protection: "none" }), 0);
  });
});

describe("a device's wakes", () => {
  test("each stretch belongs to the phase that ends it, also one that fails", () => {
    const meter = new WakeMeter("esp32", profile);
    meter.begin(1000);
    meter.close({ phase: "sense" }, 1001, 3000);
    meter.close({ phase: "join" }, 11_001, 6000);
    const { phases, microcoulombs, awakeMs } = meter.end(11_001, 6000, 0);
    assert.ok(phases.get("join")! > 10_000 * 120);
    assert.equal(Math.round(awakeMs), 70 + 10_001 + 2);
    const sum = [...phases.values()].reduce((a, b) => a + b);
    assert.ok(Math.abs(sum - microcoulombs) < 1e-6);
  });

  test("a wake that breaks off with the radio on has spent it until the end", () => {
    const meter = new WakeMeter("esp32", profile);
    meter.begin(0);
    meter.close({ phase: "join" }, 1000, 0);
    assert.equal(meter.end(3000, 0, 0).phases.get("rest"), 2000 * 120);
    meter.begin(0);
    meter.close({ phase: "persist" }, 1000, 0);
    assert.equal(meter.end(3000, 0, 0).phases.get("rest"), 2000 * 49);
  });

  test("a device that does not sleep idles between its rounds, its radio mostly off", () => {
    const awake = new WakeMeter("esp32", { ...profile, cycle: { ...profile.cycle, mode: "awake" } });
    awake.begin(0);
    awake.close({ phase: "drain", ms: 10 }, 10, 0);
    awake.close({ phase: "sense", ms: 1 }, 60_011, 0);
    const { phases, idle, awakeMs } = awake.round(60_011, 0);
    assert.deepEqual([phases.get("idle"), idle.ms, Math.round(awakeMs)], [60_000 * 45, 60_000, 70 + 60_011]);
    assert.ok(phases.get("sense")! < 100);
    // The next is not charged with what this one had.
    awake.close({ phase: "sense", ms: 1 }, 120_012, 0);
    const next = awake.end(120_012, 0, 0);
    assert.deepEqual([next.phases.get("idle"), next.phases.has("start")], [60_000 * 45, false]);
  });

  test("an hour of sleep takes 10 µA and the sensor's for an hour", () => {
    assert.ok(Math.abs(esp32.sleep(3_600_000) - 3600 * 10.1) < 1e-6);
  });

  test("the first wake counts only where there is no other", () => {
    const account = new EnergyAccount();
    const phases = new Map([["join", 600_000]]);
    account.wake({ awakeMs: 5000, microcoulombs: 600_000, sleepMicrocoulombs: 0, phases }, 900_000, true);
    assert.equal(account.summary({ board: "esp32", profile, battery: null })?.microcoulombsPerWake, 600_000);
    const usual = { awakeMs: 1000, microcoulombs: 120_000, sleepMicrocoulombs: 9000, phases: new Map() };
    account.wake(usual, 900_000, false);
    account.wake(usual, 900_000, false);
    const summary = account.summary({ board: "esp32", profile, battery: plainBattery(1000) })!;
    assert.deepEqual([summary.label, summary.per], ["estimate", "wake"]);
    assert.equal(summary.microcoulombsPerWake, 120_000);
    assert.equal(summary.averageMicroamps, 143);
    assert.equal(summary.sleepMicroamps, 10);
    assert.equal(summary.milliampHoursPerDay, 3.44);
    assert.equal(summary.battery?.years, 0.796);
    assert.deepEqual(summary.assumed, ["bytecodesPerMs"]);
  });
});

describe("a battery", () => {
  test("a plain capacity at a current lasts their quotient", () => {
    assert.ok(Math.abs(lifeYears(plainBattery(8766), 1000) - 1) < 1e-9);
  });

  test("one that loses by itself lasts less, and never for ever", () => {
    const cell = namedBattery("18650");
    assert.ok(lifeYears(cell, 0) < 4);
    assert.ok(lifeYears(cell, 100) < lifeYears(plainBattery(3350), 100));
  });

  test("a bobbin cell does not give a radio's peaks", () => {
    assert.equal(namedBattery("ls26500").pulse, false);
    assert.throws(() => namedBattery("potato"), RangeError);
    assert.throws(() => namedBattery("constructor"), RangeError);
  });
});
