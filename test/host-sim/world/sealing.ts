/**
 * Protects messages for the receivers' tests, in all four ways, with nothing but node:crypto and cborg: the other
 * direction of host-sim/world/opener.ts, with which it shares the keys' derivation alone. Free to make wrong ones.
 */
import {
  createCipheriv,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { type Accepted, type Sender, senderKid } from "../../../host-sim/world/opener.js";
import {
  agreedKey,
  contextIv,
  nonceOf,
  type SealAlgorithm,
  sealAlgorithms,
  sealKey,
  stampAlgorithms,
  stampKey,
} from "../../../host-sim/world/seal-keys.js";
import { encodeDeterministic } from "../../../host-sim/world/strict-cbor.js";

export const secret = new Uint8Array(32).map((_, n) => n);
export const sender: Sender = {
  id: "dormouse-1",
  epoch: 1,
  accepts: { protection: "stamp", algorithm: 5, secret },
};
export const topic = "sensors/dormouse-1/readings";

/** SenML: one record, base name urn:dev:ops:dormouse-1/, 21.5 Cel. */
export function senml(value: number): Uint8Array {
  return encodeDeterministic([
    new Map<number, unknown>([
      [-2, "urn:dev:ops:dormouse-1/"],
      [0, "temperature"],
      [1, "Cel"],
      [2, value],
    ]),
  ]);
}

export interface Message {
  readonly counter: number;
  readonly payload: Uint8Array;
  readonly contentType?: number | null;
}

export interface Protecting extends Message {
  readonly by?: Sender;
  readonly to?: string;
  /** The sender's own P-256 key, where it signs. */
  readonly signingKey?: KeyObject;
}

/** As the sender's receiver accepts it. */
export function protect({ by = sender, to = topic, signingKey, ...message }: Protecting): Uint8Array {
  const { accepts } = by;
  switch (accepts.protection) {
    case "none":
      return message.payload;
    case "stamp":
      return stamped(by, to, accepts, message);
    case "seal":
      return sealed(by, to, accepts, message);
    case "sign":
      return signed(senderKid(by), Buffer.from(to), signingKey!, message);
    case "sealTo":
      return sealedTo(by, to, accepts, message, signingKey);
  }
}

type Of<P> = Extract<Accepted, { protection: P }>;

function stamped(by: Sender, to: string, { algorithm, secret }: Of<"stamp">, message: Message): Uint8Array {
  const header = headerOf(algorithm, senderKid(by), message);
  const structure = encodeDeterministic(["MAC0", header, Buffer.from(to), message.payload]);
  const mac = createHmac("sha256", stampKey(secret, { ...by, topic: to }, algorithm))
    .update(structure)
    .digest();
  const tag = mac.subarray(0, stampAlgorithms[algorithm].tagBytes);
  return tagged([0xd1], [header, new Map(), message.payload, tag]);
}

function sealed(by: Sender, to: string, { algorithm, secret }: Of<"seal">, message: Message): Uint8Array {
  const channel = { ...by, topic: to };
  const header = headerOf(algorithm, senderKid(by), message);
  const nonce = nonceOf(contextIv(secret, channel, algorithm), message.counter);
  const aad = encodeDeterministic(["Encrypt0", header, Buffer.from(to)]);
  const ciphertext = encrypt(algorithm, sealKey(secret, channel, algorithm), nonce, aad, message.payload);
  return tagged([0xd0], [header, new Map(), ciphertext]);
}

/** COSE_Sign1 under any AAD: a device's, and an operator's within a command. */
export function signed(kid: Uint8Array, aad: Uint8Array, key: KeyObject, message: Message): Uint8Array {
  const header = headerOf(-7, kid, message);
  const structure = encodeDeterministic(["Signature1", header, aad, message.payload]);
  const signature = sign("sha256", structure, { key, dsaEncoding: "ieee-p1363" });
  return tagged([0xd2], [header, new Map(), message.payload, signature]);
}

function sealedTo(
  by: Sender,
  to: string,
  { recipientKid, privateKey, signer }: Of<"sealTo">,
  message: Message,
  signingKey?: KeyObject,
): Uint8Array {
  const ephemeral = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = ephemeral.publicKey.export({ format: "jwk" });
  const ephemeralKey = new Map<number, unknown>([
    [1, 2],
    [-1, 1],
    [-2, Buffer.from(x!, "base64url")],
    [-3, (Buffer.from(y!, "base64url")[31]! & 1) === 1],
  ]);
  const recipientHeader = encodeDeterministic(
    new Map<number, unknown>([
      [1, -25],
      [4, recipientKid],
      [-1, ephemeralKey],
    ]),
  );
  const payload =
    signer === null
      ? message.payload
      : signed(senderKid(by), encodeDeterministic([to, recipientKid]), signingKey!, message);
  const contentType = signer === null ? message.contentType : 18;
  const iv = randomBytes(12);
  const header = encodeDeterministic(
    new Map<number, unknown>([[1, 1], ...(contentType ? [[3, contentType] as const] : []), [5, iv]]),
  );
  const key = agreedKey(ephemeral.privateKey, createPublicKey(privateKey), recipientHeader);
  const aad = encodeDeterministic(["Encrypt", header, Buffer.from(to)]);
  const ciphertext = encrypt(1, key, iv, aad, payload);
  const recipient = [recipientHeader, new Map(), new Uint8Array(0)];
  return tagged([0xd8, 96], [header, new Map(), ciphertext, [recipient]]);
}

function headerOf(algorithm: number, kid: Uint8Array, { counter, contentType }: Message): Uint8Array {
  const digits = counter.toString(16);
  const map = new Map<number, unknown>([
    [1, algorithm],
    [4, kid],
    [6, Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex")],
  ]);
  if (contentType) map.set(3, contentType);
  return encodeDeterministic(map);
}

function encrypt(
  algorithm: SealAlgorithm,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const { cipher: name, tagBytes } = sealAlgorithms[algorithm];
  const cipher = createCipheriv(name as "aes-128-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function tagged(tag: readonly number[], elements: readonly unknown[]): Uint8Array {
  return Buffer.concat([Buffer.from(tag), encodeDeterministic(elements)]);
}
