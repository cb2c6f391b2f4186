import type { Crypto, Key } from "../../../lib/crypto/crypto.js";
import { bytes, equal, fromHex, hex, type Platform, test, throws } from "../../device/harness.js";
import { casesOf } from "../sealed/vectors.js";
import { baseX, baseY, order, pkcs8Of, points, refusalOf, wrongPoints } from "./p256-vectors.js";

const info = Uint8Array.from("dormouse test", (letter) => letter.charCodeAt(0));
const basePoint = fromHex(`04${baseX}${baseY}`);

/** A secret is seen only by what comes of it. */
function derived(crypto: Crypto, secret: Key): string {
  const found = hex(crypto.deriveBytes(secret, info, 32));
  secret.close();
  return found;
}

/** @param check not called for noble, which has no P-256 and must say so */
function withP256({ name, crypto }: Platform, check: () => void): void {
  if (name !== "noble") return check();
  throws(() => crypto.generateAgreementKey(), RangeError, /P-256/);
  throws(() => crypto.importAgreementKey(fromHex(pkcs8Of("07".repeat(32)))), RangeError, /P-256/);
}

interface Published {
  readonly source: string;
  readonly key: string;
  readonly point: string;
  readonly other: string;
  readonly shared: string;
}

const published: readonly Published[] = [
  {
    source: "RFC 5903 §8.1, the initiator",
    key: "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
    point:
      "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180" +
      "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
    other:
      "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" +
      "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
    shared: "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
  },
  {
    source: "the same, the responder",
    key: "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
    point:
      "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" +
      "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
    other:
      "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180" +
      "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
    shared: "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
  },
  {
    source: "NIST CAVP, KAS_ECC_CDH_PrimitiveTest, P-256, count 0",
    key: "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
    point:
      "04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230" +
      "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
    other:
      "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287" +
      "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
    shared: "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
  },
];

test("the published agreements", (platform) => {
  const { crypto } = platform;
  withP256(platform, () => {
    for (const { source, key: number, point, other, shared } of published) {
      const key = crypto.importAgreementKey(fromHex(pkcs8Of(number)));
      bytes(crypto.agreementPoint(key), point, source);
      const secret = crypto.agree(key, fromHex(other));
      equal(derived(crypto, secret), derived(crypto, crypto.importSecret(fromHex(shared))), source);
      key.close();
    }
  });
});

interface AgreementCase {
  readonly key: string;
  readonly point: string;
  readonly other: string;
  readonly derived: string;
}

test("as OpenSSL has it, also where the secret or a coordinate begins with a zero", (platform) => {
  const { crypto, vectors } = platform;
  withP256(platform, () => {
    for (const one of casesOf<AgreementCase>(vectors("crypto/agreement"))) {
      const key = crypto.importAgreementKey(fromHex(pkcs8Of(one.key)));
      bytes(crypto.agreementPoint(key), one.point);
      equal(derived(crypto, crypto.agree(key, fromHex(one.other))), one.derived);
      key.close();
    }
  });
});

test("two new keys agree, and no two keys are the same", (platform) => {
  const { crypto } = platform;
  withP256(platform, () => {
    const [a, b, c] = [0, 1, 2].map(() => crypto.generateAgreementKey()) as [Key, Key, Key];
    const [pointA, pointB] = [crypto.agreementPoint(a), crypto.agreementPoint(b)];
    equal([pointA.length, pointA[0]], [65, 4]);
    equal(hex(pointA) === hex(pointB), false, "two keys are the same");
    const shared = derived(crypto, crypto.agree(a, pointB));
    equal(derived(crypto, crypto.agree(b, pointA)), shared);
    equal(derived(crypto, crypto.agree(c, pointA)) === shared, false, "a third key agrees too");
    for (const key of [a, b, c]) key.close();
  });
});

test("the secret lives on when the key is closed, and serves every derivation", (platform) => {
  const { crypto } = platform;
  withP256(platform, () => {
    const key = crypto.importAgreementKey(fromHex(pkcs8Of(published[0]!.key)));
    const secret = crypto.agree(key, fromHex(published[0]!.other));
    key.close();
    const same = crypto.importSecret(fromHex(published[0]!.shared));
    const [nonce, salt] = [new Uint8Array(12), new Uint8Array(5).fill(1)];
    const [macs, seals] = [[] as string[], [] as string[]];
    for (const one of [secret, same]) {
      const mac = crypto.deriveMacKey(one, info, 32, salt);
      const aead = crypto.deriveAeadKey(one, info, 1, salt);
      macs.push(hex(crypto.hmac(mac, info)));
      seals.push(hex(crypto.encrypt(aead, nonce, info, info)));
      mac.close();
      aead.close();
      one.close();
    }
    equal(macs[0], macs[1]);
    equal(seals[0], seals[1]);
    throws(() => crypto.deriveBytes(secret, info, 32), TypeError);
  });
});

test("nobody agrees with what is no point of the curve", (platform) => {
  withP256(platform, () => {
    const { crypto } = platform;
    const key = crypto.importAgreementKey(fromHex(pkcs8Of("07".repeat(32))));
    for (const [, wrong] of wrongPoints)
      throws(() => crypto.agree(key, fromHex(wrong)), RangeError, refusalOf(wrong));
    for (const right of points) crypto.agree(key, fromHex(right)).close();
    key.close();
  });
});

test("a private number of 0, of the order and beyond it is no agreement key", (platform) => {
  const { crypto } = platform;
  for (const wrong of ["00".repeat(32), order, "ff".repeat(32)])
    throws(() => crypto.importAgreementKey(fromHex(pkcs8Of(wrong))), RangeError, /P-256/);
  for (const wrong of ["", "30", "00".repeat(32)])
    throws(() => crypto.importAgreementKey(fromHex(wrong)), RangeError, /P-256/);
  if (platform.name === "noble") return;
  const [one, last] = [`${"00".repeat(31)}01`, order.replace(/1$/, "0")];
  const points = [one, last].map((number) => {
    const key = crypto.importAgreementKey(fromHex(pkcs8Of(number)));
    const point = crypto.agreementPoint(key);
    key.close();
    return point;
  });
  equal(points[0], basePoint, "1");
  equal(points[1]!.subarray(0, 33), basePoint.subarray(0, 33), "order - 1");
});

test("an agreement key does nothing else, a closed one nothing", (platform) => {
  const { crypto } = platform;
  withP256(platform, () => {
    const der = fromHex(pkcs8Of("07".repeat(32)));
    const key = crypto.importAgreementKey(der);
    const point = crypto.agreementPoint(key);
    der.fill(0);
    equal(crypto.agreementPoint(key), point, "the key is copied");
    throws(() => crypto.sign(key, info), TypeError);
    throws(() => crypto.verify(key, info, new Uint8Array(64)), TypeError);
    throws(() => crypto.deriveBytes(key, info, 32), TypeError);
    const signing = crypto.importSigningKey(fromHex(pkcs8Of("07".repeat(32))));
    throws(() => crypto.agree(signing, point), TypeError);
    throws(() => crypto.agreementPoint(signing), TypeError);
    signing.close();
    key.close();
    key.close();
    throws(() => crypto.agree(key, point), TypeError);
    throws(() => crypto.agreementPoint(key), TypeError);
  });
});
