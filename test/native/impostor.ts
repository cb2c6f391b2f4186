/**
 * A server that shows any certificate, whether or not it has the key: no TLS library does that. It says its first
 * flight and no more, which is where a client must find out. P-256 and AES-128-GCM only.
 */
import {
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { readFileSync } from "node:fs";
import type { Certificate } from "./pki.js";
import { clientHello } from "./records.js";
import { rawServer, type Server, type Version } from "./servers.js";

const p256 = Buffer.from("0017", "hex");
const ecdsaSha256 = Buffer.from("0403", "hex");

/** In answer to a ClientHello: shows `certificate`, and signs with `key`. */
export function impostor({ certificate, key }: Certificate, version: Version): Promise<Server> {
  const { raw } = new X509Certificate(readFileSync(certificate));
  const prove = (data: Buffer) => sign("sha256", data, readFileSync(key));
  const flight = version === "1.2" ? flight12 : flight13;
  return rawServer(
    (socket) => void socket.once("data", (record) => socket.write(flight(record, raw, prove))),
  );
}

type Prove = (data: Buffer) => Buffer;

/** RFC 5246 §7.3 as far as ServerHelloDone, with RFC 8422 §5.4. */
function flight12(record: Buffer, certificate: Buffer, prove: Prove): Buffer {
  const random = randomBytes(32);
  const parameters = Buffer.concat([Buffer.from([3]), p256, vector(1, ourShare().getPublicKey())]);
  const signature = prove(Buffer.concat([clientHello(record).random, random, parameters]));
  return plainRecord(
    message(2, hex("0303"), random, hex("00"), hex("c02b00")),
    message(11, vector(3, vector(3, certificate))),
    message(12, parameters, ecdsaSha256, vector(2, signature)),
    message(14),
  );
}

/** RFC 8446 §4: ServerHello, and what follows it under the handshake's keys. */
function flight13(record: Buffer, certificate: Buffer, prove: Prove): Buffer {
  const { sessionId, extensions } = clientHello(record);
  const share = ourShare();
  const shares = extensions.get(51)!;
  if (!shares.subarray(2, 4).equals(p256)) throw new Error("the client's first share is not of P-256");
  const secret = share.computeSecret(shares.subarray(6, 6 + 65));
  const answer = message(
    2,
    hex("0303"),
    randomBytes(32),
    vector(1, sessionId),
    hex("130100"),
    vector(
      2,
      hex("002b00020304"),
      Buffer.concat([hex("0033"), vector(2, p256, vector(2, share.getPublicKey()))]),
    ),
  );
  let transcript = Buffer.concat([record.subarray(5), answer]);
  const traffic = serverHandshakeSecret(secret, hash(transcript));
  const said: Buffer[] = [];
  const say = (next: Buffer) => {
    said.push(next);
    transcript = Buffer.concat([transcript, next]);
  };
  say(message(8, hex("0000")));
  say(message(11, hex("00"), vector(3, vector(3, certificate), hex("0000"))));
  const context = Buffer.from(`${" ".repeat(64)}TLS 1.3, server CertificateVerify\0`);
  say(message(15, ecdsaSha256, vector(2, prove(Buffer.concat([context, hash(transcript)])))));
  say(message(20, hmac(expand(traffic, "finished", "", 32), hash(transcript))));
  return Buffer.concat([plainRecord(answer), sealedRecord(traffic, Buffer.concat(said))]);
}

function ourShare() {
  const share = createECDH("prime256v1");
  share.generateKeys();
  return share;
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

/** With its length before it, in so many bytes. */
function vector(lengthBytes: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(body.length, 0, lengthBytes);
  return Buffer.concat([length, body]);
}

function message(type: number, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([type]), vector(3, ...parts)]);
}

function plainRecord(...messages: readonly Buffer[]): Buffer {
  return Buffer.concat([hex("160303"), vector(2, ...messages)]);
}

/** The first record under these keys (RFC 8446 §5.2, §5.3). */
function sealedRecord(traffic: Buffer, content: Buffer): Buffer {
  const plain = Buffer.concat([content, hex("16")]);
  const header = hex("1703030000");
  header.writeUInt16BE(plain.length + 16, 3);
  const cipher = createCipheriv("aes-128-gcm", expand(traffic, "key", "", 16), expand(traffic, "iv", "", 12));
  cipher.setAAD(header);
  return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function hash(data: Buffer | string): Buffer {
  return createHash("sha256").update(data).digest();
}

function hmac(key: Buffer, data: Buffer): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

/** HKDF-Expand-Label (RFC 8446 §7.1), of at most one block. */
function expand(secret: Buffer, label: string, context: Buffer | string, length: number): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(length);
  const info = [size, vector(1, Buffer.from(`tls13 ${label}`)), vector(1, Buffer.from(context)), hex("01")];
  return hmac(secret, Buffer.concat(info)).subarray(0, length);
}

function serverHandshakeSecret(shared: Buffer, transcriptHash: Buffer): Buffer {
  const zeros = Buffer.alloc(32);
  const early = hmac(zeros, zeros);
  const handshake = hmac(expand(early, "derived", hash(""), 32), shared);
  return expand(handshake, "s hs traffic", transcriptHash, 32);
}
