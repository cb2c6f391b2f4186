/** When a run is a success: its exit code hangs on this. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEvent } from "../../host-sim/report/events.js";
import { median, Tally } from "../../host-sim/report/summary.js";
import type { Verdict } from "../../host-sim/world/verdict.js";

type Told = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, "at" | "device" | "wake">
    : never
  : never;

function tally(...told: readonly Told[]): Tally {
  const result = new Tally();
  for (const fields of told) result.event({ at: 0, device: "d", wake: 1, ...fields } as RunEvent);
  return result;
}

const wake: Told = { event: "wake", cause: "power-on", board: "esp32" };
const sent: Told = { event: "sent", counter: 0, bytes: 1 };
const acked: Told = { event: "acked", counter: 0 };
const error: Told = { event: "error", kind: "deadline", code: 0, detail: "" };
const received = (verdict: Verdict, topic = "d/readings"): Told => ({ event: "received", verdict, topic });
const good = [wake, sent, acked, received("fresh")];

const successes: [what: string, told: Told[]][] = [
  ["everything sent is acknowledged and verified", good],
  ["a retry and its duplicate do not count", [...good, sent, acked, received("duplicate")]],
  ["nobody vouches for it, as the profile wants it", [wake, sent, acked, received("unauthenticated")]],
  [
    "a retry of what nobody vouches for counts once more",
    [wake, sent, acked, received("unauthenticated"), sent, acked, received("unauthenticated")],
  ],
  ["a will arrives too", [...good, received("fresh", "d/will")]],
  ["an error that a later wake made good is forgiven", [wake, error, ...good]],
];
for (const [what, told] of successes) test(`success: ${what}`, () => assert.ok(tally(...told).success));

const failures: [what: string, told: Told[]][] = [
  ["nothing was sent", [wake]],
  ["a message was not acknowledged", [wake, sent, received("fresh")]],
  ["an acknowledged message never reached the listener", [wake, sent, acked]],
  ["a will arrives in place of a reading", [wake, sent, acked, received("fresh", "d/will")]],
  ["a message is unauthenticated where others are not", [...good, received("unauthenticated")]],
  [
    "one of two messages that nobody vouches for is missing",
    [
      wake,
      sent,
      acked,
      received("unauthenticated"),
      ...[sent, acked].map((told) => ({ ...told, counter: 1 })),
    ],
  ],
  ["a second message is missing", [...good, { event: "sent", counter: 1, bytes: 1 }]],
  ["the last wake failed", [...good, wake, error]],
  ...(["conflict", "stale", "bad"] as const).map((verdict): [string, Told[]] => [
    `a message was ${verdict}`,
    [...good, received(verdict)],
  ]),
];
for (const [what, told] of failures) test(`failure: ${what}`, () => assert.ok(!tally(...told).success));

const fault: Told = { event: "fault", name: "power-cut", detail: "" };
const cutOff: Told = {
  event: "reset",
  reason: "power-cut",
  awakeMs: 1,
  effects: 1,
  cost: undefined as never,
};
const arrived = (counter: number, verdict: Verdict = "fresh"): Told => ({
  event: "received",
  verdict,
  topic: "d/readings",
  counter,
});
const other = { sent: { ...sent, counter: 1, readings: 2 }, acked: { ...acked, counter: 1 } };

for (const [what, told] of [
  ["what arrived need not have been acknowledged", [wake, fault, sent, arrived(0), cutOff, wake]],
  [
    "a retry that nobody needed changes nothing",
    [wake, fault, sent, arrived(0), wake, sent, arrived(0, "duplicate"), acked],
  ],
  [
    "what the device says is lost is settled",
    [wake, fault, other.sent, cutOff, wake, { event: "gap", readings: 2 }, sent, acked, arrived(0)],
  ],
] as [string, Told[]][])
  test(`success with faults: ${what}`, () => {
    assert.ok(tally(...told).success);
    const quiet = told.filter((one) => one !== fault);
    assert.ok(!tally(...quiet).success || what.startsWith("a retry"), "not without");
  });

for (const [what, told] of [
  ["nothing was sent", [wake, fault]],
  ["a message is nowhere", [wake, fault, sent, acked, arrived(0), other.sent, cutOff, wake]],
  [
    "more is missing than the device admits",
    [wake, fault, sent, acked, arrived(0), other.sent, cutOff, wake, { event: "gap", readings: 1 }],
  ],
  ["an acknowledged message never came", [wake, fault, sent, acked]],
  ["the last wake failed", [wake, fault, sent, acked, arrived(0), wake, error]],
  ["the last wake was cut off", [wake, fault, sent, acked, arrived(0), wake, cutOff]],
  ["a message was refused", [wake, fault, sent, acked, arrived(0), arrived(1, "conflict")]],
] as [string, Told[]][])
  test(`failure with faults: ${what}`, () => assert.ok(!tally(...told).success));

test("rejected counts conflict, stale and bad, not duplicates", () => {
  const { summary } = tally(
    ...good,
    received("duplicate"),
    received("bad"),
    received("stale"),
    received("conflict"),
  );
  assert.deepEqual([summary.published, summary.acked, summary.verified, summary.rejected], [1, 1, 1, 3]);
});

test("the protection is the one that was seen", () => {
  const opened: Told = {
    event: "received",
    verdict: "fresh",
    topic: "t",
    protection: "seal a128gcm",
    counter: 0,
  };
  assert.equal(tally(wake, received("bad"), opened).summary.protection, "seal a128gcm");
  assert.equal(tally(wake, received("bad")).summary.protection, null);
});

test("the median of an even count lies between the middle two", () => {
  assert.deepEqual([median([]), median([3]), median([9, 1, 5]), median([4, 1, 2, 9])], [0, 3, 5, 3]);
});
