/** The firmware on its serial port: a board is provisioned within its memory, and a provisioned one gives nothing but answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { meters, provisioningBudget } from "../../bench/budgets.js";
import { boardNames } from "../../host-sim/board.js";
import { engineBits } from "../../host-sim/engine-file.js";
import { flashKeys } from "../../lib/store/flash-entries.js";
import { SerialBoard, type SerialBoardOptions } from "./serial-board.js";
import { planFor, provisionBy } from "./session.js";

async function withBoard(
  name: (typeof boardNames)[number],
  options: SerialBoardOptions,
  work: (board: SerialBoard) => Promise<void>,
): Promise<void> {
  const board = await SerialBoard.start(name, options);
  try {
    await work(board);
  } finally {
    await board.stop();
  }
}

for (const name of boardNames)
  test(`${name}: an unprovisioned board is provisioned within its memory, and restarts`, () =>
    withBoard(name, { measure: true }, async (board) => {
      const booted = board.boot("power-on");
      const plan = planFor(name);
      const device = await provisionBy(board.connect(), plan);
      assert.deepEqual([device.id, device.epoch], [plan.deviceId, plan.epoch]);
      const end = await booted;
      assert.equal(end.reason, "restart");
      const bits = await engineBits();
      for (const meter of meters) {
        const most = provisioningBudget(name, meter, bits);
        assert.ok(end.heap[meter] <= most, `${meter} ${end.heap[meter]} > budget ${most}`);
      }
      const keys = board.flash.map(({ key }) => key);
      assert.ok(keys.includes(flashKeys.record) && keys.includes(flashKeys.profile), `${keys}`);
    }));
