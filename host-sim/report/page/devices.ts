/** The devices of a fleet: those that used most first, and how many more there are. */
import type { DeviceTotal } from "../history/history.js";
import { type Markup, markup, units } from "./markup.js";
import { charge, count, counted, duration } from "./words.js";

const most = 24;

export function deviceTable(devices: ReadonlyMap<string, DeviceTotal>): Markup {
  const rows = [...devices].sort(([, a], [, b]) => microamps(b) - microamps(a));
  const shown = rows.slice(0, most);
  const highest = Math.max(...shown.map(([, total]) => microamps(total)));
  const rest = rows.length - shown.length;
  const lowest = rows.at(-1);
  return markup`<div class="scroll"><table class="wide"><thead><tr><th scope="col">device</th><th scope="col" class="number">wakes</th><th scope="col" class="number">failed</th><th scope="col" class="number spare">readings<br>waiting</th><th scope="col" class="number spare">awake,<br>median</th><th scope="col" class="number spare">a wake</th><th scope="col" class="number">on average</th><th scope="col" class="bar">on average (estimate)</th></tr></thead>
<tbody>${shown.map(([name, total]) => row(name, total, highest))}</tbody></table></div>
${rest > 0 && lowest && markup`<p class="note">And ${counted(rest, "more device")}, down to ${lowest[0]} with ${Math.round(microamps(lowest[1]))} µA.</p>`}`;
}

function microamps({ microcoulombs, sleepMicrocoulombs, elapsedMs }: DeviceTotal): number {
  return elapsedMs === 0 ? 0 : (1000 * (microcoulombs + sleepMicrocoulombs)) / elapsedMs;
}

function row(name: string, total: DeviceTotal, highest: number): Markup {
  const { wakes, failed, waiting, awakeMs, microcoulombs } = total;
  const average = microamps(total);
  return markup`<tr><th scope="row">${name}</th><td class="number">${count(wakes)}</td><td class="number">${failed > 0 ? markup`<span class="chip bad">${count(failed)}</span>` : "0"}</td><td class="number spare">${count(waiting)}</td><td class="number spare">${duration(awakeMs.quantile(0.5))}</td><td class="number spare">${charge(microcoulombs / Math.max(1, wakes))}</td><td class="number">${Math.round(average)} µA</td>
<td class="bar"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="f-accent" x="0" y="0" width="${units((1000 * average) / (highest || 1))}" height="10"/></svg></td></tr>`;
}
