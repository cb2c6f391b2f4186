/** A million pieces of damaged traffic to a board that is provisioned over serial, in Node; ten million in a long run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "../campaign.js";
import { ProvisioningCampaign } from "../device/provisioning-fuzz.js";
import { nodeCrypto } from "../node-crypto.js";

const pieces = process.env.DORMOUSE_LONG ? 10_000_000 : 1_000_000;

/** What must happen for the campaign to prove anything. */
const expected = [
  "probe",
  "restart",
  "scan",
  "join",
  "unprovisioned to staging",
  "staging to unprovisioned",
  "staging to locked",
  ..."hello begin generate write commit prove erase restart".split(" ").map((kind) => `answer ${kind}`),
  ...(
    "bad-request unknown-request locked not-begun unknown-entry too-long wrong-order bad-value incomplete mismatch " +
    "no-p256"
  )
    .split(" ")
    .map((error) => `error ${error}`),
];

test(`damaged traffic changes nothing on a board, and no secret comes back, seed ${seed}`, (context) => {
  // Refusals are exceptions inside the decoder, and their stacks would take most of the time.
  Error.stackTraceLimit = 0;
  const campaign = new ProvisioningCampaign(nodeCrypto, seed);
  campaign.go(pieces);
  const { seen } = campaign;
  context.diagnostic(JSON.stringify(seen));
  assert.ok(campaign.fed >= pieces);
  for (const what of expected) assert.ok((seen[what] ?? 0) >= 50, `${what}: ${seen[what]}`);
});
