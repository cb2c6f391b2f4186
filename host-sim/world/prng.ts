/**
 * Reproducible randomness for the simulated world: Chris Doty-Humphrey's sfc32 (128 bits of state), seeded from
 * a run's 32-bit seed and a name, so that one consumer's draws never shift another's. Never for secrets.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  readonly #seed: number;

  /** @param name separates streams of one seed, e.g. "wifi" */
  constructor(seed: number, name = "") {
    this.#seed = seed >>> 0;
    this.#a = 0;
    this.#b = this.#seed;
    this.#c = fnv1a(name);
    for (let i = 0; i < 15; i++) this.next();
  }

  /** An independent stream of the same seed. */
  stream(name: string): Prng {
    return new Prng(this.#seed, name);
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor((this.next() / 2 ** 32) * (max - min + 1));
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
