/** The checked-in budgets: what one wake may take at most on each board. */
import { readFileSync } from "node:fs";
import type { BoardName } from "../host-sim/board.js";
import type { Meters } from "../host-sim/device.js";
import { root } from "../host-sim/paths.js";

type Budgets = Readonly<Record<BoardName, Meters>> & {
  /** The same for a wake that has a command to verify, act on and answer (test/e2e/commands-memory.test.ts). */
  readonly withCommands: Readonly<Record<"esp32c3" | "esp8266", Meters>>;
  /** The same for a board that is being provisioned (bench/provisioning-memory.ts). */
  readonly provisioning: Readonly<Record<BoardName, Meters>>;
  /** What mbedTLS may take of the heap for one connection, per kind of handshake (test/native/handshakes.ts). */
  readonly tlsHandshakes: Readonly<Record<string, number>>;
  /** What a busy MQTT session adds to a machine that has mqtt-packet (bench/mqtt-memory.ts). */
  readonly mqttSession: number;
  readonly stamp: StampBudget;
  /** Bytes of slots and chunks that protecting one message takes natively, by its work's name (test/device/seal-work.ts). */
  readonly sealHeap: Readonly<Record<string, number>>;
};

/** What a stamp may cost. */
export interface StampBudget {
  /** How many times a native stamp's machine instructions noble's takes at least, with a payload of 100 bytes. */
  readonly nobleOverNative: number;
  /** What the compact form adds to 60 bytes at most, with a kid of 2 bytes and a counter of 3. */
  readonly compactBytes: number;
}

export const meters = ["slotBytesPeak", "chunkBytesPeak", "stackBytesPeak", "tlsBytesPeak"] as const;
type Meter = (typeof meters)[number];

/**
 * The budgets are those of a 32-bit machine, as a board is. A 64-bit engine's slots are counted as a board's,
 * but the pointers in chunks and TLS structures are wider.
 */
export function budget(board: BoardName, meter: Meter, bits: "32" | "64"): number {
  return onEngine(readBudgets()[board], meter, bits);
}

/** The same, for a wake with a command. */
export function commandBudget(board: "esp32c3" | "esp8266", meter: Meter, bits: "32" | "64"): number {
  return onEngine(readBudgets().withCommands[board], meter, bits);
}

/** The same, while the board is provisioned. */
export function provisioningBudget(board: BoardName, meter: Meter, bits: "32" | "64"): number {
  return onEngine(readBudgets().provisioning[board], meter, bits);
}

function onEngine(budgets: Meters, meter: Meter, bits: "32" | "64"): number {
  const most = budgets[meter];
  return meter === "chunkBytesPeak" || meter === "tlsBytesPeak" ? widened(most, bits) : most;
}

/** Bytes of TLS heap, configuration and CA included. @throws RangeError for a handshake without a budget */
export function handshakeBudget(name: string, bits: "32" | "64"): number {
  const most = readBudgets().tlsHandshakes[name];
  if (most === undefined) throw new RangeError(`bench/budgets.json has no TLS handshake ${name}`);
  return widened(most, bits);
}

/** Bytes of slots and chunks, what is garbage by the end of a step included. */
export function sessionBudget(bits: "32" | "64"): number {
  return widened(readBudgets().mqttSession, bits);
}

export function stampBudget(): StampBudget {
  return readBudgets().stamp;
}

/** @throws RangeError for work without a budget */
export function sealHeapBudget(work: string, bits: "32" | "64"): number {
  const most = readBudgets().sealHeap[work];
  if (most === undefined) throw new RangeError(`bench/budgets.json has no heap for ${work}`);
  return widened(most, bits);
}

function widened(bytes: number, bits: "32" | "64"): number {
  return Math.round(bytes * (bits === "64" ? 1.25 : 1));
}

function readBudgets(): Budgets {
  return JSON.parse(readFileSync(`${root}bench/budgets.json`, "utf8")) as Budgets;
}
