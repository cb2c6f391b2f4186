/**
 * Writes a pack one record at a time: all of its records at once would take a board more memory than it has. The bytes
 * are those that encodePackCbor and encodePackJson give.
 */
import { encodeRecordCbor } from "./cbor.js";
import { encodeRecordJson } from "./json.js";
import type { SenmlRecord } from "./record.js";

/** Before the records: the longest head of an array in CBOR, of up to 65,535; in JSON a bracket takes one of these. */
const headBytes = 3;
const [openBracket, comma, closeBracket] = [0x5b, 0x2c, 0x5d];

export class PackWriter {
  readonly #format: "cbor" | "json";
  #out: Uint8Array;
  #at = headBytes;
  #count = 0;

  /** @param expectedBytes it grows, but had better not have to */
  constructor(format: "cbor" | "json", expectedBytes: number) {
    this.#format = format;
    this.#out = new Uint8Array(headBytes + expectedBytes);
  }

  /** @throws RangeError for a record that SenML does not allow */
  add(record: SenmlRecord): void {
    const json = this.#format === "json";
    const bytes = json ? encodeRecordJson(record) : encodeRecordCbor(record);
    // With a comma before it and the bracket at the end.
    const end = this.#at + bytes.length + 2;
    if (end > this.#out.length) {
      const larger = new Uint8Array(end + (end >> 1));
      larger.set(this.#out);
      this.#out = larger;
    }
    if (json && this.#count > 0) this.#out[this.#at++] = comma;
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#count++;
  }

  /** @returns new bytes, owned by the caller */
  finish(): Uint8Array {
    const out = this.#out;
    let start = headBytes - 1;
    if (this.#format === "json") {
      out[start] = openBracket;
      out[this.#at++] = closeBracket;
    } else if (this.#count < 24) out[start] = 0x80 | this.#count;
    else if (this.#count < 256) {
      out[start--] = this.#count;
      out[start] = 0x98;
    } else {
      out[start--] = this.#count & 0xff;
      out[start--] = this.#count >> 8;
      out[start] = 0x99;
    }
    return out.slice(start, this.#at);
  }
}
