/** The checked-in budgets: what one wake may take at most on each board. */
import { readFileSync } from "node:fs";
import type { BoardName } from "../host-sim/board.js";
import type { Meters } from "../host-sim/device.js";
import { root } from "../host-sim/paths.js";

type Budgets = Readonly<Record<BoardName, Meters>>;

export const meters = ["slotBytesPeak", "chunkBytesPeak", "stackBytesPeak", "tlsBytesPeak"] as const;

/**
 * The budgets are those of a 32-bit machine, as a board is. A 64-bit engine's slots are counted as a board's,
 * but the pointers in chunks and TLS structures are wider.
 */
export function budget(board: BoardName, meter: (typeof meters)[number], bits: "32" | "64"): number {
  const wide = bits === "64" && (meter === "chunkBytesPeak" || meter === "tlsBytesPeak");
  return Math.round(readBudgets()[board][meter] * (wide ? 1.25 : 1));
}

function readBudgets(): Budgets {
  return JSON.parse(readFileSync(`${root}bench/budgets.json`, "utf8")) as Budgets;
}
