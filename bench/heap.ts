/**
 * The high-water marks of three wakes on each board, and of a provisioning session; what a busy MQTT session adds. Beside
 * their budgets.
 */

import { boardNames } from "../host-sim/board.js";
import { engineBits } from "../host-sim/engine-file.js";
import type { Benchmark, Row } from "./benchmark.js";
import { budget, meters, provisioningBudget, sessionBudget } from "./budgets.js";
import { sessionBoard, sessionMemory } from "./mqtt-memory.js";
import { provisioningMemory } from "./provisioning-memory.js";
import { quietRun } from "./run-sim.js";

export const heap: Benchmark = {
  about: "high-water marks of slots, chunks, stack and TLS heap per board, with their budgets",
  async run() {
    const bits = await engineBits();
    const rows: Row[] = [];
    for (const board of boardNames) {
      const { summary } = await quietRun(board, 3, { measure: true });
      for (const meter of meters)
        rows.push({ board, meter, bytes: summary.heap[meter], budget: budget(board, meter, bits) });
      const session = await provisioningMemory(board);
      for (const meter of meters) {
        const most = provisioningBudget(board, meter, bits);
        rows.push({ board, meter: `provisioning ${meter}`, bytes: session[meter], budget: most });
      }
    }
    const { needBytes } = await sessionMemory();
    rows.push({ board: sessionBoard, meter: "mqttSession", bytes: needBytes, budget: sessionBudget(bits) });
    return { title: `Peak memory of a wake (bytes; ${bits}-bit engine)`, rows };
  },
};
