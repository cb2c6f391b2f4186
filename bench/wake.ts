/** What one wake costs on each board: bytes on the wire and bytecodes executed. */

import { boardNames } from "../host-sim/board.js";
import type { Benchmark, Row } from "./benchmark.js";
import { quietRun } from "./run-sim.js";

export const wake: Benchmark = {
  about: "bytes up and down and bytecodes executed per wake, per board",
  async run() {
    const wakes = 5;
    const rows: Row[] = [];
    for (const board of boardNames) {
      const { summary } = await quietRun(board, wakes);
      rows.push({
        board,
        "bytes up": Math.round(summary.bytesUp / wakes),
        "bytes down": Math.round(summary.bytesDown / wakes),
        "bytecodes, median": summary.bytecodesMedian,
      });
    }
    return { title: `Cost of a wake, over ${wakes} wakes`, rows };
  },
};
