/** Of one profile many devices, none of which is taken for another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simOptions } from "../../cli/sim.js";
import { fleetConflict, memberProfile } from "../../host-sim/fleet-profile.js";

const { profile } = await simOptions({});

test("each has its number in its id, its topics and its user name", () => {
  const shed = {
    ...profile,
    device: { id: "shed" },
    broker: { ...profile.broker, username: "shed" },
    topics: { ...profile.topics, base: "farm/shed/up", readings: "farm/shed" },
  };
  const { device, broker, topics } = memberProfile(shed, 7);
  assert.deepEqual(
    [device.id, broker.username, topics.base, topics.readings],
    ["shed-7", "shed-7", "farm/shed-7/up", "farm/shed-7"],
  );
});

test("a number at the id's end makes room for its own", () => {
  const ids = [1, 2, 100].map((number) => memberProfile(profile, number).device.id);
  assert.deepEqual(ids, ["dormouse-1", "dormouse-2", "dormouse-100"]);
  assert.equal(memberProfile(profile, 2).topics.readings, "sensors/dormouse-2/readings");
});

test("the identity of a PSK stays, as its key does", () => {
  const { tls } = profile.broker;
  assert.ok(tls);
  const psk = { ...tls, identity: "psk", pskIdentity: "dormouse-1" } as const;
  const shared = { ...profile, broker: { ...profile.broker, tls: psk } };
  assert.deepEqual(memberProfile(shared, 2).broker.tls, psk);
});

test("a user name that is not the device's stays", () => {
  const named = { ...profile, broker: { ...profile.broker, username: "everybody" } };
  assert.equal(memberProfile(named, 2).broker.username, "everybody");
});

test("what would make two devices one is a conflict, and a profile that keeps them apart is none", () => {
  const { topics } = profile;
  assert.equal(fleetConflict(profile, 1000), undefined);
  const conflicts: [object, RegExp][] = [
    [{ device: { id: "dormouse-1", kid: "0102" } }, /kid/],
    [{ topics: { ...topics, base: "attic" } }, /topics\.base/],
    [{ topics: { ...topics, readings: "attic" } }, /topics\.readings/],
    // As part of a level it is somebody's word, not the id.
    [{ topics: { ...topics, readings: "old-dormouse-1/readings" } }, /topics\.readings/],
    [{ device: { id: "d".repeat(61) }, topics: { ...topics, base: "d".repeat(61) } }, /device\.id/],
  ];
  for (const [change, words] of conflicts)
    assert.match(fleetConflict({ ...profile, ...change }, 1000) ?? "", words);
});
