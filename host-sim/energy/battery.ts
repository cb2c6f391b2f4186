/** How long a battery lasts at an average current, with what it loses by itself: an estimate. */
import { cellTable } from "./figures.js";

const hoursPerYear = 8766;

/** A battery to reckon with. */
export interface Battery {
  /** As `--cell` names it. */
  readonly name: string;
  readonly title: string;
  readonly milliampHours: number;
  /** Of its capacity, what a board can use. */
  readonly usableShare: number;
  /** Of its capacity, what it loses by itself. */
  readonly lossPerYear: number;
  /** It gives a radio's peaks by itself. */
  readonly pulse: boolean;
}

/** @throws {RangeError} for a name that is not in the table */
export function namedBattery(name: string): Battery {
  const { title, pulse, figures } = cellTable(name);
  return {
    name,
    title,
    milliampHours: figures.milliampHours.value,
    usableShare: figures.usableShare.value,
    lossPerYear: figures.lossPerYear.value,
    pulse,
  };
}

/** All of a capacity that somebody names is there to use, and none of it is lost. */
export function plainBattery(milliampHours: number): Battery {
  const name = `${milliampHours}`;
  return { name, title: `${name} mAh`, milliampHours, usableShare: 1, lossPerYear: 0, pulse: true };
}

/**
 * @returns years until it is empty
 * Both drains are constant, the self-discharge a share of the full capacity: a little pessimistic for it.
 */
export function lifeYears(battery: Battery, averageMicroamps: number): number {
  const { milliampHours, usableShare, lossPerYear } = battery;
  const yearlyMilliampHours = (averageMicroamps / 1000) * hoursPerYear + milliampHours * lossPerYear;
  return (milliampHours * usableShare) / yearlyMilliampHours;
}
