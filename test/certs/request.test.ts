/** Certificates for the keys that devices make themselves. OpenSSL makes the requests, and judges what is issued. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { authorityFiles, createAuthority, issueForRequest } from "../../certs/pki/authority.js";
import { validFor } from "../../certs/pki/validity.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-request-"));
const pki = join(folder, "pki");
after(() => rmSync(folder, { recursive: true, force: true }));
before(() => {
  const root = validFor(7300, Date.now());
  return createAuthority(pki, { name: "Test", root, issuing: validFor(5475, Date.now()), replace: false });
});

const openssl = (...words: string[]): string =>
  execFileSync("openssl", words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

function request(
  subject = "/CN=dormouse-1",
  key = p256,
  more: readonly string[] = [],
): Uint8Array<ArrayBuffer> {
  openssl(
    "req",
    "-new",
    ...key,
    "-nodes",
    "-keyout",
    "key.pem",
    "-subj",
    subject,
    "-outform",
    "DER",
    "-out",
    "csr",
    ...more,
  );
  return Uint8Array.from(readFileSync(join(folder, "csr")));
}

const issue = (csr: Uint8Array<ArrayBuffer>, id = "dormouse-1", days = 30) =>
  issueForRequest(pki, csr, { id, days });

test("a device's request gets the certificate of any device, for its own key", async () => {
  const csr = request();
  const { chain, facts } = await issue(csr);
  const { serial, fingerprint, notAfterMs, issuer, point } = facts;
  writeFileSync(join(folder, "chain.pem"), chain);
  const { root, issuing } = authorityFiles(pki);
  openssl(
    "verify",
    "-x509_strict",
    "-purpose",
    "sslclient",
    "-CAfile",
    root,
    "-untrusted",
    "chain.pem",
    "chain.pem",
  );
  assert.throws(() =>
    openssl("verify", "-purpose", "sslserver", "-CAfile", root, "-untrusted", "chain.pem", "chain.pem"),
  );
  assert.equal(
    openssl("x509", "-in", "chain.pem", "-noout", "-pubkey"),
    openssl("pkey", "-in", "key.pem", "-pubout"),
  );
  const shown = openssl(
    "x509",
    "-in",
    "chain.pem",
    "-noout",
    "-subject",
    "-serial",
    "-fingerprint",
    "-sha256",
    "-enddate",
  );
  assert.match(shown, /^subject=CN = dormouse-1$/m);
  assert.match(shown, new RegExp(`^serial=${serial}$`, "im"));
  assert.equal(/Fingerprint=(.*)$/m.exec(shown)![1]!.replaceAll(":", "").toLowerCase(), fingerprint);
  const text = openssl("x509", "-in", "chain.pem", "-noout", "-text").replaceAll(/[\s:]/g, "").toLowerCase();
  assert.ok(text.includes(`authoritykeyidentifier${issuer}`), `${issuer}`);
  assert.ok(text.includes(`pub${point}`), `${point}`);
  assert.equal(Date.parse(/notAfter=(.*)$/m.exec(shown)![1]!), notAfterMs);
  const certificates = Buffer.from(chain)
    .toString()
    .split(/(?<=END CERTIFICATE-----\n)/);
  assert.equal(certificates[1], readFileSync(issuing, "utf8"));
  assert.equal(certificates.length, 2);
  // What a device can send, docs/tls.md.
  assert.ok(chain.length < 2040, `${chain.length}`);
});

test("nothing of a request but its key is taken over", async () => {
  const config =
    "[req]\ndistinguished_name=n\nreq_extensions=e\n[n]\n[e]\nbasicConstraints=critical,CA:true\nsubjectAltName=DNS:broker.example.org\nkeyUsage=keyCertSign\nextendedKeyUsage=serverAuth\n";
  writeFileSync(join(folder, "greedy.cnf"), config);
  const { chain, facts } = await issue(request(undefined, undefined, ["-config", "greedy.cnf"]));
  writeFileSync(join(folder, "greedy.pem"), chain);
  const text = openssl("x509", "-in", "greedy.pem", "-noout", "-text");
  assert.doesNotMatch(text, /CA:TRUE|broker\.example|Certificate Sign|Server Authentication/);
  assert.match(text, /CA:FALSE/);
  assert.match(text, /TLS Web Client Authentication/);
  const again = await issue(request());
  assert.notEqual(again.facts.serial, facts.serial);
  assert.match(facts.serial, /^[4-7][0-9a-f]{31}$/);
});

test("a key that is written in another way is the same key", async () => {
  openssl(
    "ecparam",
    "-name",
    "prime256v1",
    "-genkey",
    "-conv_form",
    "compressed",
    "-noout",
    "-out",
    "short.pem",
  );
  openssl("req", "-new", "-key", "short.pem", "-subj", "/CN=dormouse-1", "-outform", "DER", "-out", "csr");
  const { chain } = await issue(Uint8Array.from(readFileSync(join(folder, "csr"))));
  writeFileSync(join(folder, "short.chain"), chain);
  const point = (text: string) => /pub:([0-9a-f:\s]+)/.exec(text)![1]!.replaceAll(/[\s:]/g, "");
  const issued = point(openssl("x509", "-in", "short.chain", "-noout", "-text"));
  assert.match(issued, /^04[0-9a-f]{128}$/);
  assert.equal(
    issued,
    point(openssl("ec", "-in", "short.pem", "-conv_form", "uncompressed", "-noout", "-text")),
  );
});

test("a request of somebody else, of another key or damaged is refused", async () => {
  const csr = request();
  const refused = (bytes: Uint8Array<ArrayBuffer>, why: RegExp, id?: string) =>
    assert.rejects(
      issue(bytes, id),
      (error: Error) => error instanceof RangeError && why.test(error.message),
    );
  await refused(csr, /subject is not "dormouse-2" alone/, "dormouse-2");
  await refused(csr, /no device id/, "../dormouse-1");
  await refused(request("/CN=dormouse-1/O=Green House"), /subject is not/);
  await refused(request("/O=Green House/CN=dormouse-1"), /subject is not/);
  await refused(request("/CN=dormouse-1/CN=dormouse-2"), /subject is not/);
  await refused(request("/O=dormouse-1"), /subject is not/);
  await refused(request(undefined, ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]), /no P-256 key/);
  await refused(request(undefined, ["-newkey", "rsa:2048"]), /no P-256 key/);
  await refused(request(undefined, undefined, ["-sha1"]), /not signed/);
  const forged = csr.slice();
  forged[forged.length - 1]! ^= 1;
  await refused(forged, /not signed/);
  const renamed = Uint8Array.from(
    Buffer.from(csr).toString("latin1").replace("dormouse-1", "dormouse-2"),
    (c) => c.charCodeAt(0),
  );
  await refused(renamed, /not signed/, "dormouse-2");
  await refused(Uint8Array.of(...csr, 0), /no certificate request/);
  for (let length = 0; length < csr.length; length += 7)
    await refused(csr.slice(0, length), /no certificate request/);
});

test("no certificate outlives the CA, and a folder without one is told", async () => {
  const csr = request();
  await issue(csr, "dormouse-1", 5474);
  await assert.rejects(issue(csr, "dormouse-1", 5476), /the issuing CA ends on/);
  await assert.rejects(
    issueForRequest(folder, csr, { id: "dormouse-1", days: 1 }),
    /no certificate authority/,
  );
});
