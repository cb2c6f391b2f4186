/** What a profile refers to for TLS: OpenSSL makes the files, the command accepts or refuses them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { defaultTls } from "../../../cli/profile/check.js";
import { readCredentials } from "../../../cli/profile/credentials.js";
import type { References } from "../../../cli/profile/references.js";
import { OperatorError } from "../../../cli/report.js";
import { simOptions } from "../../../cli/sim.js";
import type { TlsSettings } from "../../../lib/store/profile.js";
import { dormouse } from "../command.js";

// For its owner alone, whatever writes it: others are tested below.
process.umask(0o077);
const folder = mkdtempSync(join(tmpdir(), "dormouse-credentials-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const file = (name: string) => readFileSync(at(name));

function openssl(...args: string[]): Buffer {
  return execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

/** A key, and a certificate of its own for it. */
function selfSigned(name: string, make: readonly string[], extensions: readonly string[] = []): void {
  openssl("genpkey", ...make, "-out", `${name}.key`);
  const more = extensions.flatMap((line) => ["-addext", line]);
  openssl(
    "req",
    "-x509",
    "-new",
    "-key",
    `${name}.key`,
    "-subj",
    `/CN=${name}`,
    "-days",
    "9",
    ...more,
    "-out",
    `${name}.pem`,
  );
}

