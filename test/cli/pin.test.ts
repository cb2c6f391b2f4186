/** `dormouse pin` against what OpenSSL computes, over servers of two makers. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pinnedKey } from "../../cli/pin/pinned.js";
import { parsePin } from "../../lib/tls/pins.js";
import { type Certificate, chainFile, openssl, TestCA } from "../native/pki.js";
import {
  freePort,
  gnutlsServer,
  opensslServer,
  rawServer,
  type Server,
  talkingOpenssl,
} from "../native/servers.js";
import { dormouse, type Ran } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-pin-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

/** The command of RFC 7469's appendix A, as everybody writes it. */
function opensslPin(certificate: string): string {
  const command =
    'openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64';
  return `sha256/${execFileSync("sh", ["-c", command, certificate], { encoding: "utf8" }).trim()}`;
}

let ca: TestCA;
let middle: Certificate;
const leaves = new Map<string, Certificate>();

before(() => {
  ca = new TestCA(folder, "ca", { kind: "rsa" });
  middle = ca.intermediate("middle", { kind: "p384" });
  for (const kind of ["ecdsa", "p384", "rsa", "rsa3072"] as const)
    leaves.set(kind, ca.issue(kind, { kind, issuer: middle }));
});

const pin = (...words: string[]): Promise<Ran> => dormouse(["pin", ...words], { cwd: folder });

async function pinsOf(...words: string[]): Promise<string[]> {
  const ran = await pin(...words, "--json");
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  const { pins } = JSON.parse(ran.stdout) as { pins: { pin: string }[] };
  for (const one of pins) parsePin(one.pin);
  return pins.map((one) => one.pin);
}

async function live<T>(server: Promise<Server>, use: (address: string) => Promise<T>): Promise<T> {
  const { port, stop } = await server;
  try {
    return await use(`127.0.0.1:${port}`);
  } finally {
    await stop();
  }
}

for (const kind of ["ecdsa", "p384", "rsa"] as const)
  for (const version of ["1.2", "1.3"] as const) {
    const files = () => {
      const leaf = leaves.get(kind)!;
      const chain = chainFile(at(`${kind}-chain.pem`), [leaf, middle]);
      return { leaf, chain: { certificate: chain, key: leaf.key } };
    };

    test(`openssl s_server, ${kind}, TLS ${version}: each certificate of the chain has OpenSSL's pin`, async () => {
      const { leaf, chain } = files();
      const server = opensslServer(leaf, version, ["-rev", "-cert_chain", chain.certificate]);
      const found = await live(server, (address) => pinsOf(address));
      assert.deepEqual(
        found,
        [leaf, leaf, middle].map(({ certificate }) => opensslPin(certificate)),
      );
    });

    test(`gnutls-serv, ${kind}, TLS ${version}: each certificate of the chain has OpenSSL's pin`, async () => {
      const { leaf, chain } = files();
      const found = await live(gnutlsServer(chain, version), (address) => pinsOf(address));
      assert.deepEqual(
        found,
        [leaf, middle].map(({ certificate }) => opensslPin(certificate)),
      );
    });
  }

test("the chain comes as the server sent it: out of order, with strangers, without what it left out", async () => {
  const leaf = leaves.get("ecdsa")!;
  const stranger = new TestCA(folder, "stranger");
  const sent = [stranger, ca, middle];
  for (const version of ["1.2", "1.3"] as const) {
    const chain = chainFile(at("odd.pem"), sent);
    const server = opensslServer(leaf, version, ["-rev", "-cert_chain", chain]);
    const expected = [leaf, ...sent].map(({ certificate }) => opensslPin(certificate));
    assert.deepEqual(await live(server, (address) => pinsOf(address)), expected);
    const bare = opensslServer(leaf, version);
    assert.deepEqual(await live(bare, (address) => pinsOf(address)), expected.slice(0, 1));
  }
});

test("a broker that demands a client certificate shows its own all the same", async () => {
  const leaf = leaves.get("rsa")!;
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const server = talkingOpenssl({ certificate: leaf, clientCA: ca }, [version]);
    assert.deepEqual(await live(server, (address) => pinsOf(address)), [opensslPin(leaf.certificate)]);
  }
});

test("it asks for the host by name, and offers mqtt as a device does", async () => {
  const [leaf, other] = [leaves.get("ecdsa")!, leaves.get("p384")!];
  const byName = ["-rev", "-servername", "localhost", "-cert2", other.certificate, "-key2", other.key];
  const named = opensslServer(leaf, "1.3", byName);
  const found = await live(named, async (address) => [
    ...(await pinsOf(address)),
    ...(await pinsOf(address.replace("127.0.0.1", "localhost"))),
  ]);
  assert.deepEqual(
    found,
    [leaf, other].map(({ certificate }) => opensslPin(certificate)),
  );
  const web = opensslServer(leaf, "1.3", ["-rev", "-alpn", "h2"]);
  const refused = await live(web, (address) => pin(address));
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /refuses the application protocol mqtt/);
});

