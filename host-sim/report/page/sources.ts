/** The figures that the estimates rest on, and where each comes from. */
import type { BoardName } from "../../board.js";
import { boardTable, cellNames, cellTable, type Figure, sensorTable } from "../../energy/figures.js";
import { type Markup, markup } from "./markup.js";

const titles: Readonly<Record<string, string>> = {
  bootMs: "start after deep sleep",
  bootMilliamps: "while starting",
  computeMilliamps: "computing, radio off",
  radioMilliamps: "radio on",
  idleMilliamps: "connected and waiting",
  peakMilliamps: "peak, transmitting",
  sleepMicroamps: "deep sleep",
  bytecodesPerMs: "JavaScript",
  p256MultiplyMs: "P-256 multiplication",
  p256VerifyMs: "P-256 verification",
  measurementMicrocoulombs: "a measurement",
};

export function sourceTable(board: BoardName, sensorKind: string, cell: string | undefined): Markup {
  const { standsFor, figures } = sensorTable(sensorKind);
  const battery = cell !== undefined && cellNames().includes(cell) ? cellTable(cell).figures : undefined;
  return markup`<div class="scroll"><table class="sources"><thead><tr><th scope="col">figure</th><th scope="col" class="number">value</th><th scope="col">where it comes from</th></tr></thead>
<tbody>${Object.entries(boardTable(board)).map(([key, figure]) => row(titles[key] ?? key, figure))}
${Object.entries(figures).map(([key, figure]) => row(`sensor (${standsFor}), ${titles[key] ?? key}`, figure))}
${
  battery && [
    row("battery, capacity", battery.milliampHours),
    row("battery, usable share", battery.usableShare),
    row("battery, lost by itself", battery.lossPerYear),
  ]
}</tbody></table></div>`;
}

function row(title: string, figure: Figure): Markup {
  return markup`<tr><td>${title}</td><td class="number">${value(figure)}</td><td>${origin(figure)}</td></tr>`;
}

function value({ value: number, unit }: Figure): string {
  if (unit === "") return `${Math.round(100 * number)} %`;
  if (unit === "1/a") return `${Math.round(100 * number)} % a year`;
  return unit === "1/ms" ? `${number} bytecodes/ms` : `${number} ${unit}`;
}

function origin({ basis, source, address, note }: Figure): Markup {
  if (basis === "assumed") return markup`<p><span class="chip">assumed</span> ${note}</p>`;
  return markup`<p>${source} <span class="address"><a href="${address}">${address}</a></span></p><p>${note}</p>`;
}
