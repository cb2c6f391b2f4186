import { encode } from "../../../lib/cbor/encode.js";
import type { CborValue } from "../../../lib/cbor/value.js";
import { p256Point } from "../../../lib/crypto/certificate-key.js";
import type { Crypto, Key } from "../../../lib/crypto/crypto.js";
import { firstPemCertificate } from "../../../lib/crypto/pem-certificate.js";
import type { ProvableKey } from "../../../lib/provisioning/messages.js";
import { encodeDeviceRecord } from "../../../lib/store/device-record.js";
import { equal, hex, ok, test } from "../../device/harness.js";
import { Bench, certifiedPlan, granted, provision, psk, pskPlan, refused, secret, stage } from "./bench.js";

const hostNonce = Uint8Array.from({ length: 16 }, (_, i) => i);

function proved(bench: Bench, key: ProvableKey, nonce = hostNonce) {
  return granted(bench.ask({ kind: "prove", key, nonce }), "prove");
}

/** Written out here, not with the code that both ends use. */
function proofBytes(key: string, deviceNonce: Uint8Array, id = "dm-7", nonce = hostNonce): Uint8Array {
  return encode(["dormouse-proof", id, key, nonce, deviceNonce] as CborValue);
}

function macOf(crypto: Crypto, shared: Uint8Array, key: string, data: Uint8Array): string {
  const material = crypto.importSecret(shared);
  const derived = crypto.deriveMacKey(material, encode(["dormouse1", "proof", key] as CborValue), 32);
  const proof = crypto.hmac(derived, data);
  for (const each of [material, derived]) each.close();
  return hex(proof);
}

test("shared keys prove themselves by a key for proofs, over both nonces", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  for (const [key, shared] of [
    ["secret", secret],
    ["psk", psk],
  ] as const) {
    const { nonce, proof } = proved(bench, key);
    equal(nonce.length, 16);
    equal(hex(proof), macOf(crypto, shared, key, proofBytes(key, nonce)), key);
    for (const other of ["secret", "psk"].filter((name) => name !== key))
      ok(hex(proof) !== macOf(crypto, shared, other, proofBytes(key, nonce)), "each has its own key");
  }
});

test("key pairs prove themselves by ES256", ({ name, crypto }) => {
  if (name === "noble") return;
  const bench = new Bench(crypto);
  provision(bench.ask, certifiedPlan);
  for (const key of ["tls-key", "sign-key"] as const) {
    const { nonce, proof } = proved(bench, key);
    const verifying = crypto.importVerifyingKey(p256Point(crypto, bench.store.readBytes(key)!));
    const verifies = (data: Uint8Array) => crypto.verify(verifying, data, proof);
    equal(verifies(proofBytes(key, nonce)), true, key);
    equal(verifies(proofBytes(key, nonce, "dm-8")), false, "another device's id");
    equal(verifies(proofBytes("secret", nonce)), false, "another key's name");
    equal(verifies(proofBytes(key, hostNonce)), false, "the host's nonce alone");
    equal(verifies(hostNonce), false, "the host's bytes");
    verifying.close();
  }
});

test("the same question is never answered by the same proof: the device's nonce is its own", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  const first = proved(bench, "secret");
  const second = proved(bench, "secret");
  ok(hex(first.nonce) !== hex(second.nonce), "another nonce");
  ok(hex(first.proof) !== hex(second.proof), "another proof");
});

test("what begins every proof's bytes begins nothing else that these keys sign", () => {
  const data = proofBytes("tls-key", hostNonce);
  equal(hex(data.subarray(0, 16)), `85${hex(encode("dormouse-proof"))}`);
  // A Sig_structure is an array of 4 or 5 whose first item is "Signature1" or "Signature"; a certificate request is a
  // SEQUENCE, 30; TLS 1.3 signs behind 64 spaces, TLS 1.2 a hash of what begins with a ClientHello, 01; a token is text.
  for (const other of [
    encode(["Signature1", hostNonce, hostNonce, hostNonce]),
    Uint8Array.of(0x30),
    Uint8Array.of(0x20),
    Uint8Array.of(1),
  ])
    ok(hex(other) !== hex(data.subarray(0, other.length)), "another beginning");
});

test("eight proofs at once, then one each five seconds", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  bench.nowMs += 60_000;
  const most = (elapsedMs: number) => {
    bench.nowMs += elapsedMs;
    let given = 0;
    while (bench.ask({ kind: "prove", key: "secret", nonce: hostNonce }).kind === "prove") given++;
    return given;
  };
  equal([0, 4999, 1, 4999, 1, 12_000, 3000, 3_600_000].map(most), [8, 0, 1, 0, 1, 2, 1, 8]);
  equal(
    refused(bench.ask({ kind: "prove", key: "psk", nonce: hostNonce })),
    "too-often",
    "of all keys together",
  );
});

