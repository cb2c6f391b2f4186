/**
 * A session that breaks off after every byte, either way, with and without the board's power; and then another one. The
 * device's machine over flash in memory; `--long` has every byte of a session with P-256 too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { certifiedPlan, type Plan, pskPlan } from "../lib/provisioning/bench.js";
import { cutSession, endings, sizeOf, whole } from "../lib/provisioning/session.js";

const long = process.env.DORMOUSE_LONG === "1";

const plans: readonly [name: string, Plan, everyNth: number][] = [
  ["a PSK", pskPlan, 1],
  ["a certificate and a signing key", certifiedPlan, long ? 1 : 17],
];

for (const [name, plan, step] of plans)
  for (const ending of endings)
    test(`${name}: unplugged at any byte (${ending}), the board is complete or unprovisioned, and a repeat ends complete`, () => {
      const { down, up } = sizeOf(nodeCrypto, plan);
      const seen = { complete: 0, unprovisioned: 0 };
      for (let bytes = 0; bytes <= down; bytes += step)
        seen[cutSession(nodeCrypto, plan, { ...whole(), down: bytes }, ending)]++;
      for (let bytes = 0; bytes <= up; bytes += step)
        seen[cutSession(nodeCrypto, plan, { ...whole(), up: bytes }, ending)]++;
      assert.ok(seen.unprovisioned > (down + up) / step / 2, JSON.stringify(seen));
      assert.ok(seen.complete > 100 / step, JSON.stringify(seen));
    });
