/** The listener's TLS: whom it trusts, who it is, and that a stranger gets nothing from it. */
import assert from "node:assert/strict";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { createServer, type Server, type TlsOptions } from "node:tls";
import {
  type Certified,
  issueDevice,
  issueIssuing,
  issueRoot,
  issueServer,
} from "../../../certs/pki/issue.js";
import { altName } from "../../../certs/pki/names.js";
import { fromPem, pem } from "../../../certs/pki/pem.js";
import { validFor } from "../../../certs/pki/validity.js";
import { type ListenerTls, secureStream } from "../../../host-sim/world/listener-tls.js";
import { type Certificate, TestCA } from "../../native/pki.js";

const validity = validFor(9, Date.now());
const certificatePem = (...some: Certified[]) =>
  some.map(({ certificate }) => pem("CERTIFICATE", certificate)).join("");
const keyPem = ({ key }: Certified) => pem("PRIVATE KEY", key);

function pinOf({ certificate }: Certified): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return `sha256/${createHash("sha256").update(spki).digest("base64")}`;
}

const strange = `sha256/${"A".repeat(43)}=`;
const spare = `sha256/${"A".repeat(42)}E=`;

let root: Certified;
let issuing: Certified;
let leaf: Certified;
let expired: Certified;
let device: Certified;
/** The same names, other keys. */
let otherRoot: Certified;
let otherIssuing: Certified;
let otherLeaf: Certified;

before(async () => {
  const names = [altName("broker.test")];
  const branch = async () => {
    const top = await issueRoot("Test", validity);
    const below = await issueIssuing("Test", top, validity);
    return [top, below, await issueServer(below, names, validity)] as const;
  };
  [root, issuing, leaf] = await branch();
  [otherRoot, otherIssuing, otherLeaf] = await branch();
  const past = { notBefore: new Date("2026-01-01"), notAfter: new Date("2026-01-02") };
  expired = await issueServer(issuing, names, past);
  device = await issueDevice(issuing, "d", validity);
});

interface Meeting {
  /** What the listener's side said at the end. */
  readonly error: string | undefined;
  /** What the server got. */
  readonly got: string;
  readonly version: string | null;
}

/** The listener writes at once, as MQTT.js does; the server says "hello" to everybody. */
async function meet(server: TlsOptions, tls: ListenerTls): Promise<Meeting> {
  let got = "";
  const broker: Server = createServer(server, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      got += data;
      socket.end("hello");
    });
  });
  broker.on("tlsClientError", () => {});
  broker.listen(0, "127.0.0.1");
  await once(broker, "listening");
  const { port } = broker.address() as AddressInfo;
  const socket = secureStream("127.0.0.1", port, tls);
  let error: string | undefined;
  let version: string | null = null;
  socket.on("error", (reason) => {
    error = reason.message;
  });
  socket.on("secureConnect", () => {
    version = socket.getProtocol();
  });
  assert.equal(socket.writableCorked, 1, "nothing is handed to TLS before the broker is known");
  socket.write("password");
  socket.resume();
  const limit = setTimeout(() => socket.destroy(new Error("timeout")), 5000);
  await once(socket, "close").catch(() => once(socket, "close"));
  clearTimeout(limit);
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  return { error, got, version };
}

const serving = (chain: readonly Certified[], of = chain[0]!): TlsOptions => ({
  cert: certificatePem(...chain),
  key: keyPem(of),
});
const named = { serverName: "broker.test" };

async function trusts(chain: readonly Certified[], tls: ListenerTls): Promise<void> {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const { error, got, version } = await meet({ ...serving(chain), maxVersion }, tls);
    assert.deepEqual({ error, got, version }, { error: undefined, got: "password", version: maxVersion });
  }
}

async function refuses(chain: readonly Certified[], tls: ListenerTls, reason: RegExp): Promise<void> {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const { error, got } = await meet({ ...serving(chain), maxVersion }, tls);
    assert.match(error ?? "no error", reason);
    assert.equal(got, "", "a stranger got the password");
  }
}

