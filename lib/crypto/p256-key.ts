/**
 * A P-256 private key out of the forms in which tools write it, in DER: PKCS #8 (RFC 5208, 5958) and SEC 1
 * (RFC 5915). What goes with the number (attributes, the public key) is skipped, not believed. Refuses every other
 * curve and kind of key, encrypted keys, and encodings that are not DER.
 */

const integer = 0x02;
const octetString = 0x04;
const objectId = 0x06;
const sequence = 0x30;
const parameters = 0xa0;

const ecPublicKey = "2a8648ce3d0201"; // 1.2.840.10045.2.1
const prime256v1 = "2a8648ce3d030107"; // 1.2.840.10045.3.1.7
const numberBytes = 32;

/**
 * @returns the private number, 32 bytes, big-endian: a view of `der`, whose owner zeroes both. Whether it is below
 *   the curve's order is for those to see who know it
 * @throws {RangeError} for anything but one P-256 private key, without saying more
 */
export function p256PrivateNumber(der: Uint8Array): Uint8Array {
  const found = privateKeyInfo(der) ?? ecPrivateKey(der, false);
  if (found === undefined) throw new RangeError("not a P-256 private key in PKCS #8 or SEC 1");
  return found;
}

/** PrivateKeyInfo or OneAsymmetricKey, of version 0 or 1. */
function privateKeyInfo(der: Uint8Array): Uint8Array | undefined {
  const outer = new Reader(der);
  const fields = outer.inside(sequence);
  if (!outer.atEnd) return undefined;
  const version = fields.read(integer);
  const algorithm = fields.inside(sequence);
  if (version?.length !== 1 || version[0]! > 1) return undefined;
  if (!algorithm.reads(objectId, ecPublicKey) || !algorithm.reads(objectId, prime256v1) || !algorithm.atEnd)
    return undefined;
  const key = fields.read(octetString);
  return key && fields.isWhole ? ecPrivateKey(key, true) : undefined;
}

/** @param curveKnown without that the parameters must be there to tell it */
function ecPrivateKey(der: Uint8Array, curveKnown: boolean): Uint8Array | undefined {
  const outer = new Reader(der);
  const fields = outer.inside(sequence);
  if (!outer.atEnd || !fields.reads(integer, "01")) return undefined;
  const number = fields.read(octetString);
  if (number?.length !== numberBytes) return undefined;
  if (fields.next === parameters) {
    const named = fields.inside(parameters);
    if (!named.reads(objectId, prime256v1) || !named.atEnd) return undefined;
  } else if (!curveKnown) return undefined;
  return fields.isWhole ? number : undefined;
}

/** Goes through the elements of a value, and stops for good at the first that is not as expected. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #broken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next element's tag; undefined at the end. */
  get next(): number | undefined {
    return this.#broken ? undefined : this.#bytes[this.#at];
  }

  get atEnd(): boolean {
    return !this.#broken && this.#at === this.#bytes.length;
  }

  /** Whether nothing but whole elements follows. */
  get isWhole(): boolean {
    while (this.next !== undefined) this.read(this.next);
    return this.atEnd;
  }

  /** The content of the next element, if it has this tag. */
  read(tag: number): Uint8Array | undefined {
    if (this.next !== tag) {
      this.#broken = true;
      return undefined;
    }
    const bytes = this.#bytes;
    let at = this.#at + 1;
    let length = bytes[at++] ?? 0x80;
    // DER: the shortest form (X.690 §10.1). No such key needs more than a byte.
    if (length === 0x81) {
      length = bytes[at++] ?? 0;
      if (length < 0x80) this.#broken = true;
    } else if (length >= 0x80) this.#broken = true;
    if (this.#broken || at + length > bytes.length) {
      this.#broken = true;
      return undefined;
    }
    this.#at = at + length;
    return bytes.subarray(at, this.#at);
  }

  /** The elements within the next one; nothing can be read from it when that is not there. */
  inside(tag: number): Reader {
    const content = this.read(tag);
    const reader = new Reader(content ?? new Uint8Array(0));
    if (content === undefined) reader.#broken = true;
    return reader;
  }

  /** Whether the next element is this one. */
  reads(tag: number, contentHex: string): boolean {
    const content = this.read(tag);
    if (content?.length !== contentHex.length / 2) return false;
    return content.every((byte, i) => byte === Number.parseInt(contentHex.slice(2 * i, 2 * i + 2), 16));
  }
}