test("only a committed board proves anything, and only keys that it has", ({ name, crypto }) => {
  const bench = new Bench(crypto);
  stage(bench.ask, pskPlan);
  equal(refused(bench.ask({ kind: "prove", key: "psk", nonce: hostNonce })), "incomplete");
  granted(bench.ask({ kind: "commit", epoch: 1 }), "commit");
  for (const key of ["tls-key", "sign-key"] as const)
    equal(refused(bench.ask({ kind: "prove", key, nonce: hostNonce })), "unknown-entry", key);
  bench.reboot({ mode: "read-only" });
  proved(bench, "psk");
  if (name === "noble") return;
  bench.store.write("tls-key", Uint8Array.of(0x30, 0));
  equal(
    refused(bench.ask({ kind: "prove", key: "tls-key", nonce: hostNonce })),
    "unknown-entry",
    "no P-256 key",
  );
});

test("with a factory image's secret nothing is proved: another takes its place", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  bench.store.write("record", encodeDeviceRecord(secret, { epoch: 0, reservedEnd: 0, fromFactory: true }));
  equal(refused(bench.ask({ kind: "prove", key: "secret", nonce: hostNonce })), "unknown-entry");
});

test("a proof leaves no key open, whatever comes of it", ({ name, crypto }) => {
  const open = new Set<Key>();
  const watched = (key: Key): Key => {
    open.add(key);
    return {
      ...key,
      close: () => {
        open.delete(key);
        key.close();
      },
    };
  };
  const unwrapping = new Map<Key, Key>();
  const wrap = (key: Key): Key => {
    const outer = watched(key);
    unwrapping.set(outer, key);
    return outer;
  };
  const inner = (key: Key) => unwrapping.get(key) ?? key;
  let failing = "";
  const may = (what: string) => {
    if (what === failing) throw new Error("no memory");
  };
  const watching: Crypto = {
    ...crypto,
    importSecret: (bytes) => wrap(crypto.importSecret(bytes)),
    importSigningKey: (bytes) => wrap(crypto.importSigningKey(bytes)),
    deriveBytes: (key, info, length, salt) => crypto.deriveBytes(inner(key), info, length, salt),
    deriveMacKey: (key, info, length, salt) => {
      may("deriveMacKey");
      return wrap(crypto.deriveMacKey(inner(key), info, length, salt));
    },
    hmac: (key, data) => {
      may("hmac");
      return crypto.hmac(inner(key), data);
    },
    sign: (key, data) => {
      may("sign");
      return crypto.sign(inner(key), data);
    },
  };
  for (const plan of name === "noble" ? [pskPlan] : [pskPlan, certifiedPlan]) {
    failing = "";
    const bench = new Bench(watching);
    provision(bench.ask, plan);
    equal(open.size, 0, "provisioning");
    for (failing of ["", "deriveMacKey", "hmac", "sign"])
      for (const key of ["secret", "psk", "tls-key", "sign-key"] as const) {
        bench.nowMs += 5000;
        bench.ask({ kind: "prove", key, nonce: hostNonce });
        equal(open.size, 0, `${key} ${failing}`);
      }
  }
});

test("the first certificate of a PEM chain is found, and a damaged one is none", () => {
  const text =
    "x\n-----BEGIN CERTIFICATE-----\nAQID\r\nBAU=\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n";
  const found = (pem: string) => firstPemCertificate(Uint8Array.from(pem, (letter) => letter.charCodeAt(0)));
  equal(found(text), Uint8Array.of(1, 2, 3, 4, 5));
  equal(found(text.replace("BAU=", "BAUG")), Uint8Array.of(1, 2, 3, 4, 5, 6));
  equal(found(text.replace("BAU=", "BA==")), Uint8Array.of(1, 2, 3, 4));
  for (const [what, instead] of [
    ["BAU=", "BAU"],
    ["BAU=", "BA=U"],
    ["BAU=", "B==="],
    ["BAU=", "BA*="],
    ["-----END CERT", "-----END CERS"],
    ["-----BEGIN CERTIFICATE-----\nAQ", "-----BEGIN CERTIFICATE----\nAQ"],
  ] as const)
    equal(found(text.replace(what, instead)), undefined, instead);
});
