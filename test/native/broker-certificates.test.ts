/**
 * The hostile broker matrix, certificates: who is refused, by which name, without a byte of the application's;
 * and beside each who is let in.
 */
import { after, before, test } from "node:test";
import { Bench, turned } from "./broker-bench.js";
import {
  type Certificate,
  type Issue,
  isCA,
  pinOf,
  selfSigned,
  serverFor,
  strangePin,
  TestCA,
} from "./pki.js";

const bench = new Bench();
const { ca, between, honest, under, scratch } = bench;
const { key } = honest;

before(() => bench.start());
after(() => bench.stop());

/** A broker that differs from the honest one as `options` say; with the same key. */
function like(name: string, options: Issue, ...more: string[]) {
  return bench.broker(ca.issue(name, { key, ...options }), [], ...more);
}

test("its dates", async () => {
  const { good, chained } = bench;
  const past = await like("past", { days: [-20, -2] });
  const future = await like("future", { days: [2, 20] });
  const old = ca.intermediate("old", { key: between.key, subject: "/CN=Test between", days: [-20, -2] });
  const underOld = await bench.broker(under, [old]);
  await bench.judge([
    turned("expired", "tls-expired", [past], [good], "until 20"),
    turned("not yet valid", "tls-not-yet-valid", [future], [good], "from 20"),
    turned("its CA expired", "tls-expired", [underOld], [chained], "until 20"),
  ]);
});

test("whom it leads to", async () => {
  const { good, chained } = bench;
  const other = new TestCA(scratch, "other", { subject: "/CN=Other CA" });
  const fake = new TestCA(scratch, "fake");
  const faked = fake.issue("faked", { key });
  const leafSigner = ca.intermediate("leaf-signer", { extensions: ["basicConstraints=critical,CA:FALSE"] });
  const byLeaf = ca.issue("by-leaf", { issuer: leafSigner });
  const crlOnly = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,cRLSign"];
  const noSigner = ca.intermediate("no-signer", { extensions: crlOnly });
  const byNoSigner = ca.issue("by-no-signer", { issuer: noSigner });
  const last = ["basicConstraints=critical,CA:TRUE,pathlen:0", isCA[1]!];
  const short = ca.intermediate("short", { extensions: last });
  const deep = ca.intermediate("deep", { issuer: short });
  const tooDeep = ca.issue("too-deep", { issuer: deep });
  const deepEnough = ca.issue("deep-enough", { issuer: short });
  const forDevices = ca.intermediate("for-devices", {
    extensions: [isCA[0]!, isCA[1]!, "extendedKeyUsage=clientAuth"],
  });
  const byDevicesCA = ca.issue("by-devices-ca", { issuer: forDevices });
  const forServers = ca.intermediate("for-servers", {
    extensions: [isCA[0]!, isCA[1]!, "extendedKeyUsage=serverAuth"],
  });
  const byServersCA = ca.issue("by-servers-ca", { issuer: forServers });
  const namesake = ca.intermediate("namesake", { subject: "/CN=Test between" });
  const untrusted = "tls-untrusted";
  await bench.judge([
    turned("self-signed", untrusted, [await bench.broker(selfSigned(scratch, "self"))], [good]),
    turned("unknown CA", untrusted, [good, { ca: other.pem }], [good]),
    turned("same-name fake CA", untrusted, [await bench.broker(faked)], [good]),
    turned("fake CA sent along", untrusted, [await bench.broker(faked, [fake])], [good]),
    turned("missing intermediate", untrusted, [await bench.broker(under)], [chained]),
    turned("another intermediate", untrusted, [await bench.broker(under, [namesake])], [chained]),
    turned("non-CA signer", untrusted, [await bench.broker(byLeaf, [leafSigner])], [chained]),
    turned(
      "a CA for devices",
      untrusted,
      [await bench.broker(byDevicesCA, [forDevices])],
      [await bench.broker(byServersCA, [forServers])],
    ),
    turned("a CA for CRLs only", untrusted, [await bench.broker(byNoSigner, [noSigner])], [chained]),
    turned(
      "a longer path than its CA allows",
      untrusted,
      [await bench.broker(tooDeep, [deep, short])],
      [await bench.broker(deepEnough, [short])],
    ),
  ]);
});

