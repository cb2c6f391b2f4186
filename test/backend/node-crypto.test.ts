/** node:crypto as lib's Crypto, where it differs from a board: long texts, text in place of bytes, openssl beside it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { aeadLengths } from "../../lib/crypto/aead.js";
import type { AeadAlgorithm, Key } from "../../lib/crypto/crypto.js";
import { nobleCrypto } from "../../lib/crypto/noble.js";
import { nobleAes } from "../../lib/crypto/noble-aes.js";
import { ccmEncrypt } from "../../lib/crypto/noble-ccm.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-node-crypto-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const algorithms: readonly AeadAlgorithm[] = [1, 3, 10, 24];
const nothing = new Uint8Array(0);

for (const [name, crypto] of [
  ["node", nodeCrypto],
  ["noble", nobleCrypto(nodeCrypto.random, nobleAes)],
] as const)
  test(`${name}: CCM takes what 2 bytes can count and no more; the others more than that`, () => {
    for (const alg of algorithms) {
      const { keyBytes, nonceBytes, tagBytes } = aeadLengths(alg);
      const key = crypto.importAeadKey(crypto.random(keyBytes), alg);
      const nonce = crypto.random(nonceBytes);
      const most = crypto.encrypt(key, nonce, nothing, new Uint8Array(0xffff));
      assert.equal(crypto.decrypt(key, nonce, nothing, most)?.length, 0xffff);
      const more = new Uint8Array(0x10000);
      if (alg === 10) {
        assert.throws(() => crypto.encrypt(key, nonce, nothing, more), RangeError);
        assert.equal(crypto.decrypt(key, nonce, nothing, new Uint8Array(more.length + tagBytes)), undefined);
      } else
        assert.deepEqual(
          crypto.decrypt(key, nonce, nothing, crypto.encrypt(key, nonce, nothing, more)),
          more,
        );
    }
  });

test("a length that CCM cannot count is not taken for one that it can", () => {
  const noble = nobleCrypto(nodeCrypto.random, nobleAes);
  const [material, nonce] = [nodeCrypto.random(16), nodeCrypto.random(13)];
  // 0x10000 in 2 bytes is 0: whoever counts no further finds this authentic
  const sealed = ccmEncrypt(material, nonce, nothing, new Uint8Array(0x10000));
  for (const crypto of [noble, nodeCrypto])
    assert.equal(crypto.decrypt(crypto.importAeadKey(material, 10), nonce, nothing, sealed), undefined);
});

test("authenticated data of every kind of length: the same bytes by noble and by node", () => {
  const noble = nobleCrypto(nodeCrypto.random, nobleAes);
  // CCM says a length in 2 bytes, or from 0xff00 on in 6 (RFC 3610 §2.2)
  for (const alg of algorithms)
    for (const length of [0, 1, 13, 14, 15, 255, 256, 0xfeff, 0xff00, 0x10000, 0x10001]) {
      const { keyBytes, nonceBytes } = aeadLengths(alg);
      const [material, nonce, aad] = [keyBytes, nonceBytes, length].map((count) => nodeCrypto.random(count));
      const [a, b] = [noble, nodeCrypto].map((crypto) =>
        crypto.encrypt(crypto.importAeadKey(material!, alg), nonce!, aad!, nonce!),
      );
      assert.deepEqual(a, b, `algorithm ${alg}, ${length} bytes`);
    }
});

test("text is not taken for bytes", () => {
  const text = "00112233445566778899aabbccddeeff" as unknown as Uint8Array;
  const secret = nodeCrypto.importSecret(new Uint8Array(32));
  const mac = nodeCrypto.importMacKey(new Uint8Array(32));
  const aead = nodeCrypto.importAeadKey(new Uint8Array(16), 1);
  const nonce = new Uint8Array(12);
  const calls: readonly (() => unknown)[] = [
    () => nodeCrypto.sha256(text),
    () => nodeCrypto.importSecret(text),
    () => nodeCrypto.importMacKey(text),
    () => nodeCrypto.importAeadKey(text, 3),
    () => nodeCrypto.importSigningKey(text),
    () => nodeCrypto.importAgreementKey(text),
    () => nodeCrypto.importVerifyingKey(text),
    () => nodeCrypto.deriveBytes(secret, text, 32),
    () => nodeCrypto.deriveBytes(secret, nothing, 32, text),
    () => nodeCrypto.hmac(mac, text),
    () => nodeCrypto.encrypt(aead, "0".repeat(12) as unknown as Uint8Array, nothing, nothing),
    () => nodeCrypto.encrypt(aead, nonce, text, nothing),
    () => nodeCrypto.encrypt(aead, nonce, nothing, text),
    () => nodeCrypto.decrypt(aead, nonce, nothing, text),
  ];
  for (const call of calls) assert.throws(call, TypeError, String(call));
});

test("a closed key's bytes are zeros, and so is nothing of the caller's", () => {
  const bytesOf = (key: Key) => (key as Key & { readonly bytes: Uint8Array }).bytes;
  const secret = nodeCrypto.importSecret(Buffer.alloc(32, 7));
  const pair = nodeCrypto.generateAgreementKey();
  const given = Buffer.alloc(32, 9);
  const keys = [
    secret,
    nodeCrypto.importMacKey(given),
    nodeCrypto.importAeadKey(given, 3),
    nodeCrypto.deriveAeadKey(secret, nothing, 24),
    nodeCrypto.agree(pair, nodeCrypto.agreementPoint(pair)),
    pair,
  ];
  const held = keys.map(bytesOf);
  for (const bytes of held) {
    assert.ok(bytes.some((byte) => byte !== 0));
    assert.equal(bytes.buffer.byteLength, bytes.length, "memory that others share");
  }
  for (const key of keys) key.close();
  for (const bytes of held) assert.ok(bytes.every((byte) => byte === 0));
  assert.deepEqual(given, Buffer.alloc(32, 9));
});

/** Keys and signatures by the tool that people have. */
function openssl(...args: string[]): Buffer {
  return execFileSync("openssl", args, { cwd: scratch, stdio: ["ignore", "pipe", "ignore"] });
}

