/** Where the charge goes, and how long batteries would last: estimates, and called so. */
import type { EnergySummary } from "../../energy/account.js";
import { type Battery, lifeYears, namedBattery } from "../../energy/battery.js";
import { cellNames } from "../../energy/figures.js";
import { type Markup, markup, units } from "./markup.js";
import { partOf, parts, swatch } from "./parts.js";
import { charge, count, percent, years } from "./words.js";

interface Share {
  readonly id: string;
  readonly title: string;
  readonly microcoulombs: number;
}

/** Of a wake and the sleep after it. */
function shares({ phases, microcoulombsPerWake, averageMicroamps, sleepMicroamps }: EnergySummary): Share[] {
  const byPart = new Map<string, number>();
  for (const [phase, some] of Object.entries(phases)) {
    const { id } = partOf(phase);
    byPart.set(id, (byPart.get(id) ?? 0) + some);
  }
  const awake = [...parts, { id: "other", title: "other", phases: [] }]
    .map(({ id, title }) => ({ id, title, microcoulombs: byPart.get(id) ?? 0 }))
    .filter(({ microcoulombs }) => microcoulombs >= 50);
  if (sleepMicroamps === 0) return awake;
  // The sleep that goes with one wake.
  const asleep = (microcoulombsPerWake * sleepMicroamps) / (averageMicroamps - sleepMicroamps || 1);
  return [...awake, { id: "sleep", title: "deep sleep", microcoulombs: asleep }];
}

export function energyFigure(energy: EnergySummary): Markup {
  const list = shares(energy);
  const all = list.reduce((sum, { microcoulombs }) => sum + microcoulombs, 0) || 1;
  let at = 0;
  const rects = list.map(({ id, title, microcoulombs }) => {
    const x = (1000 * at) / all;
    at += microcoulombs;
    return markup`<rect class="p-${id}" x="${units(x)}" y="0" width="${units((1000 * microcoulombs) / all)}" height="10"><title>${title}: ${charge(microcoulombs)}, ${percent(microcoulombs / all)}</title></rect>`;
  });
  const title = "Where the estimated charge goes";
  return markup`<figure class="whole"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="${title}"><title>${title}</title>${rects}</svg>
<ul class="shares">${list.map(
    ({ id, title, microcoulombs }) =>
      markup`<li>${swatch(id)}<span>${title}</span><span>${charge(microcoulombs)}</span><span>${percent(microcoulombs / all)}</span></li>`,
  )}</ul></figure>`;
}

/** @param chosen what the run was asked for, or null */
export function batteryFigure(averageMicroamps: number, chosen: Battery | null): Markup {
  const named = cellNames().map(namedBattery);
  const batteries = !chosen || named.some(({ name }) => name === chosen.name) ? named : [chosen, ...named];
  const lives = batteries.map((battery) => lifeYears(battery, averageMicroamps));
  const longest = Math.max(...lives);
  return markup`<h3>How long a battery would last (estimate)</h3><figure>${batteries.map((battery, index) => {
    const life = lives[index]!;
    const mine = battery.name === chosen?.name;
    const about = [
      `${count(battery.milliampHours)} mAh`,
      ...(battery.pulse ? [] : ["with a capacitor for the radio's peaks"]),
    ];
    return markup`<div class="meter battery${mine ? " chosen" : ""}"><span>${battery.title}<small>${about.join(", ")}</small></span><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${mine ? "f-accent" : "p-idle"}" x="0" y="0" width="${units((1000 * life) / longest)}" height="10"/></svg><span>${years(life)}</span></div>`;
  })}</figure>`;
}
