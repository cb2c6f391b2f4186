/**
 * The hostile broker matrix, pins: beside a CA both are needed; alone the pinned key is the trust, a leaf's by
 * itself, a CA's for the path and the name beneath it. A pin counts only on the path that was verified.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Bench, type Options, turned, type Way } from "./broker-bench.js";
import { type Certificate, pinOf, selfSigned, strangePin, strangePins, TestCA } from "./pki.js";
import type { Server } from "./servers.js";

const bench = new Bench();
const { ca, between, honest, under, scratch } = bench;
const pinned = [pinOf(honest), strangePin];
const mismatch = "tls-pin-mismatch";
const untrusted = "tls-untrusted";

before(() => bench.start());
after(() => bench.stop());

test("beside a CA", async () => {
  const { good, chained } = bench;
  const other = new TestCA(scratch, "other", { subject: "/CN=Other CA" });
  const unrelated = other.issue("unrelated");
  const beside = await bench.broker(honest, [unrelated]);
  const way = (to: Server, ...pins: string[]): Way => [to, { pins }];
  const right = way(good, ...pinned);
  await bench.judge([
    turned("mismatch with a valid chain", mismatch, way(good, ...strangePins), right, pinOf(honest)),
    turned("the second of two", mismatch, way(good, ...strangePins), way(good, ...[...pinned].reverse())),
    turned(
      "no key of the path",
      mismatch,
      way(chained, ...pinned),
      way(chained, pinOf(between), strangePin),
      pinOf(under),
    ),
    turned(
      "another CA's",
      mismatch,
      way(chained, pinOf(other), strangePin),
      way(chained, pinOf(ca), strangePin),
    ),
    turned(
      "sent along, not on the path",
      mismatch,
      way(beside, pinOf(unrelated), strangePin),
      way(beside, ...pinned),
      pinOf(honest),
    ),
    turned("right pin, unknown CA", untrusted, [good, { pins: pinned, ca: other.pem }], right),
    turned("right pin, wrong host", "tls-name", [good, { pins: pinned, hostName: "broker.example" }], right),
  ]);
});

/** Trust by pins alone. */
function by(...certificates: readonly Pick<Certificate, "certificate">[]): Partial<Options> {
  return { ca: "", pins: [...certificates.map(pinOf), strangePin] };
}

test("alone, of the broker's own key", async () => {
  const { good } = bench;
  const own = selfSigned(scratch, "self");
  const self = await bench.broker(own);
  const past = await bench.broker(ca.issue("past", { key: honest.key, days: [-20, -2] }));
  const stale = ca.intermediate("stale", { key: between.key, subject: "/CN=Test between", days: [-20, -2] });
  const underStale = await bench.broker(under, [stale]);
  const clientOnly = ["subjectAltName=DNS:localhost", "extendedKeyUsage=clientAuth"];
  const client = await bench.broker(ca.issue("client", { key: honest.key, extensions: clientOnly }));
  const leaf = by(honest);
  const elsewhere = { hostName: "broker.example" };
  await bench.judge([
    turned("another key", mismatch, [good, { ca: "", pins: strangePins }], [good, leaf], pinOf(honest)),
    turned("self-signed, another's pin", mismatch, [self, leaf], [self, by(own)], pinOf(own)),
    // the key is the identity: the name is no fault of a pinned leaf
    turned("another name, by CA", "tls-name", [good, elsewhere], [good, { ...leaf, ...elsewhere }]),
    turned("in a client's certificate", untrusted, [client, leaf], [good, leaf]),
    // whoever has the key is trusted, whatever became of the CA that is pinned too
    turned(
      "its CA over, and pinned",
      "tls-expired",
      [underStale, by(between)],
      [underStale, { ca: "", pins: [pinOf(between), pinOf(under)] }],
    ),
    turned("over, by a known time", "tls-expired", [past, leaf], [past, { ...leaf, clock: "unknown" }]),
  ]);
});

test("alone, of a CA above it", async () => {
  const { chained } = bench;
  const forger = new TestCA(scratch, "forger");
  /** Of the real intermediate's name, with a key of the forger's. */
  const forgedBetween = forger.intermediate("forged-between", { subject: "/CN=Test between" });
  const forged = forger.issue("forged", { issuer: forgedBetween });
  const unrelated = forger.issue("unrelated");
  const broken: Certificate = { certificate: join(scratch, "broken.pem"), key: under.key };
  writeFileSync(broken.certificate, withBrokenSignature(readFileSync(under.certificate, "utf8")));
  const direct = await bench.broker(forged, [between]);
  const detour = await bench.broker(forged, [forgedBetween, between]);
  const bad = await bench.broker(broken, [between]);
  const bare = await bench.broker(under);
  const whole = await bench.broker(under, [between, ca]);
  const beside = await bench.broker(honest, [unrelated]);
  const pin = by(between);
  const right: Way = [chained, pin];
  await bench.judge([
    turned("in the chain, forged leaf", untrusted, [direct, pin], right),
    turned("at the end of a forged chain", mismatch, [detour, pin], right),
    turned("bad signature beneath", untrusted, [bad, pin], right),
    turned("wrong host", "tls-name", [chained, { ...pin, hostName: "broker.example" }], right),
    turned("not sent", mismatch, [bare, pin], right, pinOf(under)),
    turned("a root not sent", mismatch, [chained, by(ca)], [whole, by(ca)]),
    turned("sent along, not on the path", mismatch, [beside, by(unrelated)], [beside, by(honest)]),
    turned("beside a CA that does not lead there", untrusted, [chained, { ...pin, ca: forger.pem }], right),
  ]);
});

/** The last byte of the certificate is the last of its signature. */
function withBrokenSignature(pem: string): string {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  der[der.length - 1]! ^= 1;
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
