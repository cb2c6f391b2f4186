import {
  deriveContextIv,
  deriveSecretId,
  deriveStampKey,
  encodeKid,
  ivContext,
  keyContext,
  signKey,
} from "../../../lib/sealed/keys.js";
import { bytes, equal, fromHex, hex, ok, test, throws } from "../../device/harness.js";
import { casesOf, channelOf, type IvCase, type KdfCase, type KidCase } from "./vectors.js";

test("the KDF context and the key it derives are those of the vectors", (platform) => {
  for (const vector of casesOf<KdfCase>(platform.vectors("sealed/kdf"))) {
    const info = keyContext(vector.alg, channelOf(vector));
    bytes(info, vector.info, "info");
    const secret = platform.crypto.importSecret(fromHex(vector.secret));
    bytes(platform.crypto.deriveBytes(secret, info, vector.keyBits / 8), vector.key, "key");
    secret.close();
  }
});

test("the Context IV is that of the vectors", (platform) => {
  for (const vector of casesOf<IvCase>(platform.vectors("sealed/context-iv"))) {
    const channel = channelOf(vector);
    bytes(ivContext(vector.contentAlg, channel), vector.info, "info");
    const secret = platform.crypto.importSecret(fromHex(vector.secret));
    bytes(deriveContextIv(platform.crypto, secret, channel, vector.contentAlg), vector.iv, "iv");
    secret.close();
  }
});

test("the kid is that of the vectors", (platform) => {
  for (const { senderId, epoch, kid } of casesOf<KidCase>(platform.vectors("sealed/kid")))
    bytes(encodeKid({ id: senderId, epoch }), kid);
});

test("a stamp key is the vectors' key", (platform) => {
  const { crypto } = platform;
  const data = fromHex("68656c6c6f");
  for (const vector of casesOf<KdfCase>(platform.vectors("sealed/kdf"))) {
    if (vector.alg !== 4 && vector.alg !== 5) continue;
    const secret = crypto.importSecret(fromHex(vector.secret));
    const derived = deriveStampKey(crypto, secret, channelOf(vector), vector.alg);
    // HMAC's key, seen through HMAC: HKDF of the same context in plain bytes gives the same tag.
    const again = crypto.deriveMacKey(secret, fromHex(vector.info), 32);
    equal(crypto.hmac(derived.key, data), crypto.hmac(again, data));
    for (const key of [derived.key, again, secret]) key.close();
    throws(() => crypto.hmac(derived.key, data), TypeError);
  }
});

test("senders, epochs and topics beyond the limits are refused", () => {
  const good = { sender: { id: "d", epoch: 0 }, direction: "up", topic: "t" } as const;
  keyContext(5, good);
  for (const topic of ["", "#", "a/#", "+/b", "a\0b"])
    throws(() => keyContext(5, { ...good, topic }), RangeError);
  throws(() => keyContext(5, { ...good, topic: "\ud800" }), RangeError);
  const key = { close: () => {} };
  equal(signKey(good.sender, "t", key).kid, encodeKid(good.sender));
  for (const topic of ["", "a/#", "\ud800"]) throws(() => signKey(good.sender, topic, key), RangeError);
  encodeKid({ id: "x".repeat(64), epoch: 0xffff_ffff });
  for (const id of ["", "x".repeat(65), "é".repeat(33), "\udfff"])
    throws(() => encodeKid({ id, epoch: 0 }), RangeError);
  for (const epoch of [-1, 0.5, 2 ** 32, Number.NaN]) throws(() => encodeKid({ id: "d", epoch }), RangeError);
  throws(() => keyContext(6, good), RangeError);
  throws(() => ivContext(6 as 1, good), RangeError);
});

test("a secret's id differs by secret and epoch, and is none of its keys", ({ crypto }) => {
  const one = crypto.importSecret(new Uint8Array(32).fill(1));
  const two = crypto.importSecret(new Uint8Array(32).fill(2));
  const ids = [
    deriveSecretId(crypto, one, 1),
    deriveSecretId(crypto, one, 2),
    deriveSecretId(crypto, two, 1),
  ];
  equal(new Set(ids.map(hex)).size, 3);
  equal(ids[0], deriveSecretId(crypto, one, 1));
  ok(
    ids.every(({ length }) => length === 4),
    "four bytes",
  );
  one.close();
  two.close();
});