test("by CA: its broker, under its name, and no other", async () => {
  const tls = { ...named, caPem: certificatePem(root) };
  await trusts([leaf, issuing], tls);
  await refuses([otherLeaf, otherIssuing], tls, /certificate/);
  await refuses([leaf, issuing], { ...tls, serverName: "other.test" }, /does not match/);
  await refuses([expired, issuing], tls, /expired/);
});

test("by CA and pins: a pin of the broker's or of a CA above it must be there", async () => {
  const tls = { ...named, caPem: certificatePem(root) };
  for (const pinned of [leaf, issuing, root])
    await trusts([leaf, issuing], { ...tls, pins: [strange, pinOf(pinned)] });
  await refuses([leaf, issuing], { ...tls, pins: [strange, pinOf(otherLeaf)] }, /none of the broker's keys/);
  await trusts([leaf, root, issuing], { ...tls, pins: [strange, pinOf(issuing)] });
  // Sent along, and not what signed the broker's.
  await refuses([leaf, issuing, otherRoot], { ...tls, pins: [strange, pinOf(otherRoot)] }, /none of/);
});

test("by several CAs: any of them, and a pin of the one above the broker's", async () => {
  const tls = { ...named, caPem: certificatePem(otherRoot, root) };
  await trusts([leaf, issuing], tls);
  await trusts([otherLeaf, otherIssuing], tls);
  await trusts([leaf, issuing], { ...tls, pins: [strange, pinOf(root)] });
  await refuses([leaf, issuing], { ...tls, pins: [strange, pinOf(otherRoot)] }, /none of the broker's keys/);
});

test("one version alone, when that is asked for", async () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const tls = { ...named, caPem: certificatePem(root), version };
    assert.equal((await meet(serving([leaf, issuing]), tls)).version, version);
    const other = version === "TLSv1.2" ? { minVersion: "TLSv1.3" } : { maxVersion: "TLSv1.2" };
    const { got } = await meet({ ...serving([leaf, issuing]), ...other } as TlsOptions, tls);
    assert.equal(got, "");
  }
});

test("an application protocol is offered when it is asked for", async () => {
  const tls = { ...named, caPem: certificatePem(root) };
  const picky = (alpn: string): TlsOptions => ({ ...serving([leaf, issuing]), ALPNProtocols: [alpn] });
  assert.equal((await meet(picky("mqtt"), { ...tls, alpn: "mqtt" })).got, "password");
  assert.equal((await meet(picky("other"), { ...tls, alpn: "mqtt" })).got, "");
  assert.equal((await meet(picky("other"), tls)).got, "password");
});

test("by pins alone: the broker's own key, whatever its name, while its certificate lasts", async () => {
  const tls = { caPem: null, pins: [spare, pinOf(leaf)] };
  await trusts([leaf, issuing], { ...tls, ...named });
  await trusts([leaf], { ...tls, serverName: "other.test" });
  await refuses([otherLeaf, otherIssuing], { ...tls, ...named }, /none of/);
  await refuses([expired, issuing], { caPem: null, pins: [spare, pinOf(expired)], ...named }, /none of/);
});

test("by pins alone: a CA's key, when it signed the broker's and the name is right", async () => {
  const tls = { caPem: null, pins: [spare, pinOf(issuing)] };
  await trusts([leaf, issuing], { ...tls, ...named });
  await refuses([leaf, issuing], { ...tls, serverName: "other.test" }, /none of/);
  await refuses([leaf], { ...tls, ...named }, /none of/);
  await refuses([expired, issuing], { ...tls, ...named }, /none of/);
  await trusts([leaf, issuing, root], { caPem: null, pins: [spare, pinOf(root)], ...named });
  // The CA's certificate is public: whoever sends it along, below it a leaf that another key signed, is no one.
  await refuses([otherLeaf, issuing], { ...tls, ...named }, /none of/);
  await refuses([otherLeaf, otherIssuing, issuing], { ...tls, ...named }, /none of/);
  const forger = { certificate: issuing.certificate, key: otherIssuing.key };
  const forged = await issueServer(forger, [altName("broker.test")], validity);
  await refuses([forged, issuing], { ...tls, ...named }, /none of/);
});

