/** The picture in the terminal: one line a phase as it happens, a table at the end. Plain in a pipe. */
import type { EnergySummary } from "../energy/account.js";
import type { Measurement } from "../world/senml-reading.js";
import type { Verdict } from "../world/verdict.js";
import type { Reporter, RunEvent, Summary } from "./events.js";

type Paint = (text: string) => string;

export interface Palette {
  readonly dim: Paint;
  readonly bold: Paint;
  readonly good: Paint;
  readonly bad: Paint;
}

function painted(colour: boolean): Palette {
  const code =
    (start: number, end: number): Paint =>
    (text) =>
      colour ? `\x1b[${start}m${text}\x1b[${end}m` : text;
  return { dim: code(2, 22), bold: code(1, 22), good: code(32, 39), bad: code(31, 39) };
}

/** Colours where there is a terminal that has them. */
export function palette(out: NodeJS.WriteStream): Palette {
  return painted(Boolean(out.isTTY) && !process.env.NO_COLOR && process.env.TERM !== "dumb");
}

export function terminalReporter(out: NodeJS.WriteStream = process.stdout): Reporter {
  const paint = palette(out);
  const line = (text: string) => out.write(`${text}\n`);
  return {
    report: (event) => {
      const text = render(event, paint);
      if (text !== undefined) line(text);
    },
    note: (text) => line(paint.dim(text)),
  };
}

function render(event: RunEvent, paint: Palette): string | undefined {
  switch (event.event) {
    case "wake": {
      const when = new Date(event.at).toISOString().replace("T", " ").slice(0, 19);
      return `\n${paint.bold(`wake ${event.wake}`)}  ${event.cause}  ${paint.dim(`${event.device} (${event.board})  ${when}`)}`;
    }
    case "provisioned":
      return row("identity", paint.good("provisioned"), `${event.device}, at sim:${event.name}`, paint);
    case "fault":
      return row("fault", paint.bad(event.name), event.detail, paint);
    case "phase":
      return row(event.name, `${String(event.ms).padStart(6)} ms`, event.detail ?? "", paint);
    case "sent":
      return row(
        "sent",
        `#${event.counter}`.padStart(9),
        `${event.bytes} bytes${event.result ? ", the answer" : ""}${event.retry ? ", again" : ""}`,
        paint,
      );
    // Each reading's; the phase says the same.
    case "queued":
      return undefined;
    case "spilled":
      return row("spilled", String(event.readings).padStart(9), `to flash, segment ${event.segment}`, paint);
    case "dropped":
      return row("dropped", paint.bad(String(event.readings).padStart(9)), `in all ${event.total}`, paint);
    case "gap":
      return row(
        "gap",
        paint.bad(String(event.readings).padStart(9)),
        "readings lost, or perhaps lost",
        paint,
      );
    case "acked":
      return row("acked", `#${event.counter}`.padStart(9), "", paint);
    case "command": {
      const colour = event.status === "done" ? paint.good : paint.bad;
      const number = event.counter === undefined ? "" : ` #${event.counter}`;
      const detail = `${event.name ?? "?"}, from ${event.controller}${number}`;
      return judgedRow("command", event.status, colour, detail, paint);
    }
    case "settings": {
      const colour = event.status === "confirmed" ? paint.good : paint.bad;
      return judgedRow("settings", event.status, colour, "", paint);
    }
    case "received": {
      const colour = verdictPaint(event.verdict, paint);
      return judgedRow("received", event.verdict, colour, event.detail ?? contentText(event), paint);
    }
    case "sleep":
      return row(
        "sleep",
        duration(event.ms).padStart(9),
        `awake ${event.awakeMs} ms, ${event.bytecodes} bytecodes, estimated ${charge(event.cost.estimated.microcoulombs)}`,
        paint,
      );
    case "idle":
      return row(
        "idle",
        duration(event.ms).padStart(9),
        `estimated ${charge(event.estimated.microcoulombs)}`,
        paint,
      );
    case "reset": {
      const colour = event.reason === "restart" || event.reason === "off" ? paint.dim : paint.bad;
      const after = `after ${event.awakeMs} ms, ${event.effects} bytes sent and memories written`;
      return judgedRow("reset", event.reason, colour, after, paint);
    }
    case "error":
      return row(
        "error",
        paint.bad(event.kind),
        event.code ? `${event.detail} (${event.code})` : event.detail,
        paint,
      );
    case "summary":
      return summaryTable(event, paint);
  }
}