test("openssl's keys are read, its signatures verified, ours accepted by it, and both agree", () => {
  const message = Buffer.from("what a dormouse signs");
  writeFileSync(join(scratch, "message"), message);
  for (const name of ["a", "b"]) {
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.pem`);
    openssl("ec", "-in", `${name}.pem`, "-pubout", "-out", `${name}.pub.pem`);
  }
  const pointOf = (name: string) =>
    openssl("ec", "-pubin", "-in", `${name}.pub.pem`, "-outform", "DER").subarray(-65);
  const sec1 = openssl("ec", "-in", "a.pem", "-outform", "DER");
  const pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-in", "a.pem", "-outform", "DER");
  const verifying = nodeCrypto.importVerifyingKey(pointOf("a"));

  const theirs = openssl("dgst", "-sha256", "-sign", "a.pem", "message");
  assert.equal(nodeCrypto.verify(verifying, message, fromDer(theirs)), true);
  for (const der of [sec1, pkcs8]) {
    const signing = nodeCrypto.importSigningKey(der);
    const ours = nodeCrypto.sign(signing, message);
    assert.equal(nodeCrypto.verify(verifying, message, ours), true);
    writeFileSync(join(scratch, "signature"), toDer(ours));
    const said = openssl("dgst", "-sha256", "-verify", "a.pub.pem", "-signature", "signature", "message");
    assert.match(String(said), /Verified OK/);
    signing.close();
  }

  const agreement = nodeCrypto.importAgreementKey(pkcs8);
  assert.deepEqual(Buffer.from(nodeCrypto.agreementPoint(agreement)), pointOf("a"));
  const shared = openssl("pkeyutl", "-derive", "-inkey", "a.pem", "-peerkey", "b.pub.pem");
  assert.deepEqual(
    nodeCrypto.deriveBytes(nodeCrypto.agree(agreement, pointOf("b")), nothing, 32),
    nodeCrypto.deriveBytes(nodeCrypto.importSecret(shared), nothing, 32),
  );
});

/** ECDSA-Sig-Value (RFC 3279 §2.2.3): two integers, each with as many bytes as it needs. */
function fromDer(der: Buffer): Uint8Array {
  const rLength = der[3]!;
  const parts = [der.subarray(4, 4 + rLength), der.subarray(6 + rLength)];
  return Buffer.concat(parts.map((part) => Buffer.concat([Buffer.alloc(32), part]).subarray(-32)));
}

function toDer(signature: Uint8Array): Buffer {
  const parts = [signature.subarray(0, 32), signature.subarray(32)].map((number) => {
    let at = 0;
    while (at < 31 && number[at] === 0) at++;
    const digits = Buffer.from(number.subarray(at));
    const content = digits[0]! & 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits;
    return Buffer.concat([Buffer.of(2, content.length), content]);
  });
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}
