/** Fifty thousand pieces of damaged traffic through the port's reader, in Node; ten million in a long run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "../campaign.js";
import { SerialCampaign } from "../device/serial-fuzz.js";

const pieces = process.env.DORMOUSE_LONG ? 10_000_000 : 50_000;

/** What must come out for the campaign to prove anything. */
const expected = [
  "frame",
  "improv",
  "line",
  "bad",
  "probe",
  "command 1",
  "command 4",
  "message result",
  ..."hello begin generate write commit prove erase restart".split(" ").map((kind) => `request ${kind}`),
  ..."hello begin generate write commit prove error".split(" ").map((kind) => `answer ${kind}`),
  ..."bad-request unknown-request unknown-entry".split(" ").map((error) => `request ${error}`),
];

test(`nothing comes out of a damaged line that did not go in, seed ${seed}`, (context) => {
  // Refusals are exceptions inside the decoder, and their stacks would take most of the time.
  Error.stackTraceLimit = 0;
  const campaign = new SerialCampaign(seed);
  campaign.go(pieces);
  const { seen } = campaign;
  context.diagnostic(JSON.stringify(seen));
  for (const what of expected) assert.ok((seen[what] ?? 0) >= 20, `${what}: ${seen[what]}`);
});
