/**
 * What a provisioning says while it goes on and when it ends: lines on standard error and a summary, or with --json one
 * event a line. Names and public things only, never a value that was written.
 */
import type { EntryName, GeneratedKey } from "../../lib/provisioning/messages.js";
import type { Progress } from "../../lib/provisioning/provision.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { fieldLines, macText } from "./shown.js";
import { stepLine } from "./steps.js";

export interface Provisioned {
  readonly id: string;
  readonly epoch: number;
  /** Hex, as in its messages. */
  readonly kid: string;
  /** 12 hex digits, or none. */
  readonly mac: string;
  readonly certificate: {
    readonly serial: string;
    readonly sha256: string;
    readonly notAfter: string;
  } | null;
  /** SHA-256 of the public point, hex. */
  readonly signKeySha256: string | null;
  readonly wrote: readonly EntryName[];
  readonly made: readonly GeneratedKey[];
  readonly topic: string;
  /** An earlier attempt had brought it so far that only its proofs were missing. */
  readonly resumed: boolean;
}

export type ToldEvent =
  | {
      readonly event: "board";
      readonly port: string;
      readonly board: string;
      readonly firmware: string;
      readonly mac: string;
      readonly state: string;
    }
  | ({ readonly event: "progress"; readonly port: string; readonly id: string } & Progress)
  | { readonly event: "line"; readonly port: string; readonly text: string }
  | { readonly event: "waiting"; readonly port: string; readonly text: string }
  | { readonly event: "notice"; readonly id: string; readonly text: string }
  | ({ readonly event: "provisioned"; readonly port: string } & Provisioned)
  | { readonly event: "failed"; readonly port: string | null; readonly id: string; readonly problem: string }
  | { readonly event: "skipped"; readonly id: string; readonly why: string };

export type Tell = (event: ToldEvent) => void;

/** @param several whether lines must say whose they are */
export function teller(json: boolean, several: boolean): Tell {
  if (json) return (event) => console.log(printableJson(event));
  return (event) => {
    if (event.event === "provisioned" && !several) {
      for (const line of summary(event)) console.log(printableLine(line));
      return;
    }
    const text = lineOf(event);
    if (text === undefined) return;
    const who = several
      ? `${[("port" in event && event.port) || "", "id" in event ? event.id : ""].filter(Boolean).join(" ")}: `
      : "";
    console.error(printableLine(`${who}${text}`));
  };
}

function lineOf(event: ToldEvent): string | undefined {
  switch (event.event) {
    case "board":
      return `${event.board}, firmware ${event.firmware}${event.mac ? `, ${macText(event.mac)}` : ""}, ${event.state}`;
    case "progress":
      return stepLine(event);
    case "line":
      return `| ${event.text}`;
    case "waiting":
    case "notice":
      return event.text;
    case "provisioned":
      return `provisioned, kid ${event.kid}`;
    case "failed":
      return `failed: ${event.problem}`;
    case "skipped":
      return `skipped: ${event.why}`;
  }
}

function summary(done: Provisioned & { readonly port: string }): string[] {
  const { certificate } = done;
  return fieldLines([
    ["device", done.id],
    ["port", done.port],
    ["mac", macText(done.mac)],
    ["epoch", String(done.epoch)],
    ["kid", done.kid],
    [
      "certificate",
      certificate ? `serial ${certificate.serial}, until ${certificate.notAfter.slice(0, 10)}` : undefined,
    ],
    ["fingerprint", certificate ? `SHA-256 ${certificate.sha256}` : undefined],
    ["signing key", done.signKeySha256 === null ? undefined : `SHA-256 ${done.signKeySha256}`],
    ["made there", done.made.length > 0 ? done.made.join(", ") : undefined],
    ["wrote", done.resumed ? undefined : done.wrote.join(", ")],
    ["publishes to", done.topic],
    ["state", done.resumed ? "completed by its proofs, locked" : "proved, locked"],
  ]);
}