test("--cert reads PEM bundles and DER, and gives the same", async () => {
  const all = [...leaves.values(), middle, ca];
  const expected = all.map(({ certificate }) => opensslPin(certificate));
  writeFileSync(
    at("bundle.pem"),
    all.map(({ certificate }) => `Subject: x\n${readFileSync(certificate, "utf8")}`).join("\n"),
  );
  assert.deepEqual(await pinsOf("--cert", "bundle.pem"), expected);
  openssl(["x509", "-in", ca.certificate, "-outform", "DER", "-out", at("ca.der")]);
  assert.deepEqual(await pinsOf("--cert", "ca.der"), expected.slice(-1));
});

/** The certificate with an RSA AlgorithmIdentifier that lacks its NULL, and that public key's bytes. */
function withoutNull(certificate: string): { der: Buffer; spki: Buffer } {
  const der = execFileSync("openssl", ["x509", "-in", certificate, "-outform", "DER"]);
  const start = der.indexOf(Buffer.from("300d06092a864886f70d0101010500", "hex")) - 4;
  const cut = Buffer.concat([der.subarray(0, start + 17), der.subarray(start + 19)]);
  cut[start + 5]! -= 2;
  for (const at of [0, 4, start]) cut.writeUInt16BE(cut.readUInt16BE(at + 2) - 2, at + 2);
  return { der: cut, spki: cut.subarray(start, start + 4 + cut.readUInt16BE(start + 2)) };
}

test("the key is hashed as it stands in the certificate, not as DER would write it again", async () => {
  const { der, spki } = withoutNull(leaves.get("rsa")!.certificate);
  writeFileSync(at("without-null.der"), der);
  const expected = `sha256/${createHash("sha256").update(spki).digest("base64")}`;
  assert.deepEqual(await pinsOf("--cert", "without-null.der"), [expected]);
  assert.notEqual(expected, opensslPin(leaves.get("rsa")!.certificate));
});

test("--key gives a reserve key's pin before there is a certificate, from the private or the public half", async () => {
  for (const kind of ["ecdsa", "p384", "rsa"]) {
    const { certificate, key } = leaves.get(kind)!;
    const expected = [opensslPin(certificate)];
    openssl(["pkey", "-in", key, "-pubout", "-out", at("public.pem")]);
    openssl(["pkey", "-in", key, "-pubout", "-outform", "DER", "-out", at("public.der")]);
    openssl(["pkey", "-in", key, "-outform", "DER", "-out", at("private.der")]);
    openssl(["pkcs8", "-topk8", "-nocrypt", "-in", key, "-outform", "DER", "-out", at("pkcs8.der")]);
    for (const file of ["public.pem", "public.der", "private.der", "pkcs8.der"])
      assert.deepEqual([pinnedKey(readFileSync(at(file))).pin], expected, `${kind} ${file}`);
    assert.deepEqual(await pinsOf("--key", key), expected);
  }
});

test("the spare key of the advice can be made as it says", async () => {
  const { stdout } = await pin("--cert", ca.certificate);
  const commands = [...stdout.matchAll(/^ {2}((?:openssl|dormouse) .*)$/gm)].map(([, line]) => line!);
  assert.equal(commands.length, 2);
  execFileSync("sh", ["-c", commands[0]!], { cwd: folder, stdio: "pipe" });
  const ran = await dormouse(commands[1]!.split(" ").slice(1), { cwd: folder });
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  assert.match(ran.stdout, /^P-256\n {2}sha256\/[A-Za-z0-9+/]{43}=\n/);
});

test("in words: subject, validity, key and pin, and over the network what that is worth", async () => {
  const leaf = leaves.get("rsa3072")!;
  const shown = await live(opensslServer(leaf, "1.3"), (address) => pin(address));
  assert.equal(shown.code, 0);
  const day = "\\d{4}-\\d\\d-\\d\\d";
  assert.match(
    shown.stdout,
    new RegExp(`^CN=localhost\n {2}valid from ${day} to ${day}, RSA 3072\n {2}sha256/`),
  );
  assert.match(shown.stdout, /as trustworthy as that network/);
  assert.match(shown.stdout, /at least two pins: .* spare key/);
  const read = await pin("--cert", leaf.certificate);
  assert.doesNotMatch(read.stdout, /trustworthy/);
  assert.match(read.stdout, /at least two pins/);
});

test("--json holds where it came from, subject, names, validity and key as well", async () => {
  const { certificate } = leaves.get("ecdsa")!;
  const { stdout } = await pin("--cert", certificate, "--json");
  const dates = execFileSync("openssl", ["x509", "-in", certificate, "-noout", "-dates"], {
    encoding: "utf8",
  });
  const [notBefore, notAfter] = [...dates.matchAll(/=(.*)/g)].map(([, date]) =>
    new Date(date!).toISOString(),
  );
  const names = "DNS:localhost, IP Address:127.0.0.1";
  assert.deepEqual(JSON.parse(stdout), {
    source: certificate,
    overNetwork: false,
    pins: [
      {
        pin: opensslPin(certificate),
        key: "P-256",
        certificate: { subject: "CN=localhost", names, notBefore, notAfter },
      },
    ],
  });
});

