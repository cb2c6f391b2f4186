/**
 * The keyring file's entries, docs/receivers.md: what each may hold, checked and imported. Secrets become handles
 * here, and the bytes they came from are zeroed; the text of the file is a JavaScript string, which nobody can zero.
 */
import { Buffer } from "node:buffer";
import { createPublicKey } from "node:crypto";
import { aeadLengths } from "../lib/crypto/aead.js";
import type { Crypto, Key } from "../lib/crypto/crypto.js";
import { checkTopicFilter, checkTopicName } from "../lib/mqtt/wire/topics.js";
import { type Direction, encodeKid, type Sender } from "../lib/sealed/keys.js";
import { type Fields, KeyringError } from "./keyring-fields.js";
import {
  defaultSymmetric,
  isSymmetricName,
  type Symmetric,
  symmetricNamed,
  symmetricNames,
} from "./symmetric.js";

interface FromDevice {
  readonly sender: Sender;
  readonly kid: Uint8Array;
  readonly direction: Direction;
  /** Milliseconds since 1970; undefined: for good. */
  readonly until: number | undefined;
  /** It came with a factory image: the device has made a secret and an epoch of its own out of it. */
  readonly factory: boolean;
}

/** A device's secret, from which the keys of its topics are derived. */
export interface SecretEntry extends FromDevice {
  readonly kind: "secret";
  readonly secret: Key;
  /** May be empty: then it opens nothing. */
  readonly topics: ReadonlyMap<string, Symmetric>;
  /** How commands to the device are protected on their topics, where this says so. */
  readonly commands: ReadonlyMap<string, Symmetric>;
}

/** The key of one topic, as `dormouse keys derive` hands it out. */
export interface KeyEntry extends FromDevice {
  readonly kind: "key";
  /** Whom the messages come from, or with direction "down" go to. */
  readonly device: string;
  readonly topics: ReadonlyMap<string, Symmetric>;
  readonly key: Key;
  readonly contextIv: Uint8Array | undefined;
}

/** A device's public key. */
export interface SignerEntry extends FromDevice {
  readonly kind: "signer";
  readonly topics: ReadonlyMap<string, { readonly protection: "sign" }>;
  readonly key: Key;
}

/** One of those whose signatures a recipient believes. */
export interface RecipientSigner extends Omit<SignerEntry, "topics"> {
  /** Where it may say something; undefined: wherever the recipient listens, in another device's place too. */
  readonly filters: readonly string[] | undefined;
}

/** The private key to which devices seal. */
export interface RecipientEntry {
  readonly kind: "recipient";
  readonly recipientKid: Uint8Array;
  readonly until: number | undefined;
  readonly key: Key;
  readonly filters: readonly string[];
  /** null: what arrives is from anybody. */
  readonly signers: readonly RecipientSigner[] | null;
}

export type Entry = SecretEntry | KeyEntry | SignerEntry | RecipientEntry;

const secretBytes = 32;
const macKeyBytes = 32;
const maxEpoch = 0xffff_ffff;
const maxDeviceBytes = 64;
const maxRecipientBytes = 32;
const maxTopicBytes = 65_535;

/** @throws {KeyringError} */
export function readEntry(crypto: Crypto, fields: Fields): Entry {
  const entry = fields.has("recipient") ? recipientEntry(crypto, fields) : deviceEntry(crypto, fields);
  try {
    fields.end();
  } catch (error) {
    closeEntry(entry);
    throw error;
  }
  return entry;
}

export function closeEntry(entry: Entry): void {
  if (entry.kind === "secret") entry.secret.close();
  else entry.key.close();
  if (entry.kind === "recipient") for (const { key } of entry.signers ?? []) key.close();
}

function deviceEntry(crypto: Crypto, fields: Fields): Entry {
  if (fields.has("secret")) return secretEntry(crypto, fields);
  if (fields.has("key")) return keyEntry(crypto, fields);
  if (fields.has("publicKey")) {
    const topics = signedTopics(fields);
    return { ...signerOf(crypto, fields), topics };
  }
  throw fields.fail("secret", "an entry has a secret, a key, a publicKey, or a recipient");
}

