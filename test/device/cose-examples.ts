/**
 * The COSE working group's examples through lib/cose, in any engine: what it makes of a message, and whether the
 * same keys and randomness give the same message again, byte for byte.
 */
import type { CborMap, CborValue } from "../../lib/cbor/value.js";
import { ec2Key } from "../../lib/cose/ec2-key.js";
import { decodeEncrypt, deriveContentKey } from "../../lib/cose/encrypt.js";
import {
  decodeEncrypt0,
  decryptContent,
  type Encrypted,
  encStructure,
  messageNonce,
} from "../../lib/cose/encrypt0.js";
import { decodeMac, deriveMacKey, type Mac, macTag, verifyMac } from "../../lib/cose/mac.js";
import { decodeMac0, mac0Tag, verifyMac0 } from "../../lib/cose/mac0.js";
import { headerValue, type Leniency } from "../../lib/cose/message.js";
import {
  agreedSecret,
  type Recipient,
  recipientContext,
  saltOf,
  type Unsent,
} from "../../lib/cose/recipient.js";
import { decodeSign, signStructure, verifySigner } from "../../lib/cose/sign.js";
import { decodeSign1, sigStructure, verifySign1 } from "../../lib/cose/sign1.js";
import { isAead } from "../../lib/crypto/aead.js";
import type { Crypto, Key } from "../../lib/crypto/crypto.js";
import { base64url, fromText, type JsonKey, pkcs8, pointOf, rebuilt, text } from "./cose-example-parts.js";
import { bytes, equal, fromHex, hex } from "./harness.js";

interface JsonRecipient {
  readonly key: JsonKey;
  readonly unsent?: {
    readonly apu_id?: string;
    readonly apv_id?: string;
    readonly pub_other?: string;
    readonly priv_other?: string;
  };
}

interface JsonMessage {
  readonly external?: string;
  readonly key?: JsonKey;
  readonly unsent?: { readonly IV_hex?: string };
  readonly recipients?: readonly JsonRecipient[];
  readonly signers?: readonly JsonRecipient[];
}

type Kind = "mac0" | "mac" | "encrypted" | "enveloped" | "sign0" | "sign";

export interface Example {
  readonly title: string;
  readonly fail?: boolean;
  readonly input: { readonly plaintext: string; readonly fail?: boolean; readonly rng_stream?: string[] } & {
    readonly [kind in Kind]?: JsonMessage;
  };
  readonly intermediates?: {
    readonly ToMac_hex?: string;
    readonly AAD_hex?: string;
    readonly CEK_hex?: string;
    readonly ToBeSign_hex?: string;
    readonly signers?: readonly { readonly ToBeSign_hex?: string }[];
    readonly recipients?: readonly { readonly Context_hex?: string; readonly Secret_hex?: string }[];
  };
  readonly output: { readonly cbor: string };
}

/**
 * The examples that lib/cose accepts: genuine, of the algorithms of this project, on P-256. All others are refused:
 * damaged ones, and those of algorithms, curves or critical headers that it does not know.
 */
export const acceptedExamples: readonly string[] = [
  ...["HMac-01", "mac-pass-01", "mac-pass-02", "mac-pass-03"].map((name) => `mac0-tests/${name}`),
  ...["HMac-enc-01", "HMac-enc-05", "HMac-01", "HMac-05"].map((name) => `hmac-examples/${name}`),
  ...["aes-gcm-01", "aes-gcm-03", "aes-gcm-05", "aes-gcm-enc-01", "aes-gcm-enc-03"].map(
    (name) => `aes-gcm-examples/${name}`,
  ),
  ...["aes-ccm-01", "aes-ccm-enc-01"].map((name) => `aes-ccm-examples/${name}`),
  ...["chacha-poly-01", "chacha-poly-enc-01"].map((name) => `chacha-poly-examples/${name}`),
  ...["ecdsa-01", "ecdsa-sig-01"].map((name) => `ecdsa-examples/${name}`),
  ...["p256-hkdf-256-01", "p256-hkdf-256-02"].map((name) => `ecdh-direct-examples/${name}`),
  // 02 has a 256-bit AES-CCM, 04 an HMAC of SHA-512.
  ...["01", "03", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14"].map(
    (name) => `hkdf-hmac-sha-examples/hmac-sha-256-${name}`,
  ),
  // Of signatures (C.1, C.2), ECDH-ES and direct+HKDF (C.3), a direct key (C.4). C.1.4 has a critical header.
  ...["C_1_1", "C_1_2", "C_1_3", "C_2_1", "C_3_1", "C_3_2", "C_3_3", "C_4_1", "C_4_2"].map(
    (name) => `RFC8152/Appendix_${name}`,
  ),
];