test("a name that would write to the terminal is shown without that", async () => {
  const subject = "/CN=\u001b]0;x\u0007\u202eevil\u2028";
  const { certificate } = new TestCA(folder, "terminal", { subject });
  for (const flags of [[], ["--json"]]) {
    const { stdout } = await pin("--cert", certificate, ...flags);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /[\p{C}\u2028]/u);
    assert.match(stdout, /evil/);
  }
});

/** [what is there, how, what the line says] */
const strangers: [what: string, start: () => Promise<Server>, line: RegExp][] = [
  [
    "something that speaks no TLS",
    () => rawServer((socket) => socket.end("220 mail ready\r\n")),
    /does not speak TLS/,
  ],
  ["something that hangs up", () => rawServer((socket) => socket.end()), /ends the connection before TLS/],
  [
    "something that resets",
    () => rawServer((socket) => socket.resetAndDestroy()),
    /ends the connection before TLS/,
  ],
  ["something that says nothing", () => rawServer(() => {}), /has not shown a certificate within 0\.5 s/],
  [
    "a TLS 1.1 server",
    () => opensslServer(leaves.get("rsa")!, "1.1", ["-rev", "-cipher", "DEFAULT@SECLEVEL=0"]),
    /speaks neither TLS 1\.2 nor 1\.3/,
  ],
  [
    "a broker of PSKs alone",
    () => talkingOpenssl({ psk: { identity: "d", key: "00".repeat(16) } }),
    /refuses the handshake: it may know PSKs only/,
  ],
];
for (const [what, start, line] of strangers)
  test(`${what} is told in one line, exit 1`, async () => {
    const { ran, address } = await live(start(), async (address) => ({
      ran: await pin(address, "--timeout", "500ms"),
      address,
    }));
    assert.deepEqual([ran.code, ran.stdout], [1, ""]);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^dormouse: [^\n]+\n$/);
    assert.ok(ran.stderr.startsWith(`dormouse: ${address} `), ran.stderr);
  });

test("a date that is none hides no pin", async () => {
  const leaf = leaves.get("ecdsa")!;
  const base64 = readFileSync(leaf.certificate, "utf8").replace(/-----[^-]+-----|\s/g, "");
  const der = Buffer.from(base64, "base64");
  // the first UTCTime becomes the 99th day of the 99th month
  const time = der.indexOf(Buffer.from([0x17, 13]));
  der.write("269999", time + 2, "latin1");
  writeFileSync(at("timeless.der"), der);
  const { code, stdout, stderr } = await pin("--cert", "timeless.der");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /valid from unreadable to 20/);
  assert.ok(stdout.includes(opensslPin(leaf.certificate)));
});

test("nobody there, and a name that nobody has, are told in one line", async () => {
  const refused = await pin(`127.0.0.1:${await freePort()}`);
  assert.match(refused.stderr, /^dormouse: 127\.0\.0\.1:\d+ refuses the connection[^\n]*\n$/);
  const unknown = await pin("broker.invalid:8883", "--timeout", "5s");
  assert.match(
    unknown.stderr,
    /^dormouse: broker\.invalid:8883 (is no known host name|cannot be looked up)[^\n]*\n$/,
  );
  assert.deepEqual([refused.code, unknown.code], [1, 1]);
});

const wrongFiles: [flag: string, make: () => string, line: RegExp][] = [
  ["--cert", () => leaves.get("rsa")!.key, /holds no certificate/],
  ["--key", () => ca.certificate, /is no private or public key/],
  [
    "--cert",
    () => {
      const text = readFileSync(ca.certificate, "utf8");
      writeFileSync(at("damaged.pem"), text.replace(/\n.{8}/, "\n"));
      return "damaged.pem";
    },
    /damaged/,
  ],
  [
    "--cert",
    () => {
      openssl(["x509", "-in", ca.certificate, "-outform", "DER", "-out", at("longer.der")]);
      writeFileSync(at("longer.der"), Buffer.concat([readFileSync(at("longer.der")), Buffer.of(0)]));
      return "longer.der";
    },
    /damaged/,
  ],
  [
    "--key",
    () => {
      const sealed = ["-passout", "pass:hunter2", "-out", at("sealed.key")];
      openssl(["pkcs8", "-topk8", "-in", leaves.get("rsa")!.key, ...sealed]);
      return "sealed.key";
    },
    /is encrypted: give its public key/,
  ],
];
for (const [flag, make, line] of wrongFiles)
  test(`${flag} with the wrong content: ${line.source}`, async () => {
    const ran = await pin(flag, make());
    assert.deepEqual([ran.code, ran.stdout], [1, ""]);
    assert.match(ran.stderr, line);
    assert.match(ran.stderr, /^dormouse: [^\n]+\n$/);
  });
