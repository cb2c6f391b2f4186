/** What there is to be kept secret in a TLS connection, worked out from what the test knows of it. */
import {
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  hkdfSync,
} from "node:crypto";
import { readFileSync } from "node:fs";
import type { Sought } from "./memory-search.js";
import type { Certificate } from "./pki.js";
import { serverHello } from "./records.js";
import type { Overheard } from "./relay.js";

const none = new Uint8Array(32);

/** HMAC-SHA-256. */
function hmac(key: Uint8Array, ...data: readonly Uint8Array[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of data) mac.update(part);
  return mac.digest();
}

function sha256(...data: readonly Uint8Array[]): Buffer {
  return createHash("sha256").update(Buffer.concat(data)).digest();
}

/** HKDF-Expand-Label (RFC 8446 §7.1), of at most 32 bytes. */
function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, byteLength = 32): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const head = Buffer.of(0, byteLength, name.length);
  return hmac(secret, head, name, Buffer.of(context.length), context, Buffer.of(1)).subarray(0, byteLength);
}

/** The numbers of a private key: of a P-256 key d; of an RSA key d, the primes and what goes with them. */
export function keySecrets(name: string, { key }: Certificate): Sought[] {
  const jwk = createPrivateKey(readFileSync(key)).export({ format: "jwk" });
  const members = ["d", "p", "q", "dp", "dq", "qi"] as const;
  return members.flatMap((member) => {
    const text = jwk[member];
    return text === undefined ? [] : [{ name: `${name} ${member}`, bytes: Buffer.from(text, "base64url") }];
  });
}

/** The lines of a PEM file: what is left of it when they are gone says nothing. */
export function pemSecrets(name: string, { key }: Certificate): Sought[] {
  const lines = readFileSync(key, "utf8").split("\n");
  return lines
    .filter((line) => line.length >= 16 && !line.startsWith("-----"))
    .map((line, at) => ({ name: `${name}, PEM line ${at + 1}`, bytes: Buffer.from(line) }));
}

/** A PSK and what TLS 1.3 makes of it before the key exchange: the early secret and the binder's keys. */
export function pskSecrets(name: string, psk: Uint8Array, kind: "ext" | "res"): Sought[] {
  const early = hmac(none, psk);
  const binder = expandLabel(early, `${kind} binder`, sha256());
  return [
    { name, bytes: psk },
    { name: `${name}: early secret`, bytes: early },
    { name: `${name}: binder key`, bytes: binder },
    { name: `${name}: binder's finished key`, bytes: expandLabel(binder, "finished", Buffer.of()) },
  ];
}

/** The device's secret that seals sessions, and what HKDF makes of it. */
export function sealSecrets(secret: Uint8Array): Sought[] {
  return [
    { name: "sealing secret", bytes: secret },
    { name: "sealing secret's PRK", bytes: hmac(none, secret) },
    { name: "sealing key", bytes: sealingKey(secret) },
  ];
}

function sealingKey(secret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", "dormouse1 tls session", 16));
}

/** What mbedTLS keeps of a session, out of the sealed bytes as native/tls/tls-resume.c lays them out. */
function openSession(saved: Uint8Array, seal: Uint8Array): Buffer {
  // GCM decrypts without its tag as CTR does, from block 2 on: the tag binds settings that the test need not know
  const counter = Buffer.concat([saved.subarray(10, 22), Buffer.of(0, 0, 0, 2)]);
  return createDecipheriv("aes-128-ctr", sealingKey(seal), counter).update(saved.subarray(22, -16));
}

/** TLS 1.3's PSK of the next connection. */
export function resumptionKey(saved: Uint8Array, seal: Uint8Array): Buffer {
  const plain = openSession(saved, seal);
  // version and configuration 5, TLS version 1, endpoint 1, cipher suite 2, ticket age 4, flags 1; length, key
  return plain.subarray(15, 15 + plain[14]!);
}

/** Whether a TLS 1.2 session holds this master secret. */
export function holdsMaster(saved: Uint8Array, seal: Uint8Array, master: Buffer): boolean {
  return openSession(saved, seal).includes(master);
}

interface KeyLogLine {
  readonly label: string;
  readonly clientRandom: Buffer;
  readonly secret: Buffer;
}

export function readKeyLog(path: string): KeyLogLine[] {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [label, random, secret] = line.split(" ") as [string, string, string];
    return { label, clientRandom: Buffer.from(random, "hex"), secret: Buffer.from(secret, "hex") };
  });
}

/** The secrets of one connection that the key log has, and the keys that come of them (SHA-256, AES-128 or ChaCha20). */
export function loggedSecrets(log: readonly KeyLogLine[], overheard: Overheard): Sought[] {
  return log.flatMap(({ label, clientRandom, secret }) => {
    const derived =
      label === "CLIENT_RANDOM"
        ? [{ name: "write keys", bytes: keyBlock(secret, clientRandom, overheard) }]
        : [
            { name: `${label}: key`, bytes: expandLabel(secret, "key", Buffer.of(), 16) },
            { name: `${label}: finished key`, bytes: expandLabel(secret, "finished", Buffer.of()) },
          ];
    return [{ name: label, bytes: secret }, ...derived];
  });
}

/** RFC 5246 §6.3, with the PRF of §5: both write keys. */
function keyBlock(master: Uint8Array, clientRandom: Uint8Array, overheard: Overheard): Buffer {
  const seed = Buffer.concat([
    Buffer.from("key expansion"),
    serverHello(overheard)?.random ?? none,
    clientRandom,
  ]);
  const a1 = hmac(master, seed);
  return Buffer.concat([hmac(master, a1, seed), hmac(master, hmac(master, a1), seed)]);
}

/** The P-256 point of a hello's key share (RFC 8446 §4.2.8). */
export function keyShare(hello: Buffer): Buffer {
  const head = Buffer.of(0, 0x17, 0, 65, 4);
  const at = hello.indexOf(head);
  if (at < 0) throw new Error("no P-256 key share");
  return hello.subarray(at + 4, at + 4 + 65);
}

/**
 * What becomes of TLS 1.3's key exchange, from the device's ephemeral key on (RFC 8446 §7.1).
 * @throws Error when that is not what the key log says came of it
 */
export function exchangeSecrets(
  ephemeral: Uint8Array,
  psk: Uint8Array,
  overheard: Overheard,
  log: readonly KeyLogLine[],
): Sought[] {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(ephemeral);
  const shared = pair.computeSecret(keyShare(overheard.fromServer));
  const handshake = hmac(expandLabel(hmac(none, psk), "derived", sha256()), shared);
  const traffic = expandLabel(handshake, "c hs traffic", sha256(...helloMessages(overheard)));
  if (!log.some(({ secret }) => secret.equals(traffic))) throw new Error("the key exchange is another one");
  return [
    { name: "ephemeral key", bytes: ephemeral },
    { name: "shared secret", bytes: shared },
    { name: "handshake secret", bytes: handshake },
    { name: "master secret", bytes: hmac(expandLabel(handshake, "derived", sha256()), none) },
  ];
}

/** Both hellos, each the first record of its side. */
function helloMessages({ fromClient, fromServer }: Overheard): Buffer[] {
  return [fromClient, fromServer].map((bytes) => bytes.subarray(5, 5 + bytes.readUInt16BE(3)));
}
