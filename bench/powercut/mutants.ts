/**
 * Firmware with one thing done wrongly, so that the campaign can show that it would notice: a change to a module's
 * compiled text, which must be there exactly once.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiledPath, root } from "../../host-sim/paths.js";
import type { Replaced } from "./board.js";
import type { Faults } from "./ledger.js";
import type { Odds, Step } from "./plan.js";

export interface Mutant {
  readonly name: string;
  /** The module, and its source from the project's root. */
  readonly module: string;
  readonly source: string;
  readonly from: string;
  readonly to: string;
  /** One of these must not be zero. */
  readonly noticed: readonly (keyof Faults)[];
  /** Lives that bring it out; the firmware as it is must pass them too. */
  readonly odds: Partial<Odds>;
}

const keeper = { module: "dormouse/cycle/outbox-keeper", source: "lib/cycle/outbox-keeper.ts" } as const;
const memory = { module: "memory", source: "firmware/memory.ts" } as const;

const away: Step = { boot: { accessPoint: false } };
const flashFull: Step = { boot: { accessPoint: false, memory: "flash-full" } };
const rtcLost: Step = { ...away, asleep: "rtc-lost" };
const hungUp: Step = { boot: { broker: { hangsUpAfter: 1 } } };
const hungUpThenLost: Step = { ...hungUp, asleep: "rtc-lost" };

/** What waits in flash is taken up, and nobody acknowledges it before RTC memory is lost. */
const takenUpThenLoss = [away, away, away, away, hungUp, hungUp, hungUp, hungUp, hungUp, hungUpThenLost];

/**
 * Of eight readings without an access point four are in flash; four cannot be written there, and must be kept or told
 * of; three more are in RTC memory when it is lost.
 */
const twoSpillsThenLoss = [away, away, away, away, away, away, away, flashFull, away, away, rtcLost];

export const mutants: readonly Mutant[] = [
  {
    name: "RTC memory forgets what is spilled before flash has it",
    ...keeper,
    from: "if (!shelf.write(number, data)) {",
    to: "this.replace(spilledOutbox(this.outbox, room, data.length)); this.save(false); if (!shelf.write(number, data)) {",
    noticed: ["unaccounted", "spilledLost"],
    odds: { spillEvery: [4, 4], flashBytes: [4096], drop: ["oldest", "thin"], steps: twoSpillsThenLoss },
  },
  {
    name: "the outbox is cleared at boot",
    ...memory,
    from: "openKept(kept.outbox,",
    to: "openKept({ ...kept.outbox, readings: [], messages: [] },",
    noticed: ["unaccounted"],
    odds: { boards: ["esp32"], outage: 30, afterCut: ["kept"], rtcLost: 0, rtcTorn: 0, flashedAnew: 0 },
  },
  {
    name: "a message is forgotten when it is sent, not when it is acknowledged",
    module: "publisher",
    source: "firmware/publisher.ts",
    from: "if (link.publish({ topic, payload, qos: 1 }, counter))",
    to: "const taken = link.publish({ topic, payload, qos: 1 }, counter); if (taken) this.#memory.acknowledged(counter); if (taken)",
    noticed: ["unaccounted"],
    odds: {
      boards: ["esp32"],
      spillEvery: [8, 8],
      powerFails: 0,
      hangsUp: 90,
      rtcLost: 0,
      rtcTorn: 0,
      flashedAnew: 0,
    },
  },
  {
    name: "a segment of flash is deleted when it is taken up, not when it is acknowledged",
    module: "dormouse/cycle/outbox-reader",
    source: "lib/cycle/outbox-reader.ts",
    from: "segment: this.dated(segment, before),",
    to: "segment: (shelf.remove(first), this.dated(segment, before)),",
    noticed: ["spilledLost", "unaccounted"],
    odds: { spillEvery: [1, 2], flashBytes: [4096], steps: takenUpThenLoss },
  },
  {
    name: "the reservation is not written",
    module: "freezing",
    source: "firmware/freezing.ts",
    from: "const now = writeReservation(reservedEnd);",
    to: "const now = reservedEnd; void writeReservation;",
    noticed: ["nonceReuse"],
    odds: { boards: ["esp32"], rtcLost: 80, powerFails: 0, flashFails: 0 },
  },
  {
    name: "a message is sent before it is stored",
    module: "freezing",
    source: "firmware/freezing.ts",
    from: "const written = persist(effect.message, effect.next);",
    to: "const written = undefined; void persist;",
    noticed: ["nonceReuse", "unaccounted", "unrecognisedDuplicates"],
    odds: { boards: ["esp32"], powerFails: 100, afterCut: ["kept"], rtcLost: 0, rtcTorn: 0, flashedAnew: 0 },
  },
  {
    name: "a factory image's secret is kept",
    module: "provisioned",
    source: "firmware/provisioned.ts",
    from: "return device.fromFactory ? ownDevice(crypto, profile, device) : device;",
    to: "void ownDevice; return device;",
    noticed: ["nonceReuse"],
    odds: { boards: ["esp32"], factory: [true], flashedAnew: 30 },
  },
  {
    name: "sequence numbers begin anew when RTC memory was lost",
    module: "dormouse/cycle/outbox-boot",
    source: "lib/cycle/outbox-boot.ts",
    from: "nextSequence: Math.max(readingsPerMessage * reservedEnd, spilled.end),",
    to: "nextSequence: spilled.end,",
    noticed: ["unaccounted"],
    odds: { boards: ["esp32"], rtcLost: 30 },
  },
  {
    name: "RTC memory's checksum is not looked at",
    module: "dormouse/store/rtc",
    source: "lib/store/rtc.ts",
    from: "checksum(memory, size) !== storedChecksum(memory)",
    to: "(checksum(memory, size), storedChecksum(memory), false)",
    noticed: ["unreadableState", "nonceReuse", "unaccounted", "unrecognisedDuplicates"],
    odds: { boards: ["esp32"], outage: 30, powerFails: 0, rtcTorn: 80 },
  },
  {
    name: "what RTC memory lost is no gap",
    module: "dormouse/cycle/outbox-boot",
    source: "lib/cycle/outbox-boot.ts",
    from: "const gap = before + lost;",
    to: "const gap = before;",
    noticed: ["unaccounted"],
    odds: { boards: ["esp32"], spillEvery: [4, 8], outage: 25, rtcLost: 25 },
  },
  {
    name: "what was dropped is not counted",
    module: "dormouse/cycle/outbox",
    source: "lib/cycle/outbox.ts",
    from: "return { ...outbox, losses: { ...losses, dropped: losses.dropped + readings } };",
    to: "return { ...outbox, losses: { ...losses, dropped: losses.dropped + 0 * readings } };",
    noticed: ["unaccounted", "spilledLost"],
    odds: {
      boards: ["esp32"],
      spillEvery: [1, 2],
      flashBytes: [0, 384],
      outage: 100,
      powerFails: 0,
      rtcLost: 0,
      rtcTorn: 0,
      flashedAnew: 0,
    },
  },
];

/** @throws {Error} when the firmware has changed so that the mutant is none */
export function mutated({ name, module, source, from, to }: Mutant, folder: string): Replaced {
  const text = readFileSync(compiledPath(join(root, source)), "utf8");
  if (text.split(from).length !== 2) throw new Error(`mutant "${name}": its place in ${source} has changed`);
  const path = join(mkdtempSync(join(folder, "mutant-")), `${source.replaceAll("/", "-")}.js`);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  return new Map([[module, path]]);
}
