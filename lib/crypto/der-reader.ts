/**
 * Reads DER (X.690 §8.1, §10.1) element by element. Refuses lengths that are not in their shortest form, and those
 * beyond 65,535: nothing that a device holds is as long.
 */

export const derTag = Object.freeze({
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  /** [0], constructed. */
  context0: 0xa0,
} as const);

/** Of algorithms and curves: an OBJECT IDENTIFIER's content, as hex. */
export const objectId = Object.freeze({
  /** 1.2.840.10045.2.1 (RFC 5480 §2.1.1) */
  ecPublicKey: "2a8648ce3d0201",
  /** 1.2.840.10045.3.1.7 */
  prime256v1: "2a8648ce3d030107",
  /** 1.2.840.10045.4.3.2 (RFC 5758 §3.2) */
  ecdsaWithSha256: "2a8648ce3d040302",
  /** 1.2.840.113549.1.1.1 (RFC 8017 A.1) */
  rsaEncryption: "2a864886f70d010101",
  /** 2.5.4.3 */
  commonName: "550403",
} as const);

/** Goes through the elements of a value, and stops for good at the first that is not as expected. */
export class DerReader {
  private readonly bytes: Uint8Array;
  private at = 0;
  private broken = false;

  /** @param bytes what it reads are views of them */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The next element's tag; undefined at the end. */
  get next(): number | undefined {
    return this.broken ? undefined : this.bytes[this.at];
  }

  get atEnd(): boolean {
    return !this.broken && this.at === this.bytes.length;
  }

  /** Whether nothing but whole elements follows. */
  get isWhole(): boolean {
    while (this.next !== undefined) this.read(this.next);
    return this.atEnd;
  }

  /** The content of the next element, if it has this tag. */
  read(tag: number): Uint8Array | undefined {
    if (this.next !== tag) {
      this.broken = true;
      return undefined;
    }
    const { bytes } = this;
    let at = this.at + 1;
    // What is cut off reads as a form that nothing has.
    let length = bytes[at++] ?? 0x80;
    if (length >= 0x80) {
      const size = length - 0x80;
      const atLeast = size === 1 ? 0x80 : 0x100;
      length = 0;
      if (size !== 1 && size !== 2) this.broken = true;
      else for (let i = 0; i < size; i++) length = length * 256 + (bytes[at++] ?? 0);
      if (length < atLeast) this.broken = true;
    }
    if (at + length > bytes.length) this.broken = true;
    if (this.broken) return undefined;
    this.at = at + length;
    return bytes.subarray(at, this.at);
  }

  /** The elements within the next one; nothing can be read from it when that is not there. */
  inside(tag: number): DerReader {
    const content = this.read(tag);
    const reader = new DerReader(content ?? new Uint8Array(0));
    if (content === undefined) reader.broken = true;
    return reader;
  }

  /** Whether the next element is this one. */
  reads(tag: number, contentHex: string): boolean {
    const content = this.read(tag);
    if (content?.length !== contentHex.length / 2) return false;
    return content.every((byte, i) => byte === Number.parseInt(contentHex.slice(2 * i, 2 * i + 2), 16));
  }
}
