/** Readings of a board that nobody tells the time, and whose power fails: each with its own time, as long as it lived. */
import { openLost } from "../../../lib/cycle/outbox-boot.js";
import { type KeeperShell, OutboxKeeper } from "../../../lib/cycle/outbox-keeper.js";
import { OutboxReader } from "../../../lib/cycle/outbox-reader.js";
import { Shelf } from "../../../lib/cycle/shelf.js";
import type { DropPolicy } from "../../../lib/cycle/spill.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { absoluteTimeMs, decodeReading, encodeReading } from "../../../lib/senml/measurement.js";
import { emptyOutbox } from "../../../lib/store/rtc-outbox.js";
import { equal, ok, test } from "../../device/harness.js";

const quarter = 900_000;
const start = 1_790_000_000_000;

class Board implements KeeperShell {
  readonly nextCounter = 0;
  readonly flash = new Map<number, Uint8Array>();
  /** When each reading was taken, by sequence number. */
  readonly taken = new Map<number, number>();
  world = start;
  clock = 0;
  keeper: OutboxKeeper;
  readonly drop: DropPolicy;

  constructor(drop: DropPolicy) {
    this.drop = drop;
    this.keeper = new OutboxKeeper(emptyOutbox, this.shelf(), { most: 4, drop }, this);
  }

  store(): undefined {}

  tell(): void {}

  now(): number {
    return this.clock;
  }

  live(readings: number): void {
    for (let i = 0; i < readings; i++) {
      this.world += quarter;
      this.clock += quarter;
      const { nextSequence } = this.keeper.outbox;
      this.taken.set(nextSequence, this.world);
      const measurements = [{ name: "n", value: nextSequence }];
      this.keeper.queue(encodeReading({ timeMs: this.clock, measurements }));
    }
  }

  powerFails(): void {
    this.clock = 0;
    const shelf = this.shelf();
    const settings = { most: 4, drop: this.drop };
    this.keeper = new OutboxKeeper(openLost(shelf, settings, 1024, false).outbox, shelf, settings, this);
  }

  private shelf(): Shelf {
    const { flash } = this;
    const entries = {
      read: (slot: number) => flash.get(slot)?.slice(),
      write(slot: number, data: Uint8Array): boolean {
        flash.set(slot, data.slice());
        return true;
      },
      remove: (slot: number) => void flash.delete(slot),
    };
    return new Shelf(entries, { secretId: Uint8Array.of(1, 2, 3, 4), reservedEnd: 1024 }, 1024);
  }

  /** All that waits is sent. @returns how many readings that was */
  send(told: boolean): number {
    const reader = new OutboxReader(this.keeper);
    const jumpMs = this.world - this.clock;
    if (told) {
      reader.dateSegments((timeMs) => timeMs + jumpMs);
      this.clock = this.world;
    }
    let sent = 0;
    for (let counter = 0; ; counter++) {
      const { outbox } = this.keeper;
      const segment = this.keeper.shelf!.read(outbox.spilled.first)?.segment;
      const draft = reader.draft({ baseName: "", format: "json", state: [] }, this.clock, 4000);
      if (!draft) return sent;
      const pack = JSON.parse(String.fromCharCode(...draft.plaintext)) as {
        bt?: number;
        t?: number;
        v: number;
      }[];
      const base = pack[0]!.bt!;
      for (const { t = 0, v } of pack) {
        const seconds = base + t;
        const at = 1000 * seconds < absoluteTimeMs ? this.world + 1000 * seconds : 1000 * seconds;
        // In RTC memory they are dated by who sets the clock.
        if (segment || !told)
          ok(Math.abs(at - this.taken.get(v)!) < 2000, `${v}: ${at - this.taken.get(v)!} ms`);
        sent++;
      }
      this.keeper.outbox = reader.with(thaw({ ...draft, counter }), false);
      reader.acknowledged(counter);
    }
  }
}

test("readings of several lives without a clock keep their distances, told the time or not", () => {
  for (const told of [false, true]) {
    const board = new Board("oldest");
    board.live(8);
    board.powerFails();
    board.live(4);
    board.powerFails();
    board.live(8);
    equal(board.send(told), 20);
  }
});

test("so they do when two segments become one", () => {
  for (const told of [false, true])
    for (const more of [20, 36, 60]) {
      const board = new Board("thin");
      board.live(16);
      board.powerFails();
      board.live(more);
      ok(board.keeper.outbox.losses.dropped > 0 && board.send(told) > 12, `${more}`);
    }
});

test("a reading in flash that is dated is what it was", () => {
  const board = new Board("oldest");
  board.live(4);
  const { segment } = board.keeper.shelf!.read(0)!;
  new OutboxReader(board.keeper).dateSegments((timeMs) => timeMs + start);
  const after = board.keeper.shelf!.read(0)!.segment;
  for (let i = 0; i < 4; i++) {
    const { timeMs, measurements } = decodeReading(segment.readings[i]!.content);
    equal(decodeReading(after.readings[i]!.content), { timeMs: timeMs + start, measurements });
  }
});
