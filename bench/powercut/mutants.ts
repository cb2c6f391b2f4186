/**
 * Firmware with one thing done wrongly, so that the campaign can show that it would notice: a change to a module's
 * compiled text, which must be there exactly once.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiledPath, root } from "../../host-sim/paths.js";
import type { Replaced } from "./board.js";
import type { Faults } from "./ledger.js";

export interface Mutant {
  readonly name: string;
  /** The module, and its source from the project's root. */
  readonly module: string;
  readonly source: string;
  readonly from: string;
  readonly to: string;
  /** One of these must not be zero. */
  readonly noticed: readonly (keyof Faults)[];
  /** From which life of seed 1 on it is soon noticed; 0 when left out. */
  readonly first?: number;
}

const keeper = { module: "dormouse/cycle/outbox-keeper", source: "lib/cycle/outbox-keeper.ts" } as const;
const memory = { module: "memory", source: "firmware/memory.ts" } as const;

export const mutants: readonly Mutant[] = [
  {
    name: "RTC memory forgets what is spilled before flash has it",
    ...keeper,
    from: "if (!shelf.write(number, data)) {",
    to: "this.replace(spilledOutbox(this.outbox, room, data.length)); this.save(false); if (!shelf.write(number, data)) {",
    noticed: ["unaccounted", "spilledLost"],
    first: 102,
  },
  {
    name: "the outbox is cleared at boot",
    ...memory,
    from: "openKept(kept.outbox,",
    to: "openKept({ ...kept.outbox, readings: [], messages: [] },",
    noticed: ["unaccounted"],
  },
  {
    name: "a message is forgotten when it is sent, not when it is acknowledged",
    module: "publisher",
    source: "firmware/publisher.ts",
    from: "if (link.publish({ topic, payload, qos: 1 }, counter))",
    to: "const taken = link.publish({ topic, payload, qos: 1 }, counter); if (taken) this.#memory.acknowledged(counter); if (taken)",
    noticed: ["unaccounted"],
  },
  {
    name: "a segment of flash is deleted when it is taken up, not when it is acknowledged",
    module: "dormouse/cycle/outbox-reader",
    source: "lib/cycle/outbox-reader.ts",
    from: "keeper.oldest = { segment: this.dated(segment), end: segment.end, messagesEnd, bytes };",
    to: "keeper.oldest = { segment: this.dated(segment), end: segment.end, messagesEnd, bytes }; shelf.remove(first);",
    noticed: ["spilledLost", "unaccounted"],
  },
  {
    name: "the reservation is not written",
    module: "freezing",
    source: "firmware/freezing.ts",
    from: "const now = writeReservation(reservedEnd);",
    to: "const now = reservedEnd; void writeReservation;",
    noticed: ["nonceReuse"],
  },
  {
    name: "a message is sent before it is stored",
    module: "freezing",
    source: "firmware/freezing.ts",
    from: "const written = persist(effect.message, effect.next);",
    to: "const written = undefined; void persist;",
    noticed: ["nonceReuse", "unaccounted", "unrecognisedDuplicates"],
  },
  {
    name: "a factory image's secret is kept",
    module: "provisioned",
    source: "firmware/provisioned.ts",
    from: "return device.fromFactory ? ownDevice(crypto, profile, device) : device;",
    to: "void ownDevice; return device;",
    noticed: ["nonceReuse"],
  },
  {
    name: "sequence numbers begin anew when RTC memory was lost",
    module: "dormouse/cycle/outbox-boot",
    source: "lib/cycle/outbox-boot.ts",
    from: "nextSequence: Math.max(readingsPerMessage * reservedEnd, spilled.end),",
    to: "nextSequence: spilled.end,",
    noticed: ["unaccounted"],
  },
  {
    name: "RTC memory's checksum is not looked at",
    module: "dormouse/store/rtc",
    source: "lib/store/rtc.ts",
    from: "checksum(memory, size) !== storedChecksum(memory)",
    to: "(checksum(memory, size), storedChecksum(memory), false)",
    noticed: ["unreadableState", "nonceReuse", "unaccounted", "unrecognisedDuplicates"],
  },
  {
    name: "what RTC memory lost is no gap",
    module: "dormouse/cycle/outbox-boot",
    source: "lib/cycle/outbox-boot.ts",
    from: "const gap = before + lost;",
    to: "const gap = before;",
    noticed: ["unaccounted"],
  },
  {
    name: "what was dropped is not counted",
    module: "dormouse/cycle/outbox",
    source: "lib/cycle/outbox.ts",
    from: "return { ...outbox, losses: { ...losses, dropped: losses.dropped + readings } };",
    to: "return { ...outbox, losses: { ...losses, dropped: losses.dropped + 0 * readings } };",
    noticed: ["unaccounted", "spilledLost"],
  },
];

/** @throws {Error} when the firmware has changed so that the mutant is none */
export function mutated({ name, module, source, from, to }: Mutant, folder: string): Replaced {
  const text = readFileSync(compiledPath(join(root, source)), "utf8");
  if (text.split(from).length !== 2) throw new Error(`mutant "${name}": its place in ${source} has changed`);
  const path = join(folder, `${source.replaceAll("/", "-")}.js`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  return new Map([[module, path]]);
}
