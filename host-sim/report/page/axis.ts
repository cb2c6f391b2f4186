/** Axes: round numbers, and labels beside a plot, in HTML so that they keep their size whatever becomes of the plot's. */
import { type Markup, markup, units } from "./markup.js";

/** @returns 3 to 6 round numbers from 0 to at least `max` */
export function ticks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((size) => size >= rough)!;
  const list = [0];
  while (list.at(-1)! < max) list.push(Number((list.at(-1)! + step).toPrecision(6)));
  return list;
}

/** Labels below a plot, each at its share of the width; the second and fourth go first where there is no room. */
export function below(labels: readonly (readonly [share: number, text: string])[]): Markup {
  return markup`<div class="below">${labels.map(([share, text], index) => {
    const place = share <= 0.02 ? "from" : share >= 0.98 ? "to" : "at";
    return markup`<span class="${place}${index % 2 === 1 ? " minor" : ""}" style="left:${units(100 * share)}%">${text}</span>`;
  })}</div>`;
}

/** Labels left of a plot, each at its share of the height from the bottom, and lines across. */
export function beside(labels: readonly (readonly [share: number, text: string])[]): Markup {
  return markup`${labels.map(
    ([share, text]) => markup`<span class="rule" style="bottom:${units(100 * share)}%"><b>${text}</b></span>`,
  )}`;
}