function fromDevice(fields: Fields): FromDevice {
  const id = fields.text("device", maxDeviceBytes);
  const epoch = fields.whole("epoch", maxEpoch);
  const kid = fields.has("kid") ? fields.hex("kid", 2, 8) : undefined;
  const sender: Sender = kid ? { id, epoch, kid } : { id, epoch };
  const until = fields.instant("until");
  return { sender, kid: kid ?? encodeKid(sender), direction: "up", until, factory: false };
}

/** What a device makes of a factory image says itself which it is. */
function maybeFactory(fields: Fields): FromDevice {
  const device = fromDevice(fields);
  if (!fields.has("factory")) return device;
  if (fields.any("factory") !== true) fields.fail("factory", "true, or nothing, is needed");
  if (device.sender.kid) fields.fail("kid", "a device with a factory image has no short name");
  return { ...device, factory: true };
}

/** A controller's key for commands: the sender is the controller. */
function toDevice(fields: Fields): FromDevice {
  const id = fields.text("sender", maxDeviceBytes);
  const sender: Sender = { id, epoch: fields.whole("epoch", maxEpoch) };
  const until = fields.instant("until");
  return { sender, kid: encodeKid(sender), direction: "down", until, factory: false };
}

function secretEntry(crypto: Crypto, fields: Fields): SecretEntry {
  const device = maybeFactory(fields);
  const topics = symmetricTopics(fields, "topics");
  const commands = symmetricTopics(fields, "commands");
  const bytes = fields.hex("secret", secretBytes);
  try {
    if (bytes.every((byte) => byte === 0)) fields.fail("secret", "all zeros");
    return { kind: "secret", ...device, topics, commands, secret: crypto.importSecret(bytes) };
  } finally {
    bytes.fill(0);
  }
}

function symmetricTopics(fields: Fields, field: "topics" | "commands"): Map<string, Symmetric> {
  const entries = fields.has(field) ? fields.entries(field) : [];
  return new Map(
    entries.map(([topic, value]) => {
      checkName(fields, field, topic);
      return [topic, symmetric(fields, field, value)];
    }),
  );
}

function keyEntry(crypto: Crypto, fields: Fields): KeyEntry {
  const direction = fields.any("direction");
  if (direction !== "up" && direction !== "down") fields.fail("direction", '"up" or "down" is needed');
  const device = direction === "up" ? fromDevice(fields) : toDevice(fields);
  const topic = fields.text("topic", maxTopicBytes);
  checkName(fields, "topic", topic);
  const used = algorithmNamed(fields, "algorithm", fields.any("algorithm"));
  const seals = used.protection === "seal";
  const contextIv = seals ? fields.hex("contextIv", aeadLengths(used.alg).nonceBytes) : undefined;
  const bytes = fields.hex("key", seals ? aeadLengths(used.alg).keyBytes : macKeyBytes);
  try {
    const key = seals ? crypto.importAeadKey(bytes, used.alg) : crypto.importMacKey(bytes);
    const id = fields.text("device", maxDeviceBytes);
    return {
      kind: "key",
      device: id,
      ...device,
      direction,
      topics: new Map([[topic, used]]),
      key,
      contextIv,
    };
  } finally {
    bytes.fill(0);
  }
}

function signerOf(crypto: Crypto, fields: Fields): Omit<SignerEntry, "topics"> {
  const device = maybeFactory(fields);
  return { kind: "signer", ...device, key: crypto.importVerifyingKey(publicPoint(fields, "publicKey")) };
}

function signedTopics(fields: Fields): SignerEntry["topics"] {
  const topics = fields.entries("topics").map(([topic, value]) => {
    checkName(fields, "topics", topic);
    if (value !== "sign") fields.fail(`topics: ${topic}`, 'with a publicKey this is "sign"');
    return [topic, { protection: "sign" }] as const;
  });
  return new Map(topics);
}

