/** A host chooses its nonce: what it would like to have signed or authenticated, it gets nowhere in a proof. */

import { encode } from "../../../lib/cbor/encode.js";
import { utf8Encode } from "../../../lib/cbor/utf8.js";
import { algorithm, label } from "../../../lib/cose/labels.js";
import { mac0Tag } from "../../../lib/cose/mac0.js";
import { sigStructure } from "../../../lib/cose/sign1.js";
import { p256Point } from "../../../lib/crypto/certificate-key.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { derTag } from "../../../lib/crypto/der-reader.js";
import { der } from "../../../lib/crypto/der-writer.js";
import type { ProvableKey } from "../../../lib/provisioning/messages.js";
import { proofData } from "../../../lib/provisioning/proofs.js";
import { deriveStampKey, type Sender } from "../../../lib/sealed/keys.js";
import { equal, hex, ok, test } from "../../device/harness.js";
import {
  Bench,
  certifiedPlan,
  granted,
  joined,
  provision,
  psk,
  pskPlan,
  secret,
  textBytes,
} from "./bench.js";

const none = new Uint8Array(0);
const sender: Sender = { id: "dm-7", epoch: 3 };

/** To-be-signed bytes of other formats that fit into a nonce of 16 to 32 bytes, and those that do not. */
const short: readonly Uint8Array[] = [
  sigStructure(encode(new Map([[label.alg, algorithm.es256]])), none, textBytes("open")),
  encode(["Signature", none, none, none, textBytes("open")]),
  encode(["MAC0", encode(new Map([[label.alg, algorithm.hmac256]])), none, textBytes("open")]),
  utf8Encode("eyJhbGciOiJFUzI1NiJ9.e30"), // {"alg":"ES256"}.{}
  joined([new Uint8Array(32).fill(0x20)]),
  der(derTag.sequence, new Uint8Array(20)),
];
const hash = new Uint8Array(32).fill(7);
const long: readonly Uint8Array[] = [
  sigStructure(encode(new Map([[label.alg, algorithm.es256]])), utf8Encode("s/dm-7/r"), hash),
  // RFC 8446 §4.4.3
  joined([new Uint8Array(64).fill(0x20), utf8Encode("TLS 1.3, client CertificateVerify\0"), hash]),
  // TLS 1.2 signs the messages of the handshake: a ClientHello first (RFC 5246 §7.4.8).
  joined([Uint8Array.of(1, 0, 0, 38, 3, 3), hash]),
  utf8Encode("eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJkbS03IiwiaWF0IjoxLCJleHAiOjJ9"),
  // CertificationRequestInfo, TBSCertificate, TBSCertList
  der(derTag.sequence, hash, hash, hash),
];

function proved(bench: Bench, key: ProvableKey, nonce: Uint8Array) {
  bench.nowMs += 5000;
  return granted(bench.ask({ kind: "prove", key, nonce }), "prove");
}

test("no proof of a key pair is a signature of anything else", ({ name, crypto }) => {
  if (name === "noble") return;
  const bench = new Bench(crypto);
  provision(bench.ask, certifiedPlan);
  for (const key of ["tls-key", "sign-key"] as const) {
    const verifying = crypto.importVerifyingKey(p256Point(crypto, bench.store.readBytes(key)!));
    for (const wanted of short) {
      ok(wanted.length >= 16 && wanted.length <= 32, `a nonce has not ${wanted.length} bytes`);
      const { nonce, proof } = proved(bench, key, wanted);
      for (const signed of [...short, ...long, joined([wanted, nonce]), joined([nonce, wanted])])
        equal(crypto.verify(verifying, signed, proof), false, `${key} ${hex(signed)}`);
      equal(crypto.verify(verifying, proofData("dm-7", key, wanted, nonce), proof), true, "but a proof");
    }
    verifying.close();
  }
});

test("no proof of a shared key is a tag of any message, topic, or name", ({ crypto }) => {
  const bench = new Bench(crypto);
  provision(bench.ask, pskPlan);
  for (const key of ["secret", "psk"] as const) {
    const shared = key === "secret" ? secret : psk;
    for (const wanted of short) {
      const { nonce, proof } = proved(bench, key, wanted);
      const data = proofData("dm-7", key, wanted, nonce);
      for (const tag of tagsOf(crypto, shared, [wanted, data, none]))
        ok(hex(proof.subarray(0, tag.length)) !== hex(tag), `${key}: a tag of a message`);
    }
  }
});

/** Of messages under every topic key, of HMAC under the key itself (a token's), and of keys derived for other names. */
function tagsOf(crypto: Crypto, shared: Uint8Array, contents: readonly Uint8Array[]): Uint8Array[] {
  const tags: Uint8Array[] = [];
  const material = crypto.importSecret(shared);
  const raw = crypto.importMacKey(shared);
  for (const topic of ["s/dm-7/r", "proof", "secret", "dormouse-proof"])
    for (const direction of ["up", "down"] as const)
      for (const alg of [algorithm.hmac256, algorithm.hmac256Tag64] as const) {
        const { key } = deriveStampKey(crypto, material, { sender, direction, topic }, alg);
        for (const content of contents) {
          tags.push(mac0Tag(crypto, key, alg, none, none, content), crypto.hmac(key, content));
        }
        key.close();
      }
  for (const content of contents) tags.push(crypto.hmac(raw, content));
  for (const key of [raw, material]) key.close();
  return tags;
}
