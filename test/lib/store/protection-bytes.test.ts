import { utf8Encode } from "../../../lib/cbor/utf8.js";
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { thaw } from "../../../lib/sealed/frozen.js";
import { maxCounter, senmlJson } from "../../../lib/sealed/header.js";
import { deriveSealKey, deriveStampKey, type Sender, signKey } from "../../../lib/sealed/keys.js";
import { protect, type SenderKey } from "../../../lib/sealed/protect.js";
import {
  kidBytes,
  type Protection,
  type SealAlgorithmName,
  type StampAlgorithmName,
  sealAlgorithms,
  stampAlgorithms,
} from "../../../lib/store/protection.js";
import { protectionBytes } from "../../../lib/store/protection-bytes.js";
import { equal, fromHex, ok, test } from "../../device/harness.js";

const topic = "sensors/d/readings";
type Named = Parameters<typeof protectionBytes>[1];
const salt = new Uint8Array(16);
const devices: readonly Named[] = [
  { id: "d" },
  { id: "d", salt },
  { id: "d".repeat(64), kid: "0a1b2c", salt },
  { id: "d".repeat(64) },
  { id: "\u{1f401}".repeat(16) },
  { id: "d", kid: "0a1b2c" },
];

/** How much the largest and the smallest message grow. */
function grown(crypto: Crypto, key: SenderKey, length: number): number {
  const plaintext = new Uint8Array(length);
  return (
    protect(crypto, key, thaw({ plaintext, counter: maxCounter, contentType: senmlJson })).length - length
  );
}

/** A bound, and no more than a few bytes above what is needed. */
function bounds(crypto: Crypto, key: SenderKey, up: Protection, device: Named): void {
  const most = protectionBytes(up, device);
  const needed = grown(crypto, key, 1000);
  ok(needed <= most && most <= needed + 9, `${JSON.stringify(up)} ${device.id.length}: ${needed} of ${most}`);
  ok(grown(crypto, key, 0) <= most, "an empty one");
}

const secretOf = (crypto: Crypto) => crypto.importSecret(new Uint8Array(32).fill(7));
const senderOf = ({ id, kid, salt }: Named): Sender => ({
  id,
  epoch: 0xffff_ffff,
  ...(kid !== undefined && { kid: kidBytes(kid) }),
  ...(salt && { salt }),
});

test("what is not protected does not grow", () => {
  equal(protectionBytes({ protection: "none" }, { id: "d" }), 0);
});

test("a stamp is not larger than reckoned", ({ crypto }) => {
  for (const device of devices)
    for (const algorithm of Object.keys(stampAlgorithms) as StampAlgorithmName[]) {
      const channel = { sender: senderOf(device), direction: "up", topic } as const;
      const key = deriveStampKey(crypto, secretOf(crypto), channel, stampAlgorithms[algorithm]);
      bounds(crypto, key, { protection: "stamp", algorithm }, device);
    }
});

test("a seal is not larger than reckoned", ({ crypto, name }) => {
  for (const device of devices)
    for (const algorithm of Object.keys(sealAlgorithms) as SealAlgorithmName[]) {
      // noble's AES has no room on a board
      if (name === "noble" && algorithm !== "chacha20-poly1305") continue;
      const channel = { sender: senderOf(device), direction: "up", topic } as const;
      const key = deriveSealKey(crypto, secretOf(crypto), channel, sealAlgorithms[algorithm]);
      bounds(crypto, key, { protection: "seal", algorithm }, device);
    }
});

/** The key of RFC 6979 A.2.5, as PKCS #8. */
const pkcs8 =
  "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420" +
  "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a144034200" +
  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

test("what is signed, or sealed to somebody, is not larger than reckoned", ({ crypto, name }) => {
  if (name === "noble") return;
  for (const device of devices) {
    const signer = signKey(senderOf(device), topic, crypto.importSigningKey(fromHex(pkcs8)));
    bounds(crypto, signer, { protection: "sign" }, device);
    const recipientPoint = fromHex(pkcs8).subarray(-65);
    for (const recipientKid of ["k", "k".repeat(32)])
      for (const sign of [true, false]) {
        const up = { protection: "sealTo", recipientKid, recipientKey: "", sign } as const;
        const key = {
          protection: "sealTo",
          recipientKid: utf8Encode(recipientKid),
          recipientPoint,
          topic,
        } as const;
        bounds(crypto, sign ? { ...key, signer } : key, up, device);
      }
    signer.key.close();
  }
});
