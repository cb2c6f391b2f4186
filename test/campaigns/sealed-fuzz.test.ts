/** A million damaged messages through `open` and `claimed`, in Node; ten million in a long run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "../campaign.js";
import { SealedCampaign } from "../device/sealed-fuzz.js";
import { nodeCrypto } from "../node-crypto.js";

const messages = process.env.DORMOUSE_LONG ? 10_000_000 : 1_000_000;

/** Every answer there is, for each protection: without these the campaign would prove little. */
export const expected: readonly string[] = ["stamp", "seal", "sign", "sealTo"].flatMap((protection) => [
  `claimed ${protection}`,
  `${protection} verified`,
  `${protection} malformed`,
  `${protection} unknown-key`,
  `${protection} not-authentic`,
]);

test(`no changed message is taken, and none throws, seed ${seed}`, (context) => {
  // Malformed messages are exceptions within; their stacks are nobody's business here.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const campaign = new SealedCampaign(nodeCrypto, seed);
  try {
    campaign.go(messages);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  context.diagnostic(`${campaign.damaged} damaged messages, seed ${seed}: ${JSON.stringify(campaign.seen)}`);
  assert.ok(campaign.damaged >= messages);
  for (const what of [...expected, "sealTo unauthenticated"])
    assert.ok((campaign.seen[what] ?? 0) >= 20, `${what}: ${campaign.seen[what]}`);
});
