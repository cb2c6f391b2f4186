/** A run's report: one page that needs nothing else, no script and no network. Pure: the same history, the same page. */
import type { BoardName } from "../../board.js";
import type { Battery } from "../../energy/battery.js";
import type { Creation } from "../../manifest.js";
import { type History, mostWhole } from "../history/history.js";
import type { WakeRecord } from "../history/wake-record.js";
import { deviceTable } from "./devices.js";
import { batteryFigure, energyFigure } from "./energy.js";
import { errorList, faultList } from "./errors.js";
import { fatesFigure, messageWords, readingWords } from "./fates.js";
import { type Markup, markup } from "./markup.js";
import { memoryFigure, memoryTrend } from "./memory.js";
import { overview } from "./overview.js";
import { phaseTable } from "./phases.js";
import { sourceTable } from "./sources.js";
import { style } from "./style.js";
import { wakeRows } from "./wake-rows.js";
import { bytes, charge, count, counted, current, duration, moment, percent, years } from "./words.js";

/** Tells a report from any other file that may have its name. */
export const reportMark = '<meta name="generator" content="Dormouse simulator">';

export interface PageFacts {
  readonly board: BoardName;
  readonly sensorKind: string;
  /** The board's limits. */
  readonly creation: Creation;
  readonly battery: Battery | null;
  /** What the run said of itself: the broker, the seed. */
  readonly notes: readonly string[];
  /** Everything that was sent arrived; undefined: the run did not come to its end. */
  readonly success: boolean | undefined;
}

export function page(history: History, facts: PageFacts): string {
  const { devices } = history;
  const [only] = devices.keys();
  const name = devices.size > 1 ? counted(devices.size, "device") : (only ?? "No device");
  const body = [
    header(name, history, facts),
    tiles(history),
    ...(history.wakes === 0
      ? [
          markup`<section><h2>No wake came to its end</h2><p class="lead">So there is nothing to draw.</p></section>`,
        ]
      : sections(history, facts)),
  ];
  return `<!doctype html>
${
  markup`<html lang="en"><head><meta charset="utf-8"><title>${name}: simulation report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`.text
}
${reportMark}
<style>${style.text}</style></head>
${
  markup`<body><main>${body}
<footer>Times are on the simulator's virtual clock. Charges, currents and lifetimes are estimates from published figures, not measurements; docs/energy.md says how they are made.</footer></main></body></html>`
    .text
}
`;
}

function header(name: string, history: History, facts: PageFacts): Markup {
  const { fromMs, toMs, summary, board, fates } = history;
  const span = Number.isFinite(fromMs) ? [`${moment(fromMs)} to ${moment(toMs)} UTC, virtual`] : [];
  const protection = summary?.protection ? [summary.protection] : [];
  const meta = [...facts.notes, ...protection, ...span].join(" · ");
  return markup`<header><p class="eyebrow">Dormouse · simulation report</p><h1>${name} <small>${board || facts.board}</small></h1>