test("whom it is for", async () => {
  const { good } = bench;
  const san = (name: string, ...lines: string[]) =>
    like(name, { extensions: [...lines, "extendedKeyUsage=serverAuth"] });
  // GeneralNames with one dNSName: "localhost", NUL, ".evil"
  const nul = Buffer.from("\x30\x11\x82\x0flocalhost\0.evil", "latin1").toString("hex");
  const withNul = await san("nul", `subjectAltName=DER:${nul.match(/../g)!.join(":")}`);
  const elsewhere = await san("elsewhere", "subjectAltName=DNS:elsewhere");
  const wild = await san("wild", "subjectAltName=DNS:*.example.org");
  const address = await san("address", "subjectAltName=IP:127.0.0.1");
  const asName = await san("as-name", "subjectAltName=DNS:127.0.0.1");
  const broker = { hostName: "broker.example" };
  await bench.judge([
    turned("wrong host", "tls-name", [good, broker], [good], "localhost"),
    turned(
      "a URI in place of a name",
      "tls-name",
      [await san("uri", "subjectAltName=URI:localhost")],
      [good],
    ),
    turned("no SAN", "tls-name", [await san("no-san")], [good]),
    turned("another's SAN", "tls-name", [elsewhere], [good], "elsewhere"),
    turned("a name with NUL", "tls-name", [withNul], [good], "localhost?.evil"),
    turned("wrong address", "tls-name", [good, { hostName: "127.0.0.2" }], [good, { hostName: "127.0.0.1" }]),
    turned(
      "a name for an address",
      "tls-name",
      [asName, { hostName: "127.0.0.1" }],
      [address, { hostName: "127.0.0.1" }],
    ),
    turned(
      "a wildcard for two labels",
      "tls-name",
      [wild, { hostName: "a.b.example.org" }],
      [wild, { hostName: "a.example.org" }],
    ),
  ]);
});

test("what it may be used for, and how strong it is", async () => {
  const { good } = bench;
  const names = serverFor("DNS:localhost", "IP:127.0.0.1");
  const unknown = "1.2.3.4=ASN1:NULL";
  const low = ["-cipher", "ALL:@SECLEVEL=0"];
  const weak = ca.issue("rsa-1024", { kind: "rsa1024" });
  const strong = ca.issue("rsa-2048", { kind: "rsa" });
  const clientOnly = await like("client-only", { extensions: [names[0]!, "extendedKeyUsage=clientAuth"] });
  const critical = await like("critical", { extensions: [...names, unknown.replace("=", "=critical,")] });
  const noted = await like("noted", { extensions: [...names, unknown] });
  const sha1 = await like("sha1", { digest: "sha1" }, ...low);
  await bench.judge([
    turned("wrong extended key usage", "tls-untrusted", [clientOnly], [good]),
    turned("an extension that must be understood", "tls-untrusted", [critical], [noted]),
    turned("SHA-1", "tls-untrusted", [sha1], [await like("sha384", { digest: "sha384" }, ...low)]),
    turned(
      "RSA-1024",
      "tls-untrusted",
      [await bench.broker(weak, [], ...low)],
      [await bench.broker(strong, [], ...low)],
    ),
  ]);
  // OpenSSL itself refuses to serve TLS 1.2 with such a key usage
  const crlOnly = await like("crl-only", { extensions: [...names, "keyUsage=cRLSign"] });
  const signing = await like("signing", { extensions: [...names, "keyUsage=digitalSignature"] });
  await bench.judge([turned("wrong key usage", "tls-untrusted", [crlOnly], [signing])], ["1.3"]);
});

test("what was revoked", async () => {
  const { good, chained } = bench;
  const fake = new TestCA(scratch, "fake-crl");
  const other = ca.issue("revoked-other");
  const crl = (...revoked: Parameters<TestCA["revocations"]>[0]) => ({ crl: ca.revocations(revoked) });
  const pins = [pinOf(honest), strangePin];
  // it still revokes, and refuses no other
  const over = (revoked: Certificate) => ({
    crl: ca.revocations([revoked], ca, 5),
    atSeconds: bench.now + 10 * 86_400,
  });
  await bench.judge([
    turned("revoked", "tls-revoked", [good, crl(other, honest)], [good, crl(other)]),
    turned("its CA revoked", "tls-revoked", [chained, crl(between)], [chained, crl(other)]),
    turned(
      "pinned, and revoked",
      "tls-revoked",
      [good, { pins, ...crl(honest) }],
      [good, { pins, ...crl(other) }],
    ),
    turned(
      "a CRL that another signed",
      "tls-untrusted",
      [good, { crl: ca.revocations([], fake) }],
      [good, crl()],
    ),
    turned("a CRL that is over", "tls-revoked", [good, over(honest)], [good, over(other)]),
  ]);
});
