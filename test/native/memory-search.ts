/**
 * Looks for secrets in all memory that a process can write, in the forms in which libraries keep them: as they
 * are, backwards (the limbs of a big number), each 32-bit word backwards (a hash's message block), and under
 * HMAC's two pads (RFC 2104 §2). A part counts too: any 16 bytes that begin at a multiple of 8 in the secret.
 */
import { createECDH } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

export interface Sought {
  readonly name: string;
  /** At least 16 bytes. */
  readonly bytes: Uint8Array;
}

export interface Found {
  readonly name: string;
  readonly form: string;
  /** Where in the secret the part begins. */
  readonly part: number;
  readonly address: number;
  /** As /proc/PID/maps has it; "" for anonymous memory. */
  readonly region: string;
}

const partBytes = 16;

const forms: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  plain: (bytes) => bytes,
  backwards: (bytes) => Uint8Array.from(bytes).reverse(),
  words: (bytes) => bytes.map((_, at) => bytes[at ^ 3] ?? 0),
  "inner pad": (bytes) => bytes.map((byte) => byte ^ 0x36),
  "outer pad": (bytes) => bytes.map((byte) => byte ^ 0x5c),
};

interface Part extends Omit<Found, "address" | "region"> {
  readonly bytes: Buffer;
}

interface Region {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** Parts by their first four bytes, and a table that rules most places out by the first two. */
class Index {
  readonly #parts = new Map<number, Part[]>();
  readonly #begins = new Uint8Array(0x10000);

  constructor(secrets: readonly Sought[]) {
    for (const { name, bytes } of secrets) {
      if (bytes.length < partBytes) throw new RangeError(`${name} is too short to be told from chance`);
      for (const [form, convert] of Object.entries(forms)) {
        const whole = Buffer.from(convert(bytes));
        for (let part = 0; part + partBytes <= whole.length; part += 8)
          this.#add({ name, form, part, bytes: whole.subarray(part, part + partBytes) });
      }
    }
  }

  #add(part: Part): void {
    const { bytes } = part;
    // sixteen equal bytes, as the padding of a PKCS #1 block has, say nothing
    if (new Set(bytes).size < 6) return;
    const start = bytes.readUInt32LE();
    this.#begins[bytes.readUInt16LE()] = 1;
    this.#parts.set(start, [...(this.#parts.get(start) ?? []), part]);
  }

  search(memory: Buffer, region: Region, found: Found[]): void {
    const begins = this.#begins;
    for (let at = 0; at + partBytes <= memory.length; at++) {
      if (begins[memory[at]! | (memory[at + 1]! << 8)] === 0) continue;
      for (const { bytes, ...part } of this.#parts.get(memory.readUInt32LE(at)) ?? [])
        if (memory.compare(bytes, 0, partBytes, at, at + partBytes) === 0)
          found.push({ ...part, address: region.from + at, region: region.name });
    }
  }
}

function writableRegions(pid: number): Region[] {
  return readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .flatMap((line) => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) .w\S* \S+ \S+ \d+\s*(.*)$/.exec(line);
      if (!match) return [];
      return [{ from: Number(`0x${match[1]}`), to: Number(`0x${match[2]}`), name: match[3]! }];
    });
}

/** All that the process can write. It should be waiting for something. */
function* writableMemory(pid: number): Generator<{ region: Region; memory: Buffer }> {
  const file = openSync(`/proc/${pid}/mem`, "r");
  try {
    for (const region of writableRegions(pid)) {
      const memory = Buffer.alloc(region.to - region.from);
      if (readSync(file, memory, 0, memory.length, region.from) !== memory.length)
        throw new Error(`${region.name} at ${region.from.toString(16)} cannot be read whole`);
      yield { region, memory };
    }
  } finally {
    closeSync(file);
  }
}

/** Every place at which a part of one of the secrets stands. */
export function searchMemory(pid: number, secrets: readonly Sought[]): Found[] {
  const index = new Index(secrets);
  const found: Found[] = [];
  for (const { region, memory } of writableMemory(pid)) index.search(memory, region, found);
  return found;
}

/** The private key of a P-256 point (uncompressed), wherever in the C heap it stands. */
export function findPrivateKey(pid: number, point: Uint8Array): Uint8Array | undefined {
  const pair = createECDH("prime256v1");
  for (const { region, memory } of writableMemory(pid)) {
    if (region.name !== "[heap]") continue;
    for (let at = 0; at + 32 <= memory.length; at += 8) {
      const candidate = memory.subarray(at, at + 32);
      // a random number has some 30 different bytes
      if (new Set(candidate).size < 22) continue;
      try {
        pair.setPrivateKey(candidate);
      } catch {
        continue; // not below the order
      }
      if (pair.getPublicKey().equals(point)) return Buffer.from(candidate);
    }
  }
  return undefined;
}
