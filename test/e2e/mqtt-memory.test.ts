/** What a busy session adds to a board's memory stays within bench/budgets.json, and the budget within what was promised. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionBudget } from "../../bench/budgets.js";
import { sessionMemory } from "../../bench/mqtt-memory.js";
import { engineBits } from "../../host-sim/engine-file.js";

const promised = 6144;

test("a persistent, pipelined session with everything in flight is within its budget", async (context) => {
  const { needBytes, heldBytes, boardBytes, steps, inFlight } = await sessionMemory();
  const most = sessionBudget(await engineBits());
  context.diagnostic(
    `${needBytes} bytes needed, ${heldBytes} held; ${boardBytes} with the board's first blocks`,
  );
  assert.equal(steps.length, 14, "created, 12 events, the end");
  assert.equal(
    inFlight,
    "published 1, published 1, published 1, published 1, released 2, published 2, 2 received",
  );
  // a figure far below the budget is one that was not measured
  assert.ok(needBytes > most * 0.75, `${needBytes} bytes, budget ${most}: lower the budget`);
  assert.ok(needBytes <= most, `${needBytes} bytes, budget ${most}`);
  assert.ok(heldBytes > 1000 && heldBytes < needBytes, `${heldBytes} bytes held`);
});

test("the budget keeps what the project promises", () => {
  assert.ok(sessionBudget("32") <= promised);
});
