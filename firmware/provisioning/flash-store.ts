/** The board's flash as lib/provisioning writes and erases it. Whatever it throws, that machine takes for flash that fails. */
import KeyValue from "embedded:storage/key-value";
import type { ProvisioningStore } from "dormouse/provisioning/device-shell";
import { flashDomain } from "dormouse/store/flash-entries";

type Storage = ReturnType<typeof KeyValue.open>;

function withEntries<T>(format: "buffer" | "string", work: (entries: Storage) => T): T {
  const entries = KeyValue.open({ path: flashDomain, format });
  try {
    return work(entries);
  } finally {
    entries.close();
  }
}

export const flashStore: ProvisioningStore = Object.freeze({
  readBytes(key: string): Uint8Array | undefined {
    const value = withEntries("buffer", (entries) => entries.read(key));
    return value === undefined ? undefined : new Uint8Array(value as ArrayBuffer);
  },
  readText(key: string): string | undefined {
    return withEntries("string", (entries) => entries.read(key)) as string | undefined;
  },
  write(key: string, value: Uint8Array | string): void {
    withEntries(typeof value === "string" ? "string" : "buffer", (entries) => entries.write(key, value));
  },
  delete(key: string): void {
    withEntries("buffer", (entries) => entries.delete(key));
  },
  /** A list, so that what is deleted meanwhile does not disturb the driver's walk. */
  keys(): string[] {
    return withEntries("buffer", (entries) => Array.from(entries));
  },
});