/** What others write need not be sorted; a message may come untagged when its kind is known. */
const lenient: Leniency = Object.freeze({ untagged: true, unsorted: true });

/** @throws Error when the example is not treated as `accepted` says, or cannot be made again. */
export function checkExample(crypto: Crypto, example: Example, accepted: boolean): void {
  const found = opened(crypto, example);
  equal(found !== undefined, accepted, example.title);
  if (!found) return;
  equal(text(found.plaintext), example.input.plaintext, "plaintext");
  bytes(found.again, example.output.cbor, "the message made again");
}

interface Opened {
  readonly plaintext: Uint8Array;
  /** The message as the sender makes it from the same keys, headers and randomness. */
  readonly again: Uint8Array;
}

function opened(crypto: Crypto, example: Example): Opened | undefined {
  const message = fromHex(example.output.cbor);
  try {
    if (example.input.mac0) return openMac0(crypto, example, example.input.mac0, message);
    if (example.input.mac) return openMac(crypto, example, example.input.mac, message);
    if (example.input.encrypted) return openEncrypt0(crypto, example, example.input.encrypted, message);
    if (example.input.enveloped) return openEncrypt(crypto, example, example.input.enveloped, message);
    if (example.input.sign0) return openSign1(crypto, example, example.input.sign0, message);
    return openSign(crypto, example, example.input.sign!, message);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function openMac0(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const mac0 = decodeMac0(message, lenient);
  const key = crypto.importMacKey(base64url(input.recipients![0]!.key.k!));
  const aad = externalOf(input);
  if (!verifyMac0(crypto, key, mac0, aad)) return undefined;
  const alg = headerValue(mac0, 1) === 5 ? 5 : 4;
  const tag = mac0Tag(crypto, key, alg, mac0.protectedBytes, aad, mac0.payload);
  bytes(
    crypto.hmac(key, fromHex(example.intermediates!.ToMac_hex!)).subarray(0, tag.length),
    hex(tag),
    "tag",
  );
  return { plaintext: mac0.payload, again: rebuilt(message, [2, mac0.payload], [3, tag]) };
}

function openMac(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const mac = decodeMac(message, lenient);
  const alg = headerValue(mac, 1);
  if (alg !== 4 && alg !== 5) return undefined;
  const key = macKeyOf(crypto, example, input.recipients![0]!, mac, alg);
  if (!key || !verifyMac(crypto, key, mac, externalOf(input))) return undefined;
  const tag = macTag(crypto, key, mac, externalOf(input))!;
  bytes(
    crypto.hmac(key, fromHex(example.intermediates!.ToMac_hex!)).subarray(0, tag.length),
    hex(tag),
    "tag",
  );
  return { plaintext: mac.payload, again: rebuilt(message, [3, tag]) };
}

function macKeyOf(
  crypto: Crypto,
  example: Example,
  json: JsonRecipient,
  mac: Mac,
  alg: number,
): Key | undefined {
  const recipient = mac.recipients[0]!;
  const how = headerValue(recipient, 1);
  if (how === -6) return crypto.importMacKey(base64url(json.key.k!));
  if (how !== -10) return undefined;
  const secret = crypto.importSecret(base64url(json.key.k!));
  checkDerivation(crypto, example, secret, recipientContext(alg, 256, recipient, unsentOf(json)), recipient);
  return deriveMacKey(crypto, secret, alg, recipient, unsentOf(json));
}

function openEncrypt0(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const encrypted = decodeEncrypt0(message, lenient);
  const alg = headerValue(encrypted, 1);
  if (!isAead(alg)) return undefined;
  const key = crypto.importAeadKey(base64url(input.recipients![0]!.key.k!), alg);
  return decryptedBy(crypto, key, "Encrypt0", encrypted, example, input, message);
}

function openEncrypt(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const encrypt = decodeEncrypt(message, lenient);
  const alg = headerValue(encrypt, 1);
  const recipient = encrypt.recipients[0]!;
  const json = input.recipients![0]!;
  if (!isAead(alg)) return undefined;
  const how = headerValue(recipient, 1);
  if (how === -6) {
    const key = crypto.importAeadKey(base64url(json.key.k!), alg);
    return decryptedBy(crypto, key, "Encrypt", encrypt, example, input, message);
  }
  const secret =
    how === -10 ? crypto.importSecret(base64url(json.key.k!)) : agreedWith(crypto, example, json, recipient);
  const unsent = unsentOf(json);
  const key = deriveContentKey(crypto, secret, alg, recipient, unsent);
  const keyBits = 4 * example.intermediates!.CEK_hex!.length;
  checkDerivation(crypto, example, secret, recipientContext(alg, keyBits, recipient, unsent), recipient);
  return decryptedBy(crypto, key, "Encrypt", encrypt, example, input, message);
}

/** The secret of ECDH-ES; that the sender gets the same from the example's ephemeral key is seen on the way. */
function agreedWith(crypto: Crypto, example: Example, json: JsonRecipient, recipient: Recipient): Key {
  const d = json.key.crv === "P-256" ? base64url(json.key.d!) : new Uint8Array(32).fill(1);
  const secret = agreedSecret(crypto, crypto.importAgreementKey(pkcs8(d)), recipient);
  const ephemeral = crypto.importAgreementKey(pkcs8(fromHex(example.input.rng_stream![0]!)));
  const byTheSender = crypto.agree(ephemeral, pointOf(json.key));
  const given = crypto.importSecret(fromHex(example.intermediates!.recipients![0]!.Secret_hex!));
  for (const one of [byTheSender, given])
    equal(
      crypto.deriveBytes(one, base64url(""), 32),
      crypto.deriveBytes(secret, base64url(""), 32),
      "secret",
    );
  return secret;
}

function checkDerivation(
  crypto: Crypto,
  { intermediates }: Example,
  secret: Key,
  context: Uint8Array,
  recipient: Recipient,
): void {
  bytes(context, intermediates!.recipients![0]!.Context_hex!, "COSE_KDF_Context");
  const cek = intermediates!.CEK_hex!;
  bytes(crypto.deriveBytes(secret, context, cek.length / 2, saltOf(recipient)), cek, "CEK");
}

function decryptedBy(
  crypto: Crypto,
  key: Key,
  context: "Encrypt0" | "Encrypt",
  encrypted: Encrypted,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const alg = headerValue(encrypted, 1);
  if (!isAead(alg)) return undefined;
  const aad = externalOf(input);
  const contextIv = contextIvOf(encrypted, input);
  const plaintext = decryptContent(crypto, key, alg, context, encrypted, aad, contextIv);
  if (!plaintext) return undefined;
  const structure = encStructure(context, encrypted.protectedBytes, aad);
  // One example shows the structure of an old draft, "Encrypt1", and carries a tag over the right one.
  const shown = example.intermediates!.AAD_hex!.replace("456E637279707431", "456E637279707430");
  bytes(structure, shown, "Enc_structure");
  const nonce = messageNonce(encrypted, alg, contextIv);
  const random = example.input.rng_stream?.[example.input.rng_stream.length - 1];
  bytes(nonce, input.unsent?.IV_hex ?? random!, "nonce");
  const ciphertext = crypto.encrypt(key, nonce, structure, fromText(example.input.plaintext));
  return { plaintext, again: rebuilt(message, [2, ciphertext], [3, ephemeralAgain(crypto, example)]) };
}

/** The example gives the combined nonce in place of the Context IV. */
function contextIvOf(encrypted: Encrypted, input: JsonMessage): Uint8Array | undefined {
  const partial = headerValue(encrypted, 6);
  if (!(partial instanceof Uint8Array) || input.unsent?.IV_hex === undefined) return undefined;
  const contextIv = fromHex(input.unsent.IV_hex);
  const start = contextIv.length - partial.length;
  for (let i = 0; i < partial.length; i++) contextIv[start + i]! ^= partial[i]!;
  return contextIv;
}

function openSign1(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const sign1 = decodeSign1(message, lenient);
  if (input.key!.crv !== "P-256") return undefined;
  const aad = externalOf(input);
  const key = crypto.importVerifyingKey(pointOf(input.key!));
  if (!verifySign1(crypto, key, sign1, aad)) return undefined;
  const structure = sigStructure(sign1.protectedBytes, aad, sign1.payload);
  bytes(structure, example.intermediates!.ToBeSign_hex!, "Sig_structure");
  const signature = crypto.sign(crypto.importSigningKey(pkcs8(base64url(input.key!.d!))), structure);
  return { plaintext: sign1.payload, again: rebuilt(message, [3, signature]) };
}

/** Of the first signer. */
function openSign(
  crypto: Crypto,
  example: Example,
  input: JsonMessage,
  message: Uint8Array,
): Opened | undefined {
  const sign = decodeSign(message, lenient);
  const signer = sign.signers[0]!;
  const json = input.signers![0]!.key;
  if (json.crv !== "P-256") return undefined;
  const aad = externalOf(input);
  const key = crypto.importVerifyingKey(pointOf(json));
  if (!verifySigner(crypto, key, sign, signer, aad)) return undefined;
  const structure = signStructure(sign, signer, aad);
  bytes(structure, example.intermediates!.signers![0]!.ToBeSign_hex!, "Sig_structure");
  const signature = crypto.sign(crypto.importSigningKey(pkcs8(base64url(json.d!))), structure);
  const again = rebuilt(message, [
    3,
    (signers) => {
      const [first, ...rest] = signers as readonly (readonly CborValue[])[];
      const [header, unprotected] = first!;
      return [[header, unprotected, signature], ...rest];
    },
  ]);
  return { plaintext: sign.payload, again };
}

/** The recipients with the ephemeral key as its private number gives it, where the example tells that. */
function ephemeralAgain(crypto: Crypto, { input }: Example): (value: CborValue) => CborValue {
  return (recipients) => {
    const [header, unprotected, encrypted] = (recipients as readonly (readonly CborValue[])[])[0]!;
    const old = (unprotected as CborMap).get(-1) as CborMap | undefined;
    if (!old) return recipients;
    const pair = crypto.importAgreementKey(pkcs8(fromHex(input.rng_stream![0]!)));
    const point = crypto.agreementPoint(pair);
    const y = typeof old.get(-3) === "boolean" ? (point[64]! & 1) === 1 : point.subarray(33);
    const entries = [...(unprotected as CborMap)];
    const key = ec2Key(point.subarray(1, 33), y);
    return [[header, new Map(entries.map(([name, value]) => [name, name === -1 ? key : value])), encrypted]];
  };
}

function externalOf({ external }: JsonMessage): Uint8Array {
  return fromHex(external ?? "");
}

function unsentOf({ unsent = {} }: JsonRecipient): Unsent {
  return {
    ...(unsent.apu_id !== undefined && { partyUIdentity: fromText(unsent.apu_id) }),
    ...(unsent.apv_id !== undefined && { partyVIdentity: fromText(unsent.apv_id) }),
    ...(unsent.pub_other !== undefined && { publicOther: fromText(unsent.pub_other) }),
    ...(unsent.priv_other !== undefined && { privateOther: fromText(unsent.priv_other) }),
  };
}
