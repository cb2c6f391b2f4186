/**
 * The numbers that an energy estimate rests on: read from the tables beside this file. Each says where it comes from,
 * or that it is assumed and why; a table that says neither is refused.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BoardName } from "../board.js";
import { root } from "../paths.js";

/** Where a number comes from. `assumed`: from nowhere but the reasoning in its note. */
export type Basis = "datasheet" | "measured" | "published" | "assumed";

export interface Figure {
  readonly value: number;
  /** Empty: a share. */
  readonly unit: string;
  readonly basis: Basis;
  /** Document with its revision, and section or table in it; absent when assumed. */
  readonly source?: string;
  readonly address?: string;
  /** What it stands for; of an assumed one, how it was come by. */
  readonly note: string;
}

/** Currents at the board's supply pin; times at its usual clock. */
export const boardFigures = [
  "bootMs",
  "bootMilliamps",
  "computeMilliamps",
  "radioMilliamps",
  "idleMilliamps",
  "peakMilliamps",
  "sleepMicroamps",
  "bytecodesPerMs",
  "p256MultiplyMs",
  "p256VerifyMs",
] as const;

export const sensorFigures = ["measurementMicrocoulombs", "sleepMicroamps"] as const;

export const cellFigures = ["milliampHours", "usableShare", "lossPerYear"] as const;

export type Figures<K extends string> = Readonly<Record<K, Figure>>;
export type BoardFigures = Figures<(typeof boardFigures)[number]>;
export type SensorFigures = Figures<(typeof sensorFigures)[number]>;

export interface Sensor {
  /** What the figures are those of, as nobody sells a simulated sensor. */
  readonly standsFor: string;
  readonly figures: SensorFigures;
}

export interface NamedCell {
  readonly title: string;
  /** It gives a radio's peaks by itself, without a capacitor beside it. */
  readonly pulse: boolean;
  readonly figures: Figures<(typeof cellFigures)[number]>;
}

const folder = join(root, "host-sim/energy");

export function boardTable(board: BoardName): BoardFigures {
  return checked((read(`${board}.json`) as { figures: unknown }).figures, boardFigures, board);
}

/** @param kind as the profile names it */
export function sensorTable(kind: string): Sensor {
  const { standsFor, figures } = named<Sensor>("sensors.json", kind);
  return { standsFor, figures: checked(figures, sensorFigures, kind) };
}

export function cellNames(): string[] {
  return Object.keys(read("cells.json") as object);
}

export function cellTable(name: string): NamedCell {
  const { title, pulse, figures } = named<NamedCell>("cells.json", name);
  return { title, pulse, figures: checked(figures, cellFigures, name) };
}

function named<T>(file: string, name: string): T {
  const table = read(file) as Readonly<Record<string, T>>;
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) throw new RangeError(`host-sim/energy/${file} has no ${name}`);
  return found;
}

/** @throws {RangeError} for a number that is missing, is none, or comes from nowhere */
export function checked<K extends string>(figures: unknown, names: readonly K[], of: string): Figures<K> {
  const table = figures as Readonly<Record<string, Figure | undefined>>;
  for (const name of names) {
    const figure = table[name];
    if (!figure || !(figure.value >= 0)) throw new RangeError(`${of}: ${name} is no number`);
    if (!figure.note) throw new RangeError(`${of}: ${name} does not say what it stands for`);
    if (figure.basis !== "assumed" && !(figure.source && figure.address))
      throw new RangeError(`${of}: ${name} has no source, and is not said to be assumed`);
  }
  return table as Figures<K>;
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), "utf8"));
}
