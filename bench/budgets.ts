/** The checked-in budgets: what one wake may take at most on each board. */
import { readFileSync } from "node:fs";
import type { BoardName } from "../host-sim/board.js";
import type { Meters } from "../host-sim/device.js";
import { root } from "../host-sim/paths.js";

export type Budgets = Readonly<Record<BoardName, Meters>>;

export const meters = ["slotBytesPeak", "chunkBytesPeak", "stackBytesPeak", "tlsBytesPeak"] as const;

export function readBudgets(): Budgets {
  return JSON.parse(readFileSync(`${root}bench/budgets.json`, "utf8")) as Budgets;
}
