import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { dormouse, type Ran } from "./command.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dormouse-certs-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const certs = (...words: string[]): Promise<Ran> =>
  dormouse(["certs", ...words, "--dir", "pki"], { cwd: folder });

async function done(...words: string[]): Promise<Ran> {
  const ran = await certs(...words);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

const openssl = (...words: string[]): string =>
  execFileSync("openssl", words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** OpenSSL's strictest reading of RFC 5280. */
const verify = (certificate: string, ...words: string[]) =>
  openssl(
    "verify",
    "-x509_strict",
    "-CAfile",
    "pki/ca/root.pem",
    "-untrusted",
    "pki/ca/issuing.pem",
    ...words,
    certificate,
  );

test("OpenSSL accepts a server for each of its names, and for no other", async () => {
  await done("init");
  await done("server", "--san", "*.example.net", "broker.example.org", "192.0.2.7", "--san", "2001:db8::1");
  const certificate = "pki/servers/broker.example.org/certificate.pem";
  verify(certificate, "-purpose", "sslserver", "-verify_hostname", "broker.example.org");
  verify(certificate, "-verify_hostname", "a.example.net");
  verify(certificate, "-verify_ip", "192.0.2.7");
  verify(certificate, "-verify_ip", "2001:db8::1");
  assert.throws(() => verify(certificate, "-verify_hostname", "broker.example.com"), /hostname mismatch/);
  assert.throws(() => verify(certificate, "-verify_ip", "192.0.2.8"), /IP address mismatch/);
  assert.throws(() => verify(certificate, "-purpose", "sslclient"), /purpose/);
  assert.throws(
    () => openssl("verify", "-CAfile", "pki/ca/root.pem", certificate),
    /unable to get local issuer/,
  );
});

test("OpenSSL accepts a device as client, by its id as common name", async () => {
  await done("init", "--name", "Grünes Haus");
  await done("device", "dormouse-1");
  const certificate = "pki/devices/dormouse-1/certificate.pem";
  verify(certificate, "-purpose", "sslclient");
  assert.throws(() => verify(certificate, "-purpose", "sslserver"), /purpose/);
  assert.match(openssl("x509", "-in", certificate, "-noout", "-subject"), /CN = dormouse-1/);
  const der = openssl("x509", "-inform", "DER", "-in", "pki/devices/dormouse-1/certificate.der");
  assert.equal(der, await readFile(join(folder, certificate), "utf8"));
});

test("keys are P-256, belong to their certificates and are readable by their owner alone", async () => {
  await done("init");
  await done("server", "localhost");
  await done("device", "d");
  const pairs = [
    ["ca/root.pem", "ca/root.key.pem"],
    ["ca/issuing.pem", "ca/issuing.key.pem"],
    ["servers/localhost/certificate.pem", "servers/localhost/key.pem"],
    ["devices/d/certificate.pem", "devices/d/key.pem"],
  ] as const;
  for (const [certificate, key] of pairs) {
    assert.match(openssl("pkey", "-in", `pki/${key}`, "-noout", "-text"), /prime256v1/);
    assert.equal(
      openssl("pkey", "-in", `pki/${key}`, "-pubout"),
      openssl("x509", "-in", `pki/${certificate}`, "-noout", "-pubkey"),
    );
    assert.equal((await stat(join(folder, "pki", key))).mode & 0o777, 0o600, key);
  }
  assert.equal((await stat(join(folder, "pki/devices/d/key.der"))).mode & 0o777, 0o600);
  assert.equal(await readFile(join(folder, "pki/.gitignore"), "utf8"), "*\n");
});

test("serial numbers are positive, long and random", async () => {
  await done("init");
  const serials = ["root", "issuing"].map((name) =>
    openssl("x509", "-in", `pki/ca/${name}.pem`, "-noout", "-serial"),
  );
  for (const serial of serials) assert.match(serial, /^serial=[4-7][0-9A-F]{31}\n$/);
  assert.notEqual(serials[0], serials[1]);
});

test("nothing is overwritten without --force; with it, everything is new", async () => {
  await done("init");
  const before = await readFile(join(folder, "pki/ca/root.key.pem"), "utf8");
  const refused = await certs("init");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^dormouse: pki\/ca already exists; --force replaces it[^\n]*\n$/);
  assert.equal(await readFile(join(folder, "pki/ca/root.key.pem"), "utf8"), before);
  await done("init", "--force");
  assert.notEqual(await readFile(join(folder, "pki/ca/root.key.pem"), "utf8"), before);
  verify("pki/ca/issuing.pem");
  assert.deepEqual((await readdir(join(folder, "pki"))).sort(), [".gitignore", "ca"]);
});

test("a server that is issued again keeps its key unless forced", async () => {
  await done("init");
  await done("server", "localhost");
  const path = join(folder, "pki/servers/localhost/key.pem");
  const before = await readFile(path, "utf8");
  assert.equal((await certs("server", "localhost")).code, 1);
  assert.equal(await readFile(path, "utf8"), before);
});

test("a server that keeps its key keeps its pin; one that takes the spare into use has the spare's", async () => {
  await done("init");
  await done("server", "localhost");
  const pinOf = async (...words: string[]) => {
    const ran = await dormouse(["pin", ...words, "--json"], { cwd: folder });
    return JSON.parse(ran.stdout).pins[0].pin as string;
  };
  const certificate = ["--cert", "pki/servers/localhost/chain.pem"];
  const serial = () => openssl("x509", "-in", "pki/servers/localhost/certificate.pem", "-noout", "-serial");
  const [pin, before] = [await pinOf(...certificate), serial()];
  await done("server", "localhost", "--force", "--key", "pki/servers/localhost/key.pem");
  assert.equal(await pinOf(...certificate), pin);
  assert.notEqual(serial(), before);
  verify("pki/servers/localhost/certificate.pem", "-purpose", "sslserver", "-verify_hostname", "localhost");
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "spare.key");
  await done("server", "localhost", "--force", "--key", "spare.key");
  assert.equal(await pinOf(...certificate), await pinOf("--key", "spare.key"));
  assert.equal(
    openssl("pkey", "-in", "pki/servers/localhost/key.pem", "-pubout"),
    openssl("pkey", "-in", "spare.key", "-pubout"),
  );
  verify("pki/servers/localhost/certificate.pem", "-purpose", "sslserver");
});

