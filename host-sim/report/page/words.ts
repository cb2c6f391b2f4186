/** Numbers as a reader wants them. */

/** Narrow, and no place to break a line. */
const thin = "\u202f";

/** 12 345 */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, thin);
}

/** `one` or `many`, with its number. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 850 ms, 1.43 s, 30 s, 15 min, 1 h, 3 days */
export function duration(ms: number): string {
  if (ms < 1) return "0 ms";
  if (ms < 1000) return `${ms < 10 ? Number(ms.toPrecision(2)) : Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toPrecision(3))} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Number((ms / 3_600_000).toPrecision(2))} h`;
  return `${count(ms / 86_400_000)} days`;
}

/** From microcoulombs: 0.2 mC, 8.4 mC, 186 mC, 1.2 C */
export function charge(microcoulombs: number): string {
  const milli = microcoulombs / 1000;
  if (milli < 0.05) return "0 mC";
  if (milli < 10) return `${milli.toFixed(1)} mC`;
  return milli < 10_000 ? `${count(milli)} mC` : `${Number((milli / 1000).toPrecision(3))} C`;
}

/** From microamperes: 217 µA, 45.1 mA */
export function current(microamps: number): string {
  return microamps < 1000 ? `${microamps} µA` : `${Number((microamps / 1000).toPrecision(3))} mA`;
}

/** From a share of 1: 0.4 %, 12 %, 100 % */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  const hundredths = 100 * share;
  return `${hundredths > 0 && hundredths < 10 ? hundredths.toFixed(1) : Math.round(hundredths)} %`;
}

export function bytes(value: number): string {
  return counted(Math.round(value), "byte");
}

/** 21 Nov 2026, 22:09 */
export function moment(ms: number): string {
  const [, day, month, year, clock] = /^\w+, (\d+) (\w+) (\d+) (\d+:\d+)/.exec(new Date(ms).toUTCString())!;
  return `${Number(day)} ${month} ${year}, ${clock}`;
}

/** 21 Nov 22:09 */
export function dayAndTime(ms: number): string {
  return moment(ms).replace(/ \d{4},/, "");
}

export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

export function years(value: number): string {
  if (value >= 1.5) return `${value.toPrecision(2)} years`;
  const days = value * 365.25;
  return days >= 2 ? `${count(days)} days` : `${Math.round(days * 24)} hours`;
}
