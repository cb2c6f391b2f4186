/** Sessions over networks that break: what was to arrive arrives, in order, and at QoS 2 once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runs, seed } from "../campaign.js";
import { World } from "./mqtt-fuzz-world.js";

/** Without these the campaign would prove little. */
const expected = [
  "postponed",
  "refused",
  "completed",
  "failed broker-refused 136", // CONNACK
  "failed broker-refused 147 again", // receive maximum
  "failed broker-refused 148 again", // topic alias
  "failed broker-refused 155 again", // QoS
  "failed connection-lost 0 again", // a broker surprised
  "failed connection-lost 0",
];

test(`nothing is lost between a device and its broker, seed ${seed}`, (context) => {
  const seen = new Map<string, number>();
  let connections = 0;
  const worlds = runs(100_000);
  for (let i = 0; i < worlds; i++) {
    const world = new World(seed + i * 7919, seen);
    try {
      world.live(600);
    } catch (error) {
      throw new Error(`DORMOUSE_SEED=${seed}, world ${i}: ${(error as Error).stack}`);
    }
    connections += world.connections;
  }
  assert.ok(connections > worlds * 3);
  for (const what of expected) assert.ok((seen.get(what) ?? 0) >= worlds / 200, `${what}: ${seen.get(what)}`);
  context.diagnostic(`${worlds} devices, ${connections} connections, seed ${seed}`);
});
