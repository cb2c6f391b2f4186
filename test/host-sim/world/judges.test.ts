/** Of several devices each has its own judge, and hears of its own messages alone. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { SqliteReplayStore } from "../../../backend/replay/sqlite.js";
import { simOptions } from "../../../cli/sim.js";
import { memberProfile } from "../../../host-sim/fleet-profile.js";
import { Judges } from "../../../host-sim/world/judges.js";
import type { Resident } from "../../../host-sim/world/scene.js";
import { protect, senml } from "./sealing.js";

const options = await simOptions({});
const keys = { signKey: null, recipientKey: null };

function residents(...numbers: number[]) {
  const told: string[] = [];
  const all = numbers.map((number): Resident => {
    const profile = memberProfile(options.profile, number);
    return {
      options: { ...options, profile },
      deviceSecret: randomBytes(32),
      disturbance: {},
      nowMs: () => 0,
      onReceived: ({ verdict, sender }) => told.push(`${profile.device.id} hears: ${verdict} of ${sender}`),
    };
  });
  return { all, keyed: all.map(({ options: { profile } }) => ({ profile, ...keys })), told };
}

test("a message counts for the device on whose topic it is, and opens with no other device's keys", async () => {
  const store = new SqliteReplayStore(":memory:");
  const { all, keyed, told } = residents(1, 2);
  const judges = new Judges(all, keyed, store);
  const topics = ["sensors/dormouse-1/readings", "sensors/dormouse-2/readings"] as const;
  const message = (to: string) =>
    protect({
      counter: 0,
      payload: senml(21.5),
      to,
      by: {
        id: "dormouse-1",
        epoch: 0,
        accepts: { protection: "stamp", algorithm: 5, secret: all[0]!.deviceSecret },
      },
    });
  for (const topic of topics) judges.tell(await judges.judge(topic, message(topic)));
  await store.close();
  assert.deepEqual(told, ["dormouse-1 hears: fresh of dormouse-1", "dormouse-2 hears: bad of null"]);
});

test("all that they publish is listened to, and nothing twice", () => {
  const { all, keyed } = residents(1, 2);
  const store = new SqliteReplayStore(":memory:");
  const { topics } = new Judges(all, keyed, store);
  const expected = [1, 2].flatMap((n) =>
    ["readings", "will", "result"].map((name) => `sensors/dormouse-${n}/${name}`),
  );
  assert.deepEqual(topics, expected);
  const twins = residents(1, 1);
  assert.throws(() => new Judges(twins.all, twins.keyed, store), /two devices publish to/);
  return store.close();
});
