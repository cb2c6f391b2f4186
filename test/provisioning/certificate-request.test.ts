/** What others make of the requests and keys that a board makes, and a board of the certificates that others make. */
import "../../certs/pki/reflect.js";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { nodeCrypto } from "../../backend/node-crypto.js";
import { derElements } from "../../certs/pki/der.js";
import {
  certificatePublicKey,
  isCertificate,
  publicKeyOf,
  samePublicKey,
} from "../../lib/crypto/certificate-key.js";
import { certificateRequest } from "../../lib/crypto/certificate-request.js";
import { derTag } from "../../lib/crypto/der-reader.js";
import { der } from "../../lib/crypto/der-writer.js";
import { firstPemCertificate } from "../../lib/crypto/pem-certificate.js";
import type { TlsSettings } from "../../lib/store/profile.js";
import {
  Bench,
  ca,
  certified,
  certifiedPlan,
  granted,
  profileBytes,
  writes,
} from "../lib/provisioning/bench.js";

const scratch = mkdtempSync(join(tmpdir(), "dormouse-csr-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(scratch, name);
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A board's key and request, out of its flash and from its port. */
function made(subject: string) {
  const bench = new Bench(nodeCrypto);
  granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
  const { csr, point } = granted(bench.ask({ kind: "generate", key: "tls-key", subject }), "generate");
  return { csr, point, key: bench.store.readBytes("tls-key")! };
}

const names = ["dm-7", "a", "x".repeat(64), "Fühler №7, Keller = unten"];

test("openssl takes a board's request: the signature, the subject, the curve", () => {
  for (const name of names) {
    const path = file("request.der", made(name).csr);
    const text = openssl(
      ...["req", "-inform", "DER", "-in", path, "-verify", "-noout", "-text"],
      ...["-nameopt", "utf8,sep_multiline"],
    );
    assert.match(text, /ASN1 OID: prime256v1/);
    assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/);
    assert.ok(text.includes(`CN=${name}`), text);
    assert.match(text, /Version: 1 \(0x0\)/);
  }
});

test("so does @peculiar/x509, and no byte of it can be changed", async () => {
  const { csr, point } = made("dm-7");
  const request = new Pkcs10CertificateRequest(csr.slice());
  assert.equal(await request.verify(), true);
  assert.equal(request.subject, "CN=dm-7");
  assert.deepEqual(new Uint8Array(request.publicKey.rawData).slice(-65), point);
  for (let at = 0; at < csr.length; at += 7) {
    const other = csr.slice();
    other[at]! ^= 1;
    const verified = await Promise.resolve()
      .then(() => new Pkcs10CertificateRequest(other).verify())
      .catch(() => false);
    assert.equal(verified, false, `byte ${at}`);
  }
});

test("a key that a board makes is read by node and openssl, and is the request's", () => {
  const { key, point } = made("dm-7");
  const read = createPublicKey(createPrivateKey({ key: Buffer.from(key), format: "der", type: "pkcs8" }));
  const spki = read.export({ type: "spki", format: "der" });
  assert.deepEqual(new Uint8Array(spki.subarray(-65)), point);
  const text = openssl("pkey", "-inform", "DER", "-in", file("key.der", key), "-noout", "-text");
  assert.match(text, /Private-Key: \(256 bit/);
  assert.equal(
    new Set(Array.from({ length: 20 }, () => Buffer.from(made("d").key).toString("hex"))).size,
    20,
  );
});

test("a name that no certificate can have is refused", () => {
  const { key, point } = made("dm-7");
  const signing = nodeCrypto.importSigningKey(key);
  for (const name of ["", "x".repeat(65)])
    assert.throws(() => certificateRequest(nodeCrypto, signing, point, name), RangeError);
  assert.throws(() => certificateRequest(nodeCrypto, signing, point.subarray(1), "d"), RangeError);
});

const kinds = {
  "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "RSA 2048": ["-newkey", "rsa:2048"],
} as const;

/** A certificate that openssl makes, and its key in PKCS #8. */
function issued(newKey: readonly string[]): { certificate: Uint8Array; key: Uint8Array; pem: string } {
  const [key, certificate] = [join(scratch, "k.pem"), join(scratch, "c.pem")];
  openssl(
    ...["req", "-x509", ...newKey, "-nodes", "-keyout", key, "-out", certificate, "-days", "9"],
    ...["-subj", "/CN=dm-7/O=a company with a name", "-addext", "extendedKeyUsage=clientAuth"],
  );
  const pem = openssl("x509", "-in", certificate);
  const pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-in", key);
  return {
    pem,
    certificate: new X509Certificate(pem).raw,
    key: createPrivateKey(pkcs8).export({ type: "pkcs8", format: "der" }),
  };
}

const certificates = Object.fromEntries(
  Object.entries(kinds).map(([kind, newKey]) => [kind, issued(newKey)]),
) as { [kind in keyof typeof kinds]: ReturnType<typeof issued> };

test("the key of a certificate is that of its private key, and of no other", () => {
  const all = Object.entries(certificates);
  for (const [kind, { certificate, key }] of all)
    for (const [other, { key: otherKey }] of all) {
      const certifiedKey = certificatePublicKey(certificate)!;
      assert.equal(certifiedKey.type, kind === "P-256" ? "p256" : "rsa");
      const own = publicKeyOf(nodeCrypto, otherKey)!;
      assert.equal(samePublicKey(certifiedKey, own), kind === other, `${kind}, ${other}`);
      assert.equal(publicKeyOf(nodeCrypto, key)?.type, certifiedKey.type);
    }
});

test("a certificate of a key that the device cannot use is a certificate all the same", () => {
  for (const newKey of [
    ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    ["-newkey", "ed25519"],
  ]) {
    const { certificate, key } = issued(newKey);
    assert.equal(isCertificate(certificate), true);
    assert.equal(certificatePublicKey(certificate), undefined);
    assert.equal(publicKeyOf(nodeCrypto, key), undefined);
  }
});

test("a certificate that is cut short, or goes on, is none; of a changed one no other key is believed by mistake", () => {
  const { certificate } = certificates["P-256"];
  for (let length = 0; length < certificate.length; length++)
    assert.equal(isCertificate(certificate.subarray(0, length)), false, `${length} bytes`);
  assert.equal(isCertificate(Buffer.concat([certificate, Buffer.of(0)])), false);
  const own = certificatePublicKey(certificate)!;
  assert.equal(own.type, "p256");
  const at = Buffer.from(certificate).indexOf(own.type === "p256" ? own.point : "");
  for (let i = 0; i < certificate.length; i++) {
    const other = new Uint8Array(certificate);
    other[i]! ^= 1;
    const key = certificatePublicKey(other);
    if (key && !samePublicKey(key, own)) assert.ok(i >= at && i < at + 65, `byte ${i}`);
  }
});

test("a certificate is what is signed, by which algorithm, and the signature; nothing less and nothing more", () => {
  const { content } = derElements(certificates["P-256"].certificate)[0]!;
  const [body, algorithm, signature] = derElements(content).map(({ whole }) => whole);
  const again = (...parts: (Uint8Array | undefined)[]) =>
    isCertificate(der(derTag.sequence, ...parts.map((part) => part!)));
  assert.equal(again(body, algorithm, signature), true);
  assert.equal(again(body, algorithm, signature, algorithm), false);
  assert.equal(again(body, algorithm), false);
  assert.equal(again(body), false);
  assert.equal(again(body, signature, algorithm), false);
});

test("an RSA key with another exponent is another key", () => {
  const [modulus, exponent] = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const key = { type: "rsa", modulus, exponent } as const;
  assert.equal(samePublicKey(key, { ...key, exponent: Uint8Array.of(3) }), true);
  assert.equal(samePublicKey(key, { ...key, exponent: Uint8Array.of(5) }), false);
  assert.equal(samePublicKey(key, { ...key, modulus: exponent }), false);
});

test("the first certificate of a chain in PEM is found", () => {
  const { pem, certificate } = certificates["P-256"];
  const chain = Buffer.from(`subject=CN = dm-7\n${pem}${certificates["RSA 2048"].pem}`);
  assert.deepEqual(firstPemCertificate(chain), new Uint8Array(certificate));
  assert.deepEqual(
    firstPemCertificate(Buffer.from(pem.replaceAll("\n", "\r\n"))),
    new Uint8Array(certificate),
  );
});

test("a board commits an RSA certificate with its key, and refuses it with another", () => {
  const commit = (certificate: Uint8Array, key: Uint8Array) => {
    const bench = new Bench(nodeCrypto);
    granted(bench.ask({ kind: "begin", keepWifi: false }), "begin");
    const up = { protection: "stamp", algorithm: "hmac-256" } as const;
    const tls: TlsSettings = certified.broker.tls as TlsSettings;
    const profile = {
      ...certified,
      broker: { ...certified.broker, tls },
      topics: { ...certified.topics, up },
    };
    for (const [entry, bytes] of [
      ["profile", profileBytes(profile)],
      ["ca", ca],
      ["tls-cert", certificate],
      ["tls-key", key],
      ...certifiedPlan.entries,
    ] as const)
      for (const part of writes(entry, bytes)) granted(bench.ask(part), "write");
    const answer = bench.ask({ kind: "commit", epoch: 1 });
    return answer.kind === "error" ? answer.error : answer.kind;
  };
  const { "RSA 2048": rsa, "P-256": ec } = certificates;
  assert.equal(commit(rsa.certificate, rsa.key), "commit");
  assert.equal(commit(Buffer.from(rsa.pem + ec.pem), rsa.key), "commit");
  assert.equal(commit(rsa.certificate, ec.key), "mismatch");
  assert.equal(commit(ec.certificate, rsa.key), "mismatch");
  const another = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  assert.equal(commit(rsa.certificate, another.export({ type: "pkcs8", format: "der" })), "mismatch");
  assert.equal(commit(rsa.certificate, another.export({ type: "pkcs1", format: "der" })), "bad-value");
});
