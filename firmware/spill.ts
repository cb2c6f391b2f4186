/** Where the outbox spills to: entries `spill-0`, `spill-1`, … of flash; and what the profile says of it. */
import KeyValue from "embedded:storage/key-value";
import { type SegmentFlash, Shelf } from "dormouse/cycle/shelf";
import type { KeeperSettings } from "dormouse/cycle/spill";
import { rtcBytes } from "dormouse/native/power";
import { flashDomain, spillKey } from "dormouse/store/flash-entries";
import type { OutboxSettings } from "dormouse/store/profile";
import type { SegmentTrust } from "dormouse/store/spill-segment";
import { isSmall } from "./board.js";

const open = () => KeyValue.open({ path: flashDomain, format: "buffer" });

const segmentFlash: SegmentFlash = Object.freeze({
  read(slot: number): Uint8Array | undefined {
    const store = open();
    const value = store.read(spillKey(slot));
    store.close();
    return value === undefined ? undefined : new Uint8Array(value as ArrayBuffer);
  },
  write(slot: number, data: Uint8Array): boolean {
    const store = open();
    try {
      store.write(spillKey(slot), data);
    } catch {
      return false;
    } finally {
      store.close();
    }
    const kept = segmentFlash.read(slot);
    return kept?.length === data.length && data.every((byte, i) => byte === kept[i]);
  },
  remove(slot: number): void {
    const store = open();
    try {
      store.delete(spillKey(slot));
    } catch {
      // Flash is full or worn: after the next reset it is looked at again.
    } finally {
      store.close();
    }
  },
});

/** Undefined when nothing is to go to flash. */
export function openShelf({ flashBytes }: OutboxSettings, trust: SegmentTrust): Shelf | undefined {
  const bytes = flashBytes ?? (isSmall() ? 1024 : 8192);
  return bytes === 0 ? undefined : new Shelf(segmentFlash, trust, bytes);
}

/** Without flash, how many readings RTC memory has room for: each takes some 250 bytes of a machine's memory while it is packed. */
export function keeperSettings({ spillEvery, flashBytes, drop = "oldest" }: OutboxSettings): KeeperSettings {
  if (flashBytes === 0) return { most: isSmall() ? 6 : rtcBytes() >> 6, drop };
  return { most: spillEvery ?? (isSmall() ? 3 : 16), drop };
}
