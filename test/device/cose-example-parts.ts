/** What the working group's examples are written in, and messages put together again from their parts. */
import { decode } from "../../lib/cbor/decode.js";
import { encode } from "../../lib/cbor/encode.js";
import { CborTagged, type CborValue } from "../../lib/cbor/value.js";
import { fromHex, hex, ok } from "./harness.js";

export interface JsonKey {
  readonly k?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly d?: string;
}

type Part = readonly [at: number, value: Uint8Array | ((value: CborValue) => CborValue)];

/** The message with parts that were worked out in place of those it came with. */
export function rebuilt(message: Uint8Array, ...parts: readonly Part[]): Uint8Array {
  const item = decode(message, { maxDepth: 8, unsorted: true });
  const array = (item instanceof CborTagged ? item.value : item) as readonly CborValue[];
  const changed = array.map((value, i) => {
    const part = parts.find(([at]) => at === i);
    return part ? (typeof part[1] === "function" ? part[1](value) : part[1]) : value;
  });
  return inOrder(item instanceof CborTagged ? new CborTagged(item.tag, changed) : changed);
}

/** CBOR with maps in the order they have: the examples are not sorted. Without recursion, as on a board. */
function inOrder(whole: CborValue): Uint8Array {
  const parts: Uint8Array[] = [];
  const pending: CborValue[] = [whole];
  while (pending.length > 0) {
    const item = pending.pop();
    let content: CborValue[] = [];
    if (Array.isArray(item)) {
      parts.push(head(4, item.length));
      content = item.slice();
    } else if (item instanceof CborTagged) {
      parts.push(head(6, item.tag));
      content = [item.value];
    } else if (item instanceof Map) {
      parts.push(head(5, item.size));
      for (const [key, value] of item) content.push(key, value);
    } else parts.push(encode(item));
    while (content.length > 0) pending.push(content.pop());
  }
  return joined(parts);
}

function head(major: number, argument: number): Uint8Array {
  const data = encode(argument);
  data[0]! |= major << 5;
  return data;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function pointOf({ x, y }: JsonKey): Uint8Array {
  return joined([Uint8Array.of(4), base64url(x!), base64url(y!)]);
}

/** PrivateKeyInfo of a P-256 key, the number alone. */
export function pkcs8(d: Uint8Array): Uint8Array {
  ok(d.length === 32, "a P-256 number");
  return fromHex(`3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420${hex(d)}`);
}

/** The examples leave bits behind the last byte that a strict reader refuses. */
export function base64url(data: string): Uint8Array {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const out: number[] = [];
  let bits = 0;
  let held = 0;
  for (const char of data) {
    held = (held << 6) | alphabet.indexOf(char);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push((held >> bits) & 0xff);
      held &= (1 << bits) - 1;
    }
  }
  return Uint8Array.from(out);
}

/** The examples' texts are ASCII. */
export function fromText(data: string): Uint8Array {
  return Uint8Array.from(data, (char) => char.charCodeAt(0));
}

export function text(data: Uint8Array): string {
  return String.fromCharCode(...data);
}
