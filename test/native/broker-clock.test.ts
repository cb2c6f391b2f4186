/**
 * The hostile broker matrix, time: the floor holds always, a known time is exact, what only an unauthenticated
 * time server says is suspected, and pins do without a clock.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Attempt } from "../device/tls-client.js";
import { Bench, type Options, turned, type Way } from "./broker-bench.js";
import { runOnDevice } from "./on-device.js";
import { type Certificate, pinOf, strangePin, strangePins, TestCA } from "./pki.js";
import { relay } from "./relay.js";

const bench = new Bench();
const { honest, now, ca, between, under, scratch } = bench;
const day = 86_400;
/** Its certificate is valid for 20 days from two days ago. */
const later = now + 30 * day;
const earlier = now - 10 * day;
const leafPin: Partial<Options> = { ca: "", pins: [pinOf(honest), strangePin] };

before(() => bench.start());
after(() => bench.stop());

function clock(worth: NonNullable<Attempt["clock"]>, atSeconds: number, more: Partial<Options> = {}): Way {
  return [bench.good, { clock: worth, atSeconds, ...more }];
}

test("what a clock is worth", async () => {
  const right = clock("trusted", now);
  const other = new TestCA(scratch, "other");
  await bench.judge([
    turned("trusted, over", "tls-expired", clock("trusted", later), clock("unknown", later)),
    turned("trusted, not yet", "tls-not-yet-valid", clock("trusted", earlier), clock("unknown", earlier)),
    turned("SNTP, over", "clock-suspect", clock("sntp", later), clock("sntp", now)),
    turned("SNTP, not yet", "clock-suspect", clock("sntp", earlier), clock("sntp", now)),
    turned(
      "SNTP, over, another name",
      "tls-name",
      clock("sntp", later, { hostName: "broker.example" }),
      right,
    ),
    turned("SNTP, over, another CA", "tls-untrusted", clock("sntp", later, { ca: other.pem }), right),
    turned(
      "SNTP, over, revoked",
      "tls-revoked",
      clock("sntp", later, { crl: ca.revocations([honest]) }),
      right,
    ),
    turned("SNTP, right, another key", "tls-pin-mismatch", clock("sntp", now, { pins: strangePins }), right),
    turned(
      "SNTP, over, pinned",
      "clock-suspect",
      clock("sntp", later, leafPin),
      clock("unknown", later, leafPin),
    ),
  ]);
});

test("what is over at the floor is over, whatever the clock", async () => {
  const floor = (seconds: number, more: Partial<Options> = {}) => ({ timeFloorSeconds: seconds, ...more });
  const beyond = later + day;
  const right = clock("unknown", 0, floor(now));
  await bench.judge([
    turned("unknown", "tls-expired", clock("unknown", 0, floor(later)), right),
    turned("SNTP", "tls-expired", clock("sntp", beyond, floor(later)), clock("sntp", now, floor(now))),
    turned(
      "trusted",
      "tls-expired",
      clock("trusted", beyond, floor(later)),
      clock("trusted", now, floor(now)),
    ),
    // a clock before the floor is no clock
    turned(
      "SNTP before it",
      "tls-expired",
      clock("sntp", now, floor(later)),
      clock("sntp", earlier, floor(now)),
    ),
    turned(
      "trusted before it",
      "tls-expired",
      clock("trusted", now, floor(later)),
      clock("trusted", earlier, floor(now)),
    ),
    turned(
      "pinned",
      "tls-expired",
      clock("unknown", 0, floor(later, leafPin)),
      clock("unknown", 0, floor(now, leafPin)),
    ),
  ]);
});

test("an SNTP time that an intermediate does not fit is suspected too", async () => {
  const brief = ca.intermediate("brief", { key: between.key, subject: "/CN=Test between", days: [-2, 5] });
  const server = await bench.broker(under, [brief]);
  const at = (worth: "sntp" | "unknown"): Way => [server, { clock: worth, atSeconds: now + 10 * day }];
  await bench.judge([turned("its CA is over", "clock-suspect", at("sntp"), at("unknown"))]);
});

test("without a clock, and refusing, a CA's key says nothing about the age of what is under it", async () => {
  const refusing = { clock: "unknown", withoutClock: "refuse", atSeconds: 0, ca: "" } as const;
  const pin = (of: Certificate) => ({ ...refusing, pins: [pinOf(of), strangePin] });
  await bench.judge([
    turned(
      "the CA's key",
      "clock-unknown",
      [bench.chained, pin(between)],
      [bench.chained, { ...pin(between), withoutClock: "accept" }],
    ),
    turned(
      "the CA's key, not the broker's",
      "clock-unknown",
      [bench.chained, pin(between)],
      [bench.chained, pin(under)],
    ),
  ]);
});

test("without a clock a profile may refuse, and then nobody hears of it; pins do without", async () => {
  const tap = await relay(bench.good.port);
  const without = { clock: "unknown", withoutClock: "refuse", atSeconds: 0 } as const;
  const { outcomes } = await runOnDevice(bench.engine, scratch, [
    bench.attempt(tap.port, without),
    bench.attempt(tap.port, { ...without, ...leafPin }),
    bench.attempt(tap.port, { ...without, pins: [pinOf(honest), strangePin] }),
    bench.attempt(tap.port, { ...without, clock: "sntp", atSeconds: now }),
    bench.attempt(tap.port, { ...without, withoutClock: "accept" }),
  ]).finally(() => tap.stop());
  assert.equal(outcomes[0]?.failure?.kind, "clock-unknown", JSON.stringify(outcomes[0]));
  outcomes.slice(1).forEach((outcome, i) => {
    assert.equal(outcome.end, "open", `${i}: ${JSON.stringify(outcome)}`);
  });
  assert.equal(tap.overheard().length, 4, "the first made no connection");
});