const ec = (curve: string) => ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];
const rsa = (bits: number) => ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`];

/** `count` revoked certificates; serial numbers of 16 bytes. */
function makeCrl(name: string, count: number): void {
  const lines = Array.from({ length: count }, (_, i) => {
    const serial = createHash("sha256")
      .update(`${i}`)
      .digest("hex")
      .slice(0, 32)
      .toUpperCase()
      .replace(/^0/, "1");
    return `R\t351231235959Z\t260101000000Z\t${serial}\tunknown\t/CN=gone-${i}\n`;
  });
  writeFileSync(at(`${name}.index`), lines.join(""));
  writeFileSync(
    at("ca.conf"),
    `[ca]\ndefault_ca=a\n[a]\ndatabase=${at(`${name}.index`)}\ndefault_md=sha256\n`,
  );
  const issuer = ["-keyfile", "p256.key", "-cert", "p256.pem"];
  openssl("ca", "-config", "ca.conf", "-gencrl", ...issuer, "-crldays", "9", "-out", `${name}.pem`);
  openssl("crl", "-in", `${name}.pem`, "-outform", "DER", "-out", `${name}.der`);
}

before(() => {
  selfSigned("p256", ec("P-256"));
  selfSigned("other", ec("P-256"));
  selfSigned("p384", ec("P-384"));
  selfSigned("ed25519", ["-algorithm", "ED25519"]);
  selfSigned("rsa1024", rsa(1024));
  selfSigned("rsa2048", rsa(2048));
  selfSigned("rsa3072", rsa(3072));
  selfSigned("server", ec("P-256"), ["extendedKeyUsage=serverAuth"]);
  selfSigned("client", ec("P-256"), ["extendedKeyUsage=clientAuth"]);
  makeCrl("crl", 3);
  makeCrl("large", 150);
});

const pkcs8 = (name: string) =>
  createPrivateKey(file(`${name}.key`)).export({ type: "pkcs8", format: "der" });

const none = { crl: null, certificate: null, key: null, psk: null };
const byCertificate: TlsSettings = { ...defaultTls(), identity: "certificate" };
const byPsk: TlsSettings = { ...defaultTls(), identity: "psk", pskIdentity: "d" };

const identity = (certificate: string, key: string) =>
  readCredentials(byCertificate, { certificate: `file:${certificate}`, key: `file:${key}` }, folder);

/** One line, with the setting, and without what the file held. */
async function refused(work: Promise<unknown>, line: RegExp, secret?: string): Promise<void> {
  await assert.rejects(work, (error: Error) => {
    assert.ok(error instanceof OperatorError, error.stack);
    assert.match(error.message, line);
    assert.doesNotMatch(error.message, /\n/);
    if (secret) assert.ok(!error.message.includes(secret));
    return true;
  });
}

for (const name of ["p256", "rsa2048", "rsa3072", "client"])
  test(`a certificate and its key, ${name}, reach the device in DER`, async () => {
    const found = await identity(`${name}.pem`, `${name}.key`);
    const der = openssl("x509", "-in", `${name}.pem`, "-outform", "DER");
    assert.deepEqual(
      { ...found, certificate: Buffer.from(found.certificate!) },
      { ...none, certificate: der, key: pkcs8(name) },
    );
  });

test("a key may be PKCS #8, SEC 1 or PKCS #1, in PEM or DER, and a certificate DER", async () => {
  openssl("x509", "-in", "p256.pem", "-outform", "DER", "-out", "p256.der");
  openssl("ec", "-in", "p256.key", "-out", "p256.sec1");
  openssl("ec", "-in", "p256.key", "-outform", "DER", "-out", "p256.sec1.der");
  openssl("pkcs8", "-topk8", "-nocrypt", "-in", "p256.key", "-outform", "DER", "-out", "p256.p8.der");
  for (const key of ["p256.sec1", "p256.sec1.der", "p256.p8.der"])
    assert.deepEqual((await identity("p256.der", key)).key, pkcs8("p256"), key);
  openssl("rsa", "-in", "rsa2048.key", "-traditional", "-out", "rsa2048.p1");
  openssl("rsa", "-in", "rsa2048.key", "-traditional", "-outform", "DER", "-out", "rsa2048.p1.der");
  for (const key of ["rsa2048.p1", "rsa2048.p1.der"])
    assert.deepEqual((await identity("rsa2048.pem", key)).key, pkcs8("rsa2048"), key);
  // what `openssl ecparam -genkey` writes
  writeFileSync(
    at("with-parameters.key"),
    Buffer.concat([openssl("ecparam", "-name", "prime256v1"), file("p256.sec1")]),
  );
  assert.deepEqual((await identity("p256.pem", "with-parameters.key")).key, pkcs8("p256"));
});

test("a key may come from the environment", async () => {
  process.env.DORMOUSE_TEST_KEY = file("p256.key").toString();
  const references = { certificate: "file:p256.pem", key: "env:DORMOUSE_TEST_KEY" };
  assert.deepEqual((await readCredentials(byCertificate, references, folder)).key, pkcs8("p256"));
});

test("a chain stays PEM, without the text around it", async () => {
  writeFileSync(at("chain.pem"), `subject=d\n${file("p256.pem")}\nissuer\n${file("other.pem")}`);
  const { certificate } = await identity("chain.pem", "p256.key");
  assert.equal(Buffer.from(certificate!).toString(), `${file("p256.pem")}${file("other.pem")}`);
});

const keyErrors: [what: string, certificate: string, make: () => string, line: RegExp][] = [
  [
    "another certificate's key",
    "p256.pem",
    () => "other.key",
    /^broker\.tls\.key: other\.key does not belong to/,
  ],
  [
    "the key of the second certificate",
    "chain.pem",
    () => "other.key",
    /^broker\.tls\.key: other\.key does not belong to the \(first\)/,
  ],
  ["a P-384 key", "p384.pem", () => "p384.key", /P-256, or RSA of 2048 or 3072/],
  ["an Ed25519 key", "ed25519.pem", () => "ed25519.key", /P-256, or RSA/],
  ["an RSA key of 1024 bits", "rsa1024.pem", () => "rsa1024.key", /P-256, or RSA/],
  [
    "an encrypted key (PKCS #8)",
    "p256.pem",
    () => {
      openssl("pkcs8", "-topk8", "-in", "p256.key", "-passout", "pass:hunter2", "-out", "sealed.key");
      return "sealed.key";
    },
    /^broker\.tls\.key: sealed\.key is encrypted/,
  ],
  [
    "an encrypted key (traditional)",
    "p256.pem",
    () => {
      openssl("ec", "-in", "p256.key", "-aes128", "-passout", "pass:hunter2", "-out", "old.key");
      return "old.key";
    },
    /is encrypted/,
  ],
  ["a certificate as key", "p256.pem", () => "p256.pem", /p256\.pem is no private key/],
  ["a missing key", "p256.pem", () => "nowhere.key", /^broker\.tls\.key: nowhere\.key: no such file/],
  ["a folder as key", "p256.pem", () => ".", /is a folder/],
];
for (const [what, certificate, make, line] of keyErrors)
  test(`${what} is refused`, async () => {
    const key = make();
    await refused(identity(certificate, key), line, "-----BEGIN");
  });

test("a key with any byte cut off is refused without showing it", async () => {
  const text = file("p256.key").toString();
  const [, base64] = text.split("\n");
  for (const cut of [0, 20, 60, text.length / 2, text.length - 40]) {
    writeFileSync(at("cut.key"), text.slice(0, cut));
    await refused(identity("p256.pem", "cut.key"), /^broker\.tls\.key: /, base64!.slice(0, 20));
  }
});

const certificateErrors: [what: string, name: string, line: RegExp][] = [
  ["a key as certificate", "p256.key", /p256\.key holds no certificate/],
  ["a CRL as certificate", "crl.der", /holds no certificate, or a damaged one/],
  ["a server's certificate", "server.pem", /no clientAuth/],
  ["a missing certificate", "nowhere.pem", /^broker\.tls\.certificate: nowhere\.pem: no such file/],
  [
    "a chain that no record holds",
    "long.pem",
    /takes \d{4} bytes, a device can send 2040: leave out the root/,
  ],
];
for (const [what, name, line] of certificateErrors)
  test(`${what} is refused`, async () => {
    writeFileSync(
      at("long.pem"),
      Buffer.concat([file("rsa2048.pem"), file("rsa3072.pem"), file("p256.pem")]),
    );
    await refused(identity(name, "p256.key"), line);
  });

test("a certificate that is damaged anywhere in its frame is refused", async () => {
  const der = openssl("x509", "-in", "p256.pem", "-outform", "DER");
  for (const damaged of [
    der.subarray(0, -1),
    Buffer.concat([der, Buffer.of(0)]),
    Buffer.concat([der, der]),
  ]) {
    writeFileSync(at("damaged.der"), damaged);
    await refused(identity("damaged.der", "p256.key"), /damaged/);
  }
});

const crl = (name: string, references: References = { ca: "file:p256.pem" }) =>
  readCredentials(defaultTls(), { ...references, crl: `file:${name}` }, folder);

test("a CRL reaches the device in DER, whether it was PEM or DER", async () => {
  for (const name of ["crl.pem", "crl.der"])
    assert.deepEqual(await crl(name), { ...none, crl: new Uint8Array(file("crl.der")) });
});

test("a CRL that a device has no room for is refused", async () => {
  assert.ok(file("large.der").length > 4096);
  await refused(
    crl("large.pem"),
    /^broker\.tls\.crl: large\.pem takes \d+ bytes, a device has room for 4096$/,
  );
});

for (const [what, make] of [
  ["a certificate", () => file("p256.pem")],
  ["a certificate in DER", () => openssl("x509", "-in", "p256.pem", "-outform", "DER")],
  ["nothing", () => Buffer.alloc(0)],
  ["a CRL with a byte too many", () => Buffer.concat([file("crl.der"), Buffer.of(0)])],
  ["a CRL with a byte too few", () => file("crl.der").subarray(0, -1)],
  ["two CRLs", () => Buffer.concat([file("crl.pem"), file("crl.pem")])],
] as const)
  test(`${what} in place of a CRL is refused`, async () => {
    writeFileSync(at("wrong.crl"), make());
    await refused(crl("wrong.crl"), /^broker\.tls\.crl: wrong\.crl holds /);
  });

const psk = (text: string) => {
  writeFileSync(at("psk"), text);
  return readCredentials(byPsk, { psk: "file:psk" }, folder);
};

test("a PSK is read from hex, of 16 to 64 bytes, in capitals or not", async () => {
  for (const hex of ["00".repeat(16), "0123456789abcdefABCDEF9876543210", "ff".repeat(64)]) {
    const found = await psk(`${hex}\n`);
    assert.deepEqual(found, { ...none, psk: new Uint8Array(Buffer.from(hex, "hex")) });
  }
});

for (const [what, text] of [
  ["of 15 bytes", "5e".repeat(15)],
  ["of 65 bytes", "5e".repeat(65)],
  ["with half a byte", `${"5e".repeat(16)}5`],
  ["with the identity", `dormouse-1:${"5e".repeat(16)}`],
  ["that is no hex", "hunter2 hunter2 hunter2 hunter2 "],
  ["in two lines", `${"5e".repeat(16)}\n${"5e".repeat(16)}\n`],
] as const)
  test(`a PSK ${what} is refused and not repeated`, async () => {
    await refused(psk(text), /^broker\.tls\.psk\.key: psk must hold 32 to 128 hex digits/, "5e5e");
    await assert.rejects(psk(text), (error: Error) => !error.message.includes("hunter2"));
  });

test("an empty PSK and one that is not there are refused", async () => {
  await refused(psk("\n"), /^broker\.tls\.psk\.key: file:psk is empty/);
  const missing = readCredentials(byPsk, { psk: "env:DORMOUSE_TEST_UNSET" }, folder);
  await refused(missing, /^broker\.tls\.psk\.key: the environment variable DORMOUSE_TEST_UNSET is not set/);
});

test("only what the settings need is read, and nothing with plain TCP", async () => {
  const everything = { ca: "file:x", crl: "file:x", certificate: "file:x", key: "env:X", psk: "env:X" };
  assert.deepEqual(await readCredentials(false, everything, folder), none);
  const { crl: _, ...withoutCrl } = everything;
  assert.deepEqual(await readCredentials(defaultTls(), withoutCrl, folder), none);
});

function profileWith(tls: object | false, more: object = {}): string {
  const broker = { host: "b.example", tls, ...(tls === false && { insecure: true }) };
  const profile = { schema: 1, device: { id: "d" }, wifi: { ssid: "s" }, broker, ...more };
  writeFileSync(at("profile.json"), JSON.stringify(profile));
  return at("profile.json");
}

const pins = [..."BC"].map((letter) => `sha256/${letter}${"A".repeat(42)}=`);

test("the simulator's device gets CRL, certificate and key, with the paths as seen from the profile", async () => {
  const certified = {
    ca: "file:p256.pem",
    crl: "file:crl.pem",
    certificate: "file:client.pem",
    key: "file:client.key",
  };
  const { secrets, broker, profile } = await simOptions({ profile: profileWith(certified) });
  assert.ok(broker?.tls && broker.ca && profile.broker.tls);
  assert.equal(profile.broker.tls.identity, "certificate");
  assert.deepEqual(secrets.key, pkcs8("client"));
  assert.deepEqual(secrets.crl, new Uint8Array(file("crl.der")));
});

test("with pins or a PSK there need be no CA; --ca beside a PSK is wrong usage", async () => {
  const pinned = await simOptions({ profile: profileWith({ pins }) });
  assert.deepEqual(pinned.broker, { host: "b.example", port: 8883, tls: true, ca: null });
  writeFileSync(at("key.hex"), "5e".repeat(16));
  const shared = profileWith({ psk: { identity: "d", key: "file:key.hex" } });
  const { broker, secrets } = await simOptions({ profile: shared });
  assert.deepEqual([broker?.tls, broker?.ca, secrets.psk?.length], [true, null, 16]);
  await assert.rejects(simOptions({ profile: shared, ca: at("p256.pem") }), {
    name: "UsageError",
    message: /--ca goes with certificates/,
  });
  await assert.rejects(simOptions({ profile: profileWith({}) }), {
    name: "UsageError",
    message: /--ca FILE/,
  });
});

test("--broker mqtt:// takes nothing that is for TLS", async () => {
  const shared = profileWith({ psk: { identity: "d", key: "env:DORMOUSE_TEST_UNSET" } });
  const { secrets, profile } = await simOptions({ profile: shared, broker: "mqtt://localhost" });
  assert.deepEqual([secrets.psk, profile.broker.tls], [null, false]);
});

test("--broker mqtts:// with a profile of plain TCP gets the settings of a profile that says nothing", async () => {
  const flags = { profile: profileWith(false), broker: "mqtts://localhost", ca: at("p256.pem") };
  assert.deepEqual((await simOptions(flags)).profile.broker.tls, defaultTls());
});

test("static PSK is for the ESP8266 alone, and no PSK for the embedded broker", async () => {
  const psk = { identity: "d", key: "file:key.hex" };
  const profile = profileWith({ psk, forwardSecrecy: false });
  await refused(
    simOptions({ profile, board: "esp32" }),
    /^broker\.tls\.forwardSecrecy: only --board esp8266/,
  );
  assert.equal((await simOptions({ profile, board: "esp8266" })).board, "esp8266");
  const embedded = profileWith(false, { broker: { host: "broker.dormouse.test", tls: { psk } } });
  await refused(simOptions({ profile: embedded }), /the embedded broker knows no PSK/);
});

test("the command tells it in one line, exit 1, before anything has started", async () => {
  const profile = profileWith({ ca: "file:p256.pem", certificate: "file:p256.pem", key: "file:other.key" });
  const ran = await dormouse(["sim", "--profile", profile]);
  assert.deepEqual([ran.code, ran.stdout], [1, ""]);
  assert.match(ran.stderr, /^dormouse: broker\.tls\.key: other\.key does not belong to [^\n]*\n$/);
});