test("by pins alone: a certificate that is no CA's cannot sign a broker's, and a common name is no name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-listener-"));
  try {
    const ca = new TestCA(folder);
    const read = ({ certificate, key }: Certificate): Certified => ({
      certificate: fromPem("CERTIFICATE", readFileSync(certificate, "utf8"))[0]!,
      key: new Uint8Array(createPrivateKey(readFileSync(key)).export({ type: "pkcs8", format: "der" })),
    });
    const middle = (name: string, extension: string) =>
      ca.issue(name, { subject: `/CN=${name}`, extensions: [extension] });
    const below = (name: string, extension: string, issuer: Certificate) =>
      read(ca.issue(name, { extensions: [extension], issuer }));
    const tls = (pinned: Certificate) => ({
      caPem: null,
      pins: [spare, pinOf(read(pinned))],
      serverName: "localhost",
    });
    const bare = middle("bare", "subjectKeyIdentifier=hash");
    const forged = below("forged", "subjectAltName=DNS:localhost", bare);
    await refuses([forged, read(bare)], tls(bare), /none of/);
    const proper = middle("proper", "basicConstraints=critical,CA:TRUE");
    await trusts([below("named", "subjectAltName=DNS:localhost", proper), read(proper)], tls(proper));
    await refuses(
      [below("called", "keyUsage=digitalSignature", proper), read(proper)],
      tls(proper),
      /none of/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("without CA, pins and PSK nobody is trusted", async () => {
  await refuses([leaf, issuing], { caPem: null, ...named }, /none of/);
});

test("its certificate gets it in where one is demanded", async () => {
  const ca = certificatePem(root);
  const demanding = { ...serving([leaf, issuing]), requestCert: true, rejectUnauthorized: true, ca };
  const identity = { certificatePem: certificatePem(device, issuing), keyPem: keyPem(device) };
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const server = { ...demanding, maxVersion };
    assert.equal((await meet(server, { ...named, caPem: ca, identity })).got, "password");
    assert.equal((await meet(server, { ...named, caPem: ca })).got, "");
  }
});

const key = Buffer.alloc(16, 7);
const presharing: TlsOptions = {
  pskCallback: (_, identity) => (identity === "d" ? key : null),
  ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256",
};
const psk = { identity: "d", key, forwardSecrecy: true };

for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`by PSK over ${maxVersion}: the same identity and key, or nothing`, async () => {
    const server = { ...presharing, maxVersion };
    const met = await meet(server, { caPem: null, psk });
    assert.deepEqual(met, { error: undefined, got: "password", version: maxVersion });
    for (const wrong of [
      { ...psk, identity: "e" },
      { ...psk, key: Buffer.alloc(16, 8) },
    ]) {
      const { error, got } = await meet(server, { caPem: null, psk: wrong });
      assert.ok(error);
      assert.equal(got, "");
    }
  });

  test(`by PSK over ${maxVersion}: a broker that shows a certificate instead is refused`, async () => {
    const tls = { ...named, caPem: certificatePem(root) };
    await trusts([leaf, issuing], tls);
    await refuses([leaf, issuing], { ...tls, psk }, /alert|shows no PSK/);
    await refuses([leaf, issuing], { ...named, caPem: null, psk }, /alert|certificate/);
  });
}

test("static PSK only when the profile does without forward secrecy", async () => {
  const server: TlsOptions = { ...presharing, maxVersion: "TLSv1.2", ciphers: "PSK-AES128-GCM-SHA256" };
  assert.equal((await meet(server, { caPem: null, psk })).got, "");
  assert.equal((await meet(server, { caPem: null, psk: { ...psk, forwardSecrecy: false } })).got, "password");
});