function recipientEntry(crypto: Crypto, fields: Fields): RecipientEntry {
  const recipientKid = Uint8Array.from(Buffer.from(fields.text("recipient", maxRecipientBytes), "utf8"));
  const until = fields.instant("until");
  const filters = topicFilters(fields);
  const signers: RecipientSigner[] = [];
  const closeSigners = () => {
    for (const { key } of signers) key.close();
  };
  try {
    if (fields.has("signers"))
      for (const inner of fields.objects("signers")) {
        const own = inner.has("topics") ? topicFilters(inner) : undefined;
        signers.push({ ...signerOf(crypto, inner), filters: own });
        inner.end();
      }
    const key = privateKey(crypto, fields, "privateKey");
    return {
      kind: "recipient",
      recipientKid,
      until,
      key,
      filters,
      signers: fields.has("signers") ? signers : null,
    };
  } catch (error) {
    closeSigners();
    throw error;
  }
}

function topicFilters(fields: Fields): string[] {
  return fields.list("topics").map((filter) => {
    if (typeof filter !== "string") fields.fail("topics", "a list of topic filters is needed");
    checked(fields, "topics", () => checkTopicFilter(filter, 4));
    return filter;
  });
}

/** `"stamp"`, `"seal"`, or which algorithm of these. */
function symmetric(fields: Fields, field: string, value: unknown): Symmetric {
  if (value === "stamp" || value === "seal") return defaultSymmetric[value];
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const { protection, algorithm, ...more } = value as Record<string, unknown>;
    const used = algorithmNamed(fields, `${field}: algorithm`, algorithm);
    if (used.protection === protection && Object.keys(more).length === 0) return used;
  }
  return fields.fail(
    field,
    '"stamp", "seal", or { "protection", "algorithm" } that go together is needed with a secret',
  );
}

function algorithmNamed(fields: Fields, field: string, name: unknown): Symmetric {
  if (isSymmetricName(name)) return symmetricNamed(name);
  return fields.fail(field, `one of ${symmetricNames.join(", ")} is needed`);
}

function checkName(fields: Fields, field: string, topic: string): void {
  checked(fields, field, () => checkTopicName(topic));
}

function checked(fields: Fields, field: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    fields.fail(field, (error as Error).message);
  }
}

/** SubjectPublicKeyInfo in PEM; 65 bytes. */
function publicPoint(fields: Fields, field: string): Uint8Array {
  const text = fields.any(field);
  try {
    // OpenSSL makes a public key of a private one too: that belongs into no list of signers.
    if (typeof text !== "string" || !text.includes("-----BEGIN PUBLIC KEY-----")) throw new KeyringError();
    const jwk = createPublicKey({ key: text, format: "pem" }).export({ format: "jwk" });
    if (jwk.kty !== "EC" || jwk.crv !== "P-256") throw new KeyringError();
    const [x, y] = [Buffer.from(jwk.x!, "base64url"), Buffer.from(jwk.y!, "base64url")];
    return Uint8Array.from([4, ...x, ...y]);
  } catch {
    return fields.fail(field, "a P-256 public key in PEM (BEGIN PUBLIC KEY) is needed");
  }
}

/** PKCS #8 or SEC 1 in PEM, not encrypted. */
function privateKey(crypto: Crypto, fields: Fields, field: string): Key {
  const text = fields.any(field);
  const form = /^\s*-----BEGIN (EC )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END (EC )?PRIVATE KEY-----\s*$/;
  const der = Buffer.from(typeof text === "string" ? (form.exec(text)?.[2] ?? "") : "", "base64");
  try {
    return crypto.importAgreementKey(der);
  } catch {
    return fields.fail(field, "a P-256 private key in PEM (PKCS #8 or SEC 1, not encrypted) is needed");
  } finally {
    der.fill(0);
  }
}
