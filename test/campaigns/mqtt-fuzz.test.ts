/** A million damaged packets of a broker through the session, in Node; ten million in a long run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "../campaign.js";
import { Campaign } from "../device/mqtt-fuzz.js";

const packets = process.env.DORMOUSE_LONG ? 10_000_000 : 1_000_000;

/** Whatever a session can say to what it receives, and how a run can end: without these the campaign would prove little. */
const expected = [
  "send",
  "connected",
  "acked",
  "completed",
  "refused",
  "subscribed",
  "unsubscribed",
  "message",
  "challenge",
  "authenticated",
  "failed",
  "closed",
  "failed broker-refused 135", // CONNACK
  "failed broker-refused 142", // DISCONNECT
  "failed protocol-error 129",
  "failed protocol-error 130",
  "failed protocol-error 144", // a topic with a wildcard
  "failed protocol-error 147", // receive maximum
  "failed protocol-error 148", // topic alias
  "failed protocol-error 149", // too large
  "end by itself",
  "end in a packet",
  "end with a probe",
];

test(`no damaged packet gets past the session's rules, seed ${seed}`, (context) => {
  const campaign = new Campaign(seed);
  campaign.go(packets);
  const { damaged, runs, seen } = campaign;
  context.diagnostic(`${damaged} damaged packets in ${runs} runs, seed ${seed}`);
  assert.ok(damaged >= packets);
  for (const what of expected) assert.ok((seen[what] ?? 0) >= 50, `${what}: ${seen[what]}`);
  assert.ok(runs > packets / 2 && seen["end with a probe"]! > runs / 50, JSON.stringify(seen));
});
