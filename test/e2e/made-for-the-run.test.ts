/**
 * Profiles that leave things to provisioning, in the simulator's own world: a certificate is issued for each board, and
 * the embedded broker lets in nobody without one; a network that was set by Improv, secrets that nobody was asked for.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority, openIssuing } from "../../certs/pki/authority.js";
import { issueDevice } from "../../certs/pki/issue.js";
import { validFor } from "../../certs/pki/validity.js";
import type { Provisioned } from "../../host-sim/disturbance.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-made-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function profile(name: string, wifi: object): string {
  const path = join(folder, `${name}.json`);
  const written = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi,
    broker: {
      host: "broker.dormouse.test",
      username: "dormouse-1",
      password: "prompt",
      tls: { certificate: "issued" },
    },
    mqtt: { version: "3.1.1" },
    topics: { protection: "sign", signKey: "device" },
  };
  writeFileSync(path, JSON.stringify(written));
  return path;
}

test("two boards with certificates issued for them and keys of their own deliver what they sign", {
  timeout: 60_000,
}, async () => {
  const { summary } = await run({ profile: profile("improv", { improv: true }), devices: "2", cycles: "2" });
  assert.deepEqual([summary.verified, summary.rejected], [4, 0]);
});

test("a board with somebody else's certificate is turned away, and the one with its own is not", {
  timeout: 60_000,
}, async () => {
  const path = profile("prompt", { ssid: "burrow", password: "prompt" });
  const validity = validFor(9, Date.now());
  await createAuthority(folder, { name: "Other", root: validity, issuing: validity, replace: false });
  const { certificate, key } = await issueDevice(await openIssuing(folder), "dormouse-1", validity);
  const other = (right: Provisioned) => ({ ...right, certificate, key });
  // Node sends no alert: it hangs up.
  const wrong = await run({ profile: path, cycles: "1" }, undefined, { disturbance: { provisioned: other } });
  assert.deepEqual(
    only(wrong.events, "error").map(({ kind }) => kind),
    ["tls-truncated"],
  );
  assert.equal(wrong.summary.verified, 0);
  const right = await run({ profile: path, cycles: "1" });
  assert.equal(right.summary.verified, 1);
});
