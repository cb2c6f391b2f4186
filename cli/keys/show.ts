/** `dormouse keys show`: whose messages a keyring opens, without any of its keys. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { readKeyring } from "../../backend/keyring.js";
import { printableJson, printableLine } from "../mqtt/printable.js";
import { table } from "../table.js";
import { keyringProblem } from "./keyring-file.js";

/** What of an entry may be seen. */
interface Shown {
  readonly whose: string;
  readonly epoch: number | null;
  readonly topic: string;
  readonly protection: string;
  readonly until: string | null;
}

type Entry = Readonly<Record<string, unknown>>;

/** Of a file that `readKeyring` has taken. */
function shownOf(entry: Entry): Shown[] {
  const common = { epoch: (entry.epoch as number) ?? null, until: (entry.until as string) ?? null };
  if (entry.recipient !== undefined) {
    const signers = entry.signers as readonly Entry[] | undefined;
    const protection = signers
      ? `sealTo, signed by ${signers.map(({ device, epoch }) => `${device} epoch ${epoch}`).join(", ")}`
      : "sealTo, unauthenticated";
    return (entry.topics as readonly string[]).map((topic) => ({
      ...common,
      whose: `to ${entry.recipient}`,
      topic,
      protection,
    }));
  }
  const whose = entry.direction === "down" ? `${entry.sender} to ${entry.device}` : `${entry.device}`;
  if (entry.topic !== undefined)
    return [{ ...common, whose, topic: `${entry.topic}`, protection: `${entry.algorithm}` }];
  const protections = (topics: unknown) =>
    Object.entries((topics ?? {}) as Entry).map(([topic, value]) => ({
      topic,
      protection: typeof value === "string" ? value : `${(value as Entry).algorithm}`,
    }));
  const shown = [
    ...protections(entry.topics).map((one) => ({ ...common, whose, ...one })),
    ...protections(entry.commands).map((one) => ({ ...common, whose: `commands to ${whose}`, ...one })),
  ];
  return shown.length > 0 ? shown : [{ ...common, whose, topic: "", protection: "opens nothing" }];
}

function entriesOf(path: string): Shown[] {
  try {
    readKeyring(path).close();
    const { keys } = JSON.parse(readFileSync(path, "utf8")) as { readonly keys: readonly Entry[] };
    return keys.flatMap(shownOf);
  } catch (error) {
    throw keyringProblem("", path, error);
  }
}

export function addShowCommand(keys: Command): void {
  keys
    .command("show")
    .description("List whose messages a keyring opens. Its keys are not shown.")
    .argument("<KEYRING>", "the file")
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample:\n  $ dormouse keys show devices.keyring")
    .action((path: string, { json }: { readonly json?: boolean }) => {
      const entries = entriesOf(path);
      if (json) for (const entry of entries) console.log(printableJson(entry));
      else {
        const rows = entries.map(({ whose, epoch, topic, protection, until }) =>
          [whose, epoch === null ? "" : `${epoch}`, topic, protection, until ?? ""].map(printableLine),
        );
        console.log(table([["WHOSE", "EPOCH", "TOPIC", "PROTECTION", "UNTIL"], ...rows]));
      }
    });
}