test("a kept key that is another kind, encrypted or none is refused, and nothing is made", async () => {
  await done("init");
  openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "p384.key");
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "p256.key");
  openssl("ec", "-in", "p256.key", "-aes128", "-passout", "pass:hunter2", "-out", "sealed.key");
  openssl("ec", "-in", "p256.key", "-pubout", "-out", "public.key");
  for (const key of ["p384.key", "sealed.key", "public.key", "pki/ca/root.pem"]) {
    const ran = await certs("server", "localhost", "--key", key);
    assert.deepEqual([ran.code, ran.stdout], [1, ""]);
    assert.match(ran.stderr, /^dormouse: [^\n]* is no P-256 private key in PEM, or is encrypted\n$/);
  }
  assert.equal((await certs("server", "localhost", "--key", "nowhere.key")).code, 2);
  assert.deepEqual((await readdir(join(folder, "pki"))).sort(), [".gitignore", "ca"]);
});

test("without an authority there is one line that says so, and nothing is made", async () => {
  const ran = await certs("server", "localhost");
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /^dormouse: no certificate authority in pki [^\n]*\n$/);
  assert.deepEqual(await readdir(folder), []);
});

test("a damaged authority is refused, and nothing is made", async () => {
  await done("init");
  const key = join(folder, "pki/ca/issuing.key.pem");
  const text = await readFile(key, "utf8");
  for (const damaged of ["", text.slice(0, text.length / 2), text.replace("BEGIN PRIVATE", "BEGIN PUBLIC")]) {
    await writeFile(key, damaged);
    const ran = await certs("server", "localhost");
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /^dormouse: [^\n]+\n$/);
    assert.deepEqual((await readdir(join(folder, "pki"))).sort(), [".gitignore", "ca"]);
  }
});

test("a certificate cannot outlive its CA", async () => {
  await done("init");
  const ran = await certs("device", "d", "--days", "5476");
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /the issuing CA ends on/);
  await done("device", "d", "--days", "5474");
});

for (const id of ["..", "a/b", ".hidden", "x".repeat(65), "grün"])
  test(`"${id}" is no device id`, async () => {
    await done("init");
    const ran = await certs("device", id);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, /^dormouse: "[^\n]* is no device id[^\n]*\n$/);
  });

test("--json names the files", async () => {
  await done("init");
  const { stdout } = await done("server", "localhost", "--json");
  const files = JSON.parse(stdout);
  for (const name of ["chain", "certificate", "key"]) await stat(join(folder, files[name]));
});

test("a folder that cannot be made gives one line", async () => {
  const ran = await dormouse(["certs", "init", "--dir", "/dev/null/pki"], { cwd: folder });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /^dormouse: \/dev\/null\/pki: [^\n]*is no folder\n$/);
});

test("a target that is a file is refused and left alone", async () => {
  await writeFile(join(folder, "pki"), "precious");
  const ran = await certs("init");
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /^dormouse: [^\n]+\n$/);
  assert.equal(await readFile(join(folder, "pki"), "utf8"), "precious");
});
