/** The list of revoked certificates, as OpenSSL reads it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { authorityFiles, createAuthority, createDevice, openIssuing } from "../../certs/pki/authority.js";
import { issueCrl, readCrl } from "../../certs/pki/crl.js";
import { certificateFacts } from "../../certs/pki/facts.js";
import { fromPem, pem } from "../../certs/pki/pem.js";
import { revoke, revokedBy } from "../../certs/pki/revocation.js";
import { validFor } from "../../certs/pki/validity.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-revocation-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const now = Date.now();
const pki = join(folder, "pki");
const { root, issuing, crl } = authorityFiles(pki);

const openssl = (...words: string[]): string =>
  execFileSync("openssl", words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const authority = (path: string) =>
  createAuthority(path, {
    name: "T",
    root: validFor(7300, now),
    issuing: validFor(5475, now),
    replace: true,
  });

async function device(id: string): Promise<{ serial: string; certificate: string }> {
  const { certificate } = await createDevice(pki, { id, validity: validFor(10, now), replace: false });
  const [der] = fromPem("CERTIFICATE", readFileSync(certificate, "utf8"));
  return { certificate, serial: (await certificateFacts(der!)).serial };
}

/** As Mosquitto has OpenSSL look: the leaf alone. */
function accepted(certificate: string): boolean {
  const words = ["-crl_check", "-x509_strict", "-CAfile", root, "-untrusted", issuing, "-CRLfile", crl];
  try {
    openssl("verify", ...words, certificate);
    return true;
  } catch (error) {
    assert.match(`${(error as { stderr: string }).stderr}`, /certificate revoked/);
    return false;
  }
}
const shown = (...words: string[]) => openssl("crl", "-in", crl, "-noout", ...words);
const numberShown = () => Number.parseInt(/crlNumber=0x([0-9A-F]+)/.exec(shown("-crlnumber"))![1]!, 16);

before(() => authority(pki));

test("a new authority has revoked nothing, and its list is good until it ends", async () => {
  assert.match(shown("-text"), /No Revoked Certificates/);
  const list = shown("-nextupdate").replace("nextUpdate=", "");
  assert.equal(list, openssl("x509", "-in", issuing, "-noout", "-enddate").replace("notAfter=", ""));
  execFileSync("openssl", ["crl", "-in", crl, "-noout", "-CAfile", issuing, "-verify"], { stdio: "pipe" });
  assert.equal(statSync(crl).mode & 0o777, 0o644);
  assert.equal(numberShown(), 1);
  assert.ok(accepted((await device("fresh")).certificate));
});

test("what is revoked is refused and stays so, all else is accepted, and each list's number is higher", async () => {
  const [a, b, c] = [await device("a"), await device("b"), await device("c")];
  const first = await revoke(pki, [a.serial], now);
  assert.deepEqual(
    [a, b, c].map(({ certificate }) => accepted(certificate)),
    [false, true, true],
  );
  assert.equal(first.number, numberShown());
  const second = await revoke(pki, [b.serial, a.serial, b.serial], now);
  assert.deepEqual(
    [a, b, c].map(({ certificate }) => accepted(certificate)),
    [false, false, true],
  );
  assert.ok(second.number > first.number && second.number === numberShown());
  assert.ok(second.thisUpdateMs > first.thisUpdateMs);
  const read = await revokedBy(pki);
  assert.deepEqual(read, second);
  assert.deepEqual(
    read.revoked.map(({ serial }) => serial),
    [a.serial, b.serial],
  );
  // A file that was lost, and a clock that went back.
  rmSync(crl);
  assert.ok((await revoke(pki, [a.serial], now + 2000)).number > second.number);
  assert.ok((await revoke(pki, [], now - 1e9)).number > numberShown() - 1);
});

test("two at once both stay on the list", async () => {
  const serials = ["11", "22", "33", "44"];
  await Promise.all(serials.map((serial) => revoke(pki, [serial], now)));
  const { revoked } = await revokedBy(pki);
  assert.deepEqual(
    serials.filter((serial) => !revoked.some((one) => one.serial === serial)),
    [],
  );
});

test("a list that is not this authority's is not taken for its own, and not written over", async () => {
  const mine = readFileSync(crl, "utf8");
  const other = join(folder, "other");
  await authority(other);
  const [forged] = fromPem("X509 CRL", mine);
  forged![forged!.length - 1]! ^= 1;
  const others = [readFileSync(authorityFiles(other).crl, "utf8"), "", mine + mine, pem("X509 CRL", forged!)];
  for (const text of others) {
    writeFileSync(crl, text);
    await assert.rejects(revoke(pki, ["55"], now), /crl\.pem: is no list of revoked certificates/);
    assert.equal(readFileSync(crl, "utf8"), text);
  }
  writeFileSync(crl, mine);
  await revoke(pki, ["55"], now);
});

test("numbers of every size are written as DER, and read back", async () => {
  const ca = await openIssuing(pki);
  for (const number of [0, 1, 127, 128, 255, 256, 0x7fff, 0x8000, 1_790_000_000, 2 ** 40]) {
    const list = await issueCrl(ca, { number, thisUpdateMs: 1000, revoked: [] });
    assert.deepEqual(await readCrl(ca, list), { number, thisUpdateMs: 1000, revoked: [] });
    writeFileSync(join(folder, "n.crl"), list);
    const text = openssl("crl", "-inform", "DER", "-in", "n.crl", "-noout", "-crlnumber");
    assert.equal(Number.parseInt(text.slice("crlNumber=0x".length), 16), number);
  }
});
