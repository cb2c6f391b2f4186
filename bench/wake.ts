/** What one wake costs on each board: bytes on the wire and bytecodes executed. */

import { boardNames } from "../host-sim/board.js";
import type { Summary } from "../host-sim/report/events.js";
import type { Benchmark, Row } from "./benchmark.js";
import { quietRun } from "./run-sim.js";

export const wake: Benchmark = {
  about:
    "bytes up and down and bytecodes executed per wake, per board, with a full and a resumed TLS handshake",
  async run() {
    const more = 4;
    const rows: Row[] = [];
    for (const board of boardNames) {
      const first = (await quietRun(board, 1)).summary;
      const all = (await quietRun(board, 1 + more)).summary;
      const later = (count: (summary: Summary) => number) => Math.round((count(all) - count(first)) / more);
      if (all.resumed !== more)
        throw new Error(`${board}: ${all.resumed} of ${more} handshakes were resumed`);
      rows.push({
        board,
        handshake: "full",
        "bytes up": first.bytesUp,
        "bytes down": first.bytesDown,
        bytecodes: first.bytecodesMedian,
      });
      rows.push({
        board,
        handshake: "resumed",
        "bytes up": later(({ bytesUp }) => bytesUp),
        "bytes down": later(({ bytesDown }) => bytesDown),
        bytecodes: all.bytecodesMedian,
      });
    }
    return { title: `Cost of the first wake, and of each of ${more} after it`, rows };
  },
};
