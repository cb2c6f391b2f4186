/**
 * The outside of the four COSE messages (RFC 9052 §4 to §6) as docs/sealed.md permits them, taken apart with cborg:
 * tag, element types, empty unprotected headers, labels. Nothing here is authentic yet. It shares no code with
 * lib/cose and refuses whatever has a second way to say the same.
 */
import { decodeDeterministic } from "./strict-cbor.js";

/** What the four protections are on the wire. */
export type CoseMessage =
  | {
      readonly protection: "stamp";
      readonly header: Header;
      readonly payload: Uint8Array;
      readonly tag: Uint8Array;
    }
  | { readonly protection: "seal"; readonly header: Header; readonly ciphertext: Uint8Array }
  | ({ readonly protection: "sign" } & Signed)
  | ({ readonly protection: "sealTo" } & SealedTo);

export interface Signed {
  readonly header: Header;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SealedTo {
  /** The content's protected header, as it was received. */
  readonly protectedBytes: Uint8Array;
  readonly contentType: number | null;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly recipient: Recipient;
}

export interface Recipient {
  readonly protectedBytes: Uint8Array;
  readonly kid: Uint8Array;
  /** The ephemeral P-256 point, compressed (SEC 1 §2.3.3), 33 bytes. */
  readonly point: Uint8Array;
}

export interface Header {
  /** As it was received: this is what is authenticated. */
  readonly bytes: Uint8Array;
  readonly algorithm: number;
  readonly contentType: number | null;
  readonly kid: Uint8Array;
  readonly counter: number;
}

type Elements = readonly unknown[];

/** CBOR tags in their shortest form, and how many elements stand behind them. */
const forms = [
  { protection: "seal", tag: [0xd0], length: 3 },
  { protection: "stamp", tag: [0xd1], length: 4 },
  { protection: "sign", tag: [0xd2], length: 4 },
  { protection: "sealTo", tag: [0xd8, 96], length: 4 },
] as const;

/** @throws {RangeError} when it is none of the four */
export function takeApart(message: Uint8Array): CoseMessage {
  const form = forms.find(({ tag }) => tag.every((byte, at) => message[at] === byte));
  if (!form) throw new RangeError("no tag of the four COSE messages");
  // What follows holds no further tags.
  const elements = array(decodeDeterministic(message.subarray(form.tag.length)), form.length);
  const { protection } = form;
  const protectedBytes = bytes(elements[0], "protected header");
  nothing(elements[1]);
  if (protection === "sealTo") return { protection, ...sealedTo(protectedBytes, elements) };
  const header = readHeader(protectedBytes);
  const content = bytes(elements[2], "payload or ciphertext");
  if (protection === "seal") return { protection, header, ciphertext: content };
  const end = bytes(elements[3], "tag or signature");
  return protection === "stamp"
    ? { protection, header, payload: content, tag: end }
    : { protection, header, payload: content, signature: end };
}

/** RFC 9052 §5.1, with one recipient and no layer below it. */
function sealedTo(protectedBytes: Uint8Array, elements: Elements): SealedTo {
  const map = labels(protectedBytes, [1, 3, 5]);
  if (map.get(1) !== 1) throw new RangeError("the content is not under A128GCM");
  const iv = bytes(map.get(5), "IV");
  if (iv.length !== 12) throw new RangeError("not an IV of 12 bytes");
  const [only] = array(elements[3], 1);
  const recipient = array(only, 3);
  nothing(recipient[1]);
  if (bytes(recipient[2], "recipient's ciphertext").length > 0) throw new RangeError("a wrapped key");
  return {
    protectedBytes,
    contentType: contentTypeOf(map),
    iv,
    ciphertext: bytes(elements[2], "ciphertext"),
    recipient: readRecipient(bytes(recipient[0], "recipient's header")),
  };
}

/** ECDH-ES + HKDF-256 (RFC 9053 §6.3), the ephemeral key a compressed EC2 COSE_Key (§7.1.1). */
function readRecipient(protectedBytes: Uint8Array): Recipient {
  const map = labels(protectedBytes, [1, 4, -1]);
  if (map.get(1) !== -25) throw new RangeError("not ECDH-ES + HKDF-256");
  const kid = bytes(map.get(4), "recipient kid");
  if (kid.length < 1 || kid.length > 32) throw new RangeError("a recipient kid has 1 to 32 bytes");
  const key: unknown = map.get(-1);
  if (
    !(key instanceof Map) ||
    [...key.keys()].join() !== "1,-1,-2,-3" ||
    key.get(1) !== 2 ||
    key.get(-1) !== 1
  )
    throw new RangeError("the ephemeral key is no compressed P-256 key");
  const x = bytes(key.get(-2), "x coordinate");
  const sign: unknown = key.get(-3);
  if (x.length !== 32 || typeof sign !== "boolean") throw new RangeError("no compressed P-256 point");
  return { protectedBytes, kid, point: Buffer.concat([Buffer.of(sign ? 3 : 2), x]) };
}

/** Labels 1 alg, 3 content type, 4 kid, 6 counter; nothing else. */
function readHeader(data: Uint8Array): Header {
  const map = labels(data, [1, 3, 4, 6]);
  const algorithm = map.get(1);
  if (typeof algorithm !== "number") throw new RangeError("no algorithm");
  const kid = bytes(map.get(4), "kid");
  return { bytes: data, algorithm, contentType: contentTypeOf(map), kid, counter: readCounter(map.get(6)) };
}

function labels(data: Uint8Array, permitted: readonly number[]): ReadonlyMap<number, unknown> {
  const map = decodeDeterministic(data);
  if (!(map instanceof Map)) throw new RangeError("a protected header is no map");
  for (const label of map.keys())
    if (!permitted.includes(label)) throw new RangeError("a header label that has no place there");
  return map;
}

/** RFC 7252's registry: 110 SenML in JSON, 60 CBOR, 18 a COSE_Sign1; absent: SenML in CBOR. */
function contentTypeOf(map: ReadonlyMap<number, unknown>): number | null {
  const given = map.get(3);
  if (given === undefined) return null;
  if (given === 110 || given === 60 || given === 18) return given;
  throw new RangeError("unknown content type");
}

/** Big-endian, shortest form, zero is h'00', at most 2^40 - 1. */
function readCounter(value: unknown): number {
  const counter = bytes(value, "counter");
  if (counter.length < 1 || counter.length > 5) throw new RangeError("no counter");
  if (counter.length > 1 && counter[0] === 0) throw new RangeError("the counter has leading zeros");
  return counter.reduce((sum, byte) => sum * 256 + byte, 0);
}

function bytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new RangeError(`the ${what} is no byte string`);
}

function array(value: unknown, length: number): Elements {
  if (Array.isArray(value) && value.length === length) return value;
  throw new RangeError(`not ${length} elements`);
}

function nothing(unprotected: unknown): void {
  if (!(unprotected instanceof Map) || unprotected.size > 0) throw new RangeError("an unprotected header");
}
