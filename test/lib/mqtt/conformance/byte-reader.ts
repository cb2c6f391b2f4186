/** Reads the fields of a control packet as a broker that lets nothing pass would; what is wrong throws. */

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new Error("the packet is cut off");
    return this.#bytes[this.#at++]!;
  }

  two(): number {
    return this.byte() * 256 + this.byte();
  }

  four(): number {
    return this.two() * 65536 + this.two();
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#end) throw new Error("the packet is cut off");
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.take(this.#end - this.#at);
  }

  part(length: number): ByteReader {
    return new ByteReader(this.take(length));
  }

  /** In its shortest form only [MQTT-1.5.5-1]. */
  variable(): number {
    for (let value = 0, count = 0; count < 4; count++) {
      const byte = this.byte();
      value += (byte & 127) * 128 ** count;
      if (byte >= 128) continue;
      if (byte === 0 && count > 0) throw new Error("a variable byte integer is longer than it need be");
      return value;
    }
    throw new Error("a variable byte integer of more than four bytes");
  }

  binary(): Uint8Array {
    return this.take(this.two());
  }

  /** Well-formed, without surrogates and U+0000 [MQTT-1.5.4-1, MQTT-1.5.4-2]. */
  text(): string {
    const bytes = new ByteReader(this.binary());
    let text = "";
    while (!bytes.done) {
      const code = bytes.#codePoint();
      if (code === 0 || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        throw new Error(`a string with U+${code.toString(16)}`);
      text += String.fromCodePoint(code);
    }
    return text;
  }

  #codePoint(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc0 || first >= 0xf8) throw new Error("a string that is not UTF-8");
    let code = first & (0x3f >> more);
    for (let i = 0; i < more; i++) {
      const next = this.byte();
      if (next >> 6 !== 2) throw new Error("a string that is not UTF-8");
      code = code * 64 + (next & 0x3f);
    }
    if (code < [0x80, 0x800, 0x10000][more - 1]!) throw new Error("a string not in its shortest form");
    return code;
  }
}
