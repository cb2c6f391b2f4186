/**
 * Faults as they are written: `NAME[=VALUE][@WHERE][:WAKES]`, several with commas between. Pure: text in, faults out.
 * What it does not understand it refuses, with one line that says what would do.
 */
import {
  type CertificateWrong,
  certificateWrongs,
  type FaultForm,
  type FaultName,
  type FaultPhase,
  faultForms,
  faultNames,
  isFaultName,
} from "./catalogue.js";

export type Where =
  | { readonly phase: FaultPhase }
  /** An effect, or a bytecode: any from `from` to `to`, drawn for each wake. */
  | { readonly from: number; readonly to: number };

/** In which wakes a fault strikes. */
export type When =
  /** Wakes count from 1. */
  | { readonly fromWake: number; readonly toWake: number }
  /** In each wake with this probability, 0 to 1; until so long after the run began. */
  | { readonly chance: number; readonly untilMs?: number }
  /** In the wakes that begin in this time since the run began, the end not included. */
  | { readonly fromMs: number; readonly toMs: number }
  /** In the first wake from then on. */
  | { readonly atMs: number };

export interface Fault {
  readonly name: FaultName;
  /** As written, without WAKES. */
  readonly text: string;
  /** Of `percent` the fraction, of `duration` milliseconds, else the number. */
  readonly amount?: number;
  readonly certificate?: CertificateWrong;
  readonly where?: Where;
  readonly when: When;
}

const everyWake: When = { fromWake: 1, toWake: Number.POSITIVE_INFINITY };
/** So that a run shows the board before, in and after it. */
const secondWake: When = { fromWake: 2, toWake: 2 };

/** @throws RangeError in one line, which quotes what is wrong */
export function parseFaults(text: string): Fault[] {
  return text.split(",").map((one) => parseFault(one.trim()));
}

/** @param when instead of what stands in the text, where nothing may then */
export function parseFault(text: string, when?: When): Fault {
  const match = /^([A-Za-z-]+)(?:=([^@:]*))?(?:@([^:]*))?(?::(.*))?$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is no fault: write NAME[=VALUE][@WHERE][:WAKES]`);
  const [, name = "", value, where, wakes] = match;
  if (!isFaultName(name))
    throw new RangeError(`"${name}" is no fault: ${nearest(name)}they are ${faultNames.join(", ")}`);
  const form: FaultForm = faultForms[name];
  if (when && wakes !== undefined) throw new RangeError(`"${text}" says twice when it strikes`);
  return {
    name,
    text: wakes === undefined ? text : text.slice(0, -wakes.length - 1),
    ...readValue(name, form, value),
    ...readWhere(name, form, where),
    when: when ?? (wakes === undefined ? (form.lasting ? everyWake : secondWake) : parseWakes(wakes)),
  };
}

/** `3`, `2-5`, `4-`, `10%`, `all`. @throws RangeError */
export function parseWakes(text: string): When {
  if (text === "all") return everyWake;
  const percent = fraction(text);
  if (percent !== undefined && percent > 0) return { chance: percent };
  const [, from, dash, to] = /^(\d{1,9})(-)?(\d{1,9})?$/.exec(text) ?? [];
  const fromWake = Number(from);
  const toWake = to !== undefined ? Number(to) : dash ? Number.POSITIVE_INFINITY : fromWake;
  if (from === undefined || (to !== undefined && !dash) || fromWake < 1 || toWake < fromWake)
    throw new RangeError(`wakes "${text}": write 3, 2-5, 4-, 10% or all`);
  return { fromWake, toWake };
}

function readValue(
  name: FaultName,
  form: FaultForm,
  text: string | undefined,
): Pick<Fault, "amount" | "certificate"> {
  if (text === undefined) {
    if (form.valueNeeded) throw new RangeError(`${name} needs a value: ${name}=${example(form)}`);
    return {};
  }
  if (!form.value) throw new RangeError(`${name} takes no value`);
  if (form.value === "certificate") {
    const certificate = certificateWrongs.find((wrong) => wrong === text);
    if (certificate) return { certificate };
    throw new RangeError(`${name}=${text}: the value is one of ${certificateWrongs.join(", ")}`);
  }
  const amount = number(form.value, text);
  if (amount === undefined) throw new RangeError(`${name}=${text}: write it like ${name}=${example(form)}`);
  return { amount };
}

function number(kind: NonNullable<FaultForm["value"]>, text: string): number | undefined {
  switch (kind) {
    case "percent":
      return fraction(text);
    case "duration":
      return milliseconds(text);
    case "seconds":
      return /^[+-]?\d{1,10}$/.test(text) ? Number(text) : undefined;
    default:
      return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
  }
}

function example({ value }: FaultForm): string {
  switch (value) {
    case "percent":
      return "5%";
    case "duration":
      return "200ms";
    case "seconds":
      return "-3600";
    default:
      return "8000";
  }
}

function readWhere(name: FaultName, form: FaultForm, text: string | undefined): Pick<Fault, "where"> {
  if (text === undefined) {
    if (form.whereNeeded)
      throw new RangeError(`${name} needs a phase: ${name}@${form.phases!.join(`, ${name}@`)}`);
    return {};
  }
  if (!form.phases) throw new RangeError(`${name} takes no @`);
  const phase = form.phases.find((known) => known === text);
  if (phase) return { where: { phase } };
  const [, from, to] = (form.counts && /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text)) || [];
  const range = { from: Number(from), to: Number(to ?? from) };
  if (from !== undefined && range.from >= 1 && range.to >= range.from) return { where: range };
  const counted = form.counts
    ? `the number of ${form.counts === "effect" ? "an" : "a"} ${form.counts}, or `
    : "";
  throw new RangeError(`${name}@${text}: write ${counted}one of ${form.phases.join(", ")}`);
}

/** `5%`, `0.5%` as a fraction of 1. */
function fraction(text: string): number | undefined {
  const percent = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(text)?.[1];
  return percent !== undefined && Number(percent) <= 100 ? Number(percent) / 100 : undefined;
}

const unitMs: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `200ms`, `1.5h`: undefined when it is no duration. */
export function milliseconds(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  return count === undefined ? undefined : Math.round(Number(count) * unitMs[unit!]!);
}

/** What may have been meant. */
function nearest(name: string): string {
  const plain = (text: string) => text.toLowerCase().replaceAll("-", "");
  const meant = faultNames.find((known) => plain(known) === plain(name));
  return meant ? `"${meant}" is, and ` : "";
}