function row(name: string, value: string, detail: string, paint: Palette): string {
  return `  ${name.padEnd(9)} ${value}${detail && `  ${paint.dim(detail)}`}`;
}

/** A word too long for its column stands before the detail. */
function judgedRow(name: string, word: string, colour: Paint, detail: string, paint: Palette): string {
  return word.length <= 9
    ? row(name, colour(word.padStart(9)), detail, paint)
    : row(name, colour("-".padStart(9)), `${word}: ${detail}`, paint);
}

function verdictPaint(verdict: Verdict, paint: Palette): Paint {
  if (verdict === "fresh") return paint.good;
  return verdict === "duplicate" || verdict === "unauthenticated" ? paint.dim : paint.bad;
}

function contentText({ topic, reading, result }: Extract<RunEvent, { event: "received" }>): string {
  if (result) return `command #${result.counter} of ${result.controller}: ${result.status}`;
  const text = readingText(reading ?? []);
  return topic.endsWith("/will") ? `will: ${text}` : text;
}

function readingText(measurements: readonly Measurement[]): string {
  return measurements
    .map(
      ({ name, value, sum, unit }) =>
        `${shortName(name)} ${value ?? `in all ${sum}`}${unit ? ` ${unit}` : ""}`,
    )
    .join(", ");
}

/** Without the base name, which is the device's and stands in the wake's line. */
function shortName(name: string): string {
  return name.slice(name.lastIndexOf(":") + 1);
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function summaryTable(summary: Summary, paint: Palette): string {
  const { heap } = summary;
  const rows: [string, string][] = [
    ...(summary.devices > 1 ? [["devices", String(summary.devices)] as [string, string]] : []),
    ["wakes", String(summary.wakes)],
    ...(summary.faults ? [["faults", String(summary.faults)] as [string, string]] : []),
    ["published", String(summary.published)],
    ["acknowledged", String(summary.acked)],
    ...(summary.protection === null ? [] : [["protection", summary.protection] as [string, string]]),
    ...(summary.judged === false ? [] : verdictRows(summary, paint)),
    ...(summary.handshakes > 0
      ? [["TLS resumed", `${summary.resumed} of ${summary.handshakes}`] as [string, string]]
      : []),
    ["bytes up / down", `${summary.bytesUp} / ${summary.bytesDown}`],
    ["awake, median", `${summary.awakeMsMedian} ms`],
    ["bytecodes, median", String(summary.bytecodesMedian)],
    ["peak slots / chunks", `${heap.slotBytesPeak} / ${heap.chunkBytesPeak} bytes`],
    ["peak stack / TLS", `${heap.stackBytesPeak} / ${heap.tlsBytesPeak} bytes`],
    ...(summary.energy ? energyRows(summary.energy) : []),
  ];
  return `\n${rows.map(([name, value]) => `  ${paint.bold(name.padEnd(20))} ${value}`).join("\n")}`;
}

function verdictRows(summary: Summary, paint: Palette): [string, string][] {
  const { unauthenticated, verified, rejected } = summary;
  const good = (unauthenticated || verified) >= summary.published && rejected === 0 ? paint.good : paint.bad;
  return [
    unauthenticated > 0
      ? ["unauthenticated", good(`${unauthenticated}: this protection does not prove who sent them`)]
      : ["verified", good(String(verified))],
    ["rejected", String(rejected)],
  ];
}

function energyRows(energy: EnergySummary): [string, string][] {
  const { per, microcoulombsPerWake, awakeMs, averageMicroamps, sleepMicroamps, battery } = energy;
  const rows: [string, string][] = [
    [`estimate, a ${per}`, `${charge(microcoulombsPerWake)} in ${awakeMs} ms on a board`],
    ["estimate, on average", `${averageMicroamps} µA, of that asleep ${sleepMicroamps} µA`],
  ];
  if (!battery) return rows;
  const capacitor = battery.needsCapacitor ? ", with a capacitor for the radio's peaks" : "";
  return [...rows, ["estimate, battery", `${lifetime(battery.years)} from ${battery.title}${capacitor}`]];
}

/** 1 mC: 1 mA for a second. */
export function charge(microcoulombs: number): string {
  const millicoulombs = microcoulombs / 1000;
  return `${millicoulombs.toFixed(millicoulombs < 10 ? 1 : 0)} mC`;
}

export function lifetime(years: number): string {
  if (years >= 1.5) return `${years.toPrecision(2)} years`;
  const days = years * 365.25;
  return days >= 2 ? `${Math.round(days)} days` : `${Math.round(days * 24)} hours`;
}
