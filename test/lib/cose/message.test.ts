/** What lib/cose refuses in every kind of message, and what it takes from others that lib/sealed would not. */
import { encode } from "../../../lib/cbor/encode.js";
import { CborError, CborTagged, type CborValue } from "../../../lib/cbor/value.js";
import { decodeEncrypt } from "../../../lib/cose/encrypt.js";
import { combineIv, decodeEncrypt0, messageNonce } from "../../../lib/cose/encrypt0.js";
import { decodeMac } from "../../../lib/cose/mac.js";
import { decodeMac0 } from "../../../lib/cose/mac0.js";
import type { Leniency } from "../../../lib/cose/message.js";
import { recipientContext } from "../../../lib/cose/recipient.js";
import { decodeSign } from "../../../lib/cose/sign.js";
import { decodeSign1 } from "../../../lib/cose/sign1.js";
import { bytes, equal, fromHex, test, throws } from "../../device/harness.js";

type Header = readonly (readonly [number, CborValue])[];

const content = Uint8Array.of(1, 2, 3);
const recipients = [[new Uint8Array(0), new Map(), new Uint8Array(0)]];

const kinds: readonly [
  tag: number,
  rest: readonly CborValue[],
  decode: (message: Uint8Array, leniency?: Leniency) => { readonly protectedBytes: Uint8Array },
][] = [
  [17, [content, content], decodeMac0],
  [18, [content, content], decodeSign1],
  [16, [content], decodeEncrypt0],
  [96, [content, recipients], decodeEncrypt],
  [97, [content, content, recipients], decodeMac],
  [98, [content, recipients], decodeSign],
];

function parts(protectedHeader: Header, unprotected: Header, rest: readonly CborValue[]): CborValue[] {
  return [encode(new Map(protectedHeader)), new Map(unprotected), ...rest];
}

test("a label in both headers and a critical one are refused", () => {
  for (const [tag, rest, decode] of kinds) {
    const message = (...headers: [Header, Header]) => encode(new CborTagged(tag, parts(...headers, rest)));
    decode(message([[1, 5]], [[4, content]]));
    throws(() => decode(message([[1, 5]], [[1, 5]])), CborError);
    throws(
      () =>
        decode(
          message(
            [
              [1, 5],
              [2, [4]],
            ],
            [],
          ),
        ),
      CborError,
    );
    throws(() => decode(message([[1, 5]], [[2, [1]]])), CborError);
  }
});

test("the tag may be missing only where the kind is known", () => {
  for (const [tag, rest, decode] of kinds) {
    const array = parts([[1, 5]], [], rest);
    decode(encode(new CborTagged(tag, array)));
    throws(() => decode(encode(array)), CborError);
    decode(encode(array), { untagged: true });
    for (const leniency of [{}, { untagged: true }])
      throws(() => decode(encode(new CborTagged(tag + 1, array)), leniency), CborError);
  }
});

test("maps of others may be unsorted, never with a key twice", () => {
  for (const [tag, rest, decode] of kinds) {
    const message = (header: string) => encode(new CborTagged(tag, [fromHex(header), new Map(), ...rest]));
    const sorted = message("a2010504414b");
    const unsorted = message("a204414b0105");
    const twice = message("a30105010504414b");
    decode(sorted);
    decode(sorted, { unsorted: true });
    throws(() => decode(unsorted), CborError);
    decode(unsorted, { unsorted: true });
    throws(() => decode(twice, { unsorted: true }), CborError);
  }
});

test("an empty protected map counts as no bytes", () => {
  for (const [tag, rest, decode] of kinds) {
    const message = (header: string) => encode(new CborTagged(tag, [fromHex(header), new Map(), ...rest]));
    equal(decode(message("a0")).protectedBytes.length, 0);
    equal(decode(message("")).protectedBytes.length, 0);
    equal(decode(message("a10105")).protectedBytes.length, 3);
  }
});

test("a message has one IV of the right length", () => {
  const contextIv = fromHex("000102030405060708090a0b");
  const nonce = (header: Header) =>
    messageNonce(decodeEncrypt0(encode(new CborTagged(16, parts(header, [], [content])))), 24, contextIv);
  bytes(combineIv(contextIv, fromHex("61a7")), "000102030405060708096bac");
  bytes(nonce([[6, fromHex("61a7")]]), "000102030405060708096bac");
  bytes(nonce([[5, contextIv]]), "000102030405060708090a0b");
  throws(() => nonce([]), CborError);
  throws(
    () =>
      nonce([
        [5, contextIv],
        [6, fromHex("61a7")],
      ]),
    CborError,
  );
  throws(() => nonce([[5, fromHex("00")]]), CborError);
  throws(() => nonce([[6, new Uint8Array(13)]]), CborError);
});

test("a derived key and an encrypted one exclude each other", () => {
  const recipient = (alg: number, encryptedKey: Uint8Array) => {
    const message = parts([[1, 1]], [], [content, [parts([[1, alg]], [], [encryptedKey])]]);
    return decodeEncrypt(encode(new CborTagged(96, message))).recipients[0]!;
  };
  recipientContext(1, 128, recipient(-25, new Uint8Array(0)));
  throws(() => recipientContext(1, 128, recipient(-25, content)), CborError);
  throws(() => recipientContext(1, 128, recipient(-6, new Uint8Array(0))), CborError);
});