<p class="meta">${meta}</p>${verdict(facts.success, fates ? fates.lost + fates.dropped : 0)}</header>`;
}

/** @param gone readings that the device itself says it has lost or dropped */
function verdict(success: boolean | undefined, gone: number): Markup {
  if (success === undefined)
    return markup`<p class="verdict bad">The run was ended before it was through</p>`;
  if (success && gone > 0)
    return markup`<p class="verdict good">What arrived was verified; that ${counted(gone, "reading")} did not, the device tells itself</p>`;
  return success
    ? markup`<p class="verdict good">Everything that was sent arrived and was verified</p>`
    : markup`<p class="verdict bad">Not everything that was sent arrived and was verified, or the last wake failed</p>`;
}

function tiles({ summary, wakes, failed, awakeMs, fates, messages }: History): Markup {
  const energy = summary?.energy;
  const delivered = fates ? fates.atOnce + fates.later + fates.fromFlash : undefined;
  const list: [value: string, about: string][] = [
    [
      count(wakes),
      `${energy?.per === "round" ? "rounds" : "wakes"}, ${failed === 0 ? "none" : count(failed)} failed`,
    ],
  ];
  if (fates && delivered !== undefined)
    list.push([count(delivered), `readings delivered of ${count(fates.taken)}`]);
  else if (wakes > 0) list.push([count(messages.acked), `messages acknowledged of ${count(messages.sent)}`]);
  if (wakes > 0) list.push([duration(awakeMs.quantile(0.5)), "awake on a board, median (estimate)"]);
  if (summary && summary.handshakes > 0)
    list.push([percent(summary.resumed / summary.handshakes), "of TLS handshakes resumed"]);
  if (energy) {
    list.push([charge(energy.microcoulombsPerWake), `a ${energy.per} (estimate)`]);
    list.push([current(energy.averageMicroamps), "on average (estimate)"]);
    if (energy.battery) list.push([years(energy.battery.years), `battery ${energy.battery.name} (estimate)`]);
  }
  return markup`<ul class="tiles">${list.map(([value, about]) => markup`<li><b>${value}</b><span>${about}</span></li>`)}</ul>`;
}

function sections(history: History, facts: PageFacts): (Markup | undefined)[] {
  const { devices, errors, fates, faults, messages, summary, heap, columns, phases } = history;
  const named = devices.size > 1;
  const energy = summary?.energy;
  return [
    timeline(history, named),
    faults.size === 0
      ? undefined
      : section("What was done to it", "The faults that the run was asked for, as often as they struck.", [
          faultList([...faults.values()]),
        ]),
    errors.size === 0
      ? undefined
      : section("What went wrong", "By kind and phase, the most frequent first.", [
          errorList([...errors.values()], named),
        ]),
    section("Readings and messages", `${fates ? `${readingWords(fates)} ` : ""}${messageWords(messages)}`, [
      fates
        ? fatesFigure(fates)
        : markup`<p class="note">This firmware's log says nothing of single readings.</p>`,
    ]),
    section(
      "Phases",
      "The simulated time is the network's and the waiting's. On a board (an estimate) what it computes is added: JavaScript, and the keys of TLS and signatures.",
      [phaseTable(phases)],
    ),
    energy &&
      section(
        "Energy (estimate)",
        `${energy.per === "round" ? "A round and the idling before it" : "A wake and the sleep after it"}, on average: ${current(energy.averageMicroamps)}, ${energy.milliampHoursPerDay} mAh a day, ${energy.milliampHoursPerYear} mAh a year. ${history.wakes > devices.size ? "A device's first wake is left out: it comes once in a battery's life." : ""}`,
        [energyFigure(energy), batteryFigure(energy.averageMicroamps, facts.battery)],
      ),
    section(
      "Memory",
      `The highest marks of all wakes: what was taken before the collector had to run, so a full bar is no alarm; running out is an error. ${traffic(history)}`,
      [memoryFigure(facts.creation, heap), memoryTrend(facts.creation, columns.all)],
    ),
    named
      ? section("Devices", "Those with the highest average current first.", [deviceTable(devices)])
      : undefined,
    section(
      "Where the figures come from",
      "Each has a source that can be looked up, or is assumed for the reason given. A board has more on it than its module: what a regulator, a light or a USB bridge takes is not in here.",
      [sourceTable(facts.board, facts.sensorKind, facts.battery?.name)],
    ),
  ];
}

function traffic({ bytesUp, bytesDown, wakes, flashWrites }: History): string {
  return `A wake took ${bytes(bytesUp / wakes)} up and ${bytes(bytesDown / wakes)} down on average, and all of them ${counted(flashWrites, "write")} to flash.`;
}

function section(title: string, lead: string, content: readonly (Markup | undefined)[]): Markup {
  return markup`<section><h2>${title}</h2><p class="lead">${lead}</p>${content}</section>`;
}

function timeline(history: History, named: boolean): Markup {
  const { first, wakes, columns } = history;
  const how = "as long as each phase would take on a board (estimate)";
  if (wakes <= mostWhole)
    return section(
      "Wakes",
      `One bar for each wake, ${how}. Its end may be sleep, or what else is said below its number.`,
      [wakeRows(first, { named })],
    );
  const each = columns.wakesEach === 1 ? "each wake" : `each ${count(columns.wakesEach)} wakes`;
  return section("Wakes", `From left to right ${count(wakes)} wakes, one column for ${each}, ${how}.`, [
    overview(columns),
    markup`<h3>Some of them: the first, the longest, ${history.failures.length > 0 ? "the first that failed, " : ""}and the last</h3>`,
    wakeRows(someWakes(history), { named, explained: true }),
  ]);
}

function someWakes({ first, longest, failures, last }: History): WakeRecord[] {
  const some = new Set([...first.slice(0, 2), ...(longest ? [longest] : []), ...failures, ...last]);
  const all = [...some];
  // The same wake may have come in by two ways, but it is the same record.
  return all.sort((a, b) => a.at - b.at);
}
