/** The run's listener has the keys to what its device was given, made or given. */
import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { simOptions } from "../../../cli/sim.js";
import { deviceSender, withOwnKeys } from "../../../host-sim/world/device-sender.js";
import { publicKeyOf } from "../../../host-sim/world/seal-keys.js";
import type { Profile } from "../../../lib/store/profile.js";

const secret = new Uint8Array(32).fill(7);
const none = { signKey: null, recipientKey: null };
const { profile: usual } = await simOptions({});
const somebody = generateKeyPairSync("ec", { namedCurve: "P-256" });
const der = new Uint8Array(somebody.privateKey.export({ format: "der", type: "pkcs8" }));

function profileWith(up: Profile["topics"]["up"], format: "cbor" | "json" = "cbor"): Profile {
  return { ...usual, topics: { ...usual.topics, up, format } };
}
const sealTo = { protection: "sealTo", recipientKid: "plant", recipientKey: "AA", sign: true } as const;

test("keys that are not needed are not made", () => {
  for (const up of [
    { protection: "none" },
    { protection: "stamp", algorithm: "hmac-256" },
    { protection: "seal", algorithm: "a128gcm" },
  ] as const) {
    const profile = profileWith(up);
    assert.deepEqual(withOwnKeys(profile, none), { ...none, profile });
  }
});

test("a signing key is made for who signs; one that is given stays", () => {
  const profile = profileWith({ protection: "sign" });
  assert.equal(withOwnKeys(profile, { ...none, signKey: der }).signKey, der);
  const keyed = withOwnKeys(profile, none);
  const { accepts } = deviceSender(keyed, secret);
  assert.ok(accepts.protection === "sign");
  const made = createPrivateKey({ key: Buffer.from(keyed.signKey!), format: "der", type: "pkcs8" });
  assert.ok(accepts.publicKey.equals(createPublicKey(made)));
});

test("a recipient is made, and the device seals to it; one that is given stays", () => {
  const given = withOwnKeys(profileWith(sealTo), { ...none, recipientKey: der });
  assert.deepEqual(given.profile.topics.up, sealTo);
  const keyed = withOwnKeys(profileWith(sealTo), none);
  const { up } = keyed.profile.topics;
  const { accepts } = deviceSender(keyed, secret);
  assert.ok(up.protection === "sealTo" && accepts.protection === "sealTo");
  assert.deepEqual([up.recipientKid, Buffer.from(accepts.recipientKid).toString()], ["plant", "plant"]);
  const point = publicKeyOf(Buffer.from(up.recipientKey, "base64url"));
  assert.ok(createPublicKey(accepts.privateKey).equals(point));
  assert.notEqual(accepts.signer, null);
  const unsigned = deviceSender(withOwnKeys(profileWith({ ...sealTo, sign: false }), none), secret);
  assert.ok(unsigned.accepts.protection === "sealTo" && unsigned.accepts.signer === null);
});

test("with a broker of one's own a key that is missing is one line", () => {
  const one = (up: Profile["topics"]["up"]) => () =>
    deviceSender({ ...none, profile: profileWith(up) }, secret);
  assert.throws(one({ protection: "sign" }), /without the device's signing key/);
  assert.throws(one({ ...sealTo, sign: false }), /without the recipient's private key/);
});

test("short name, format and algorithm are the profile's", () => {
  const named = { ...usual, device: { ...usual.device, kid: "a1b2" } };
  assert.deepEqual(deviceSender({ ...none, profile: named }, secret).kid, Buffer.from("a1b2", "hex"));
  const accepts = (up: Profile["topics"]["up"]) =>
    deviceSender({ ...none, profile: profileWith(up, "json") }, secret).accepts;
  assert.deepEqual(accepts({ protection: "none" }), { protection: "none", contentType: 110 });
  for (const [algorithm, number] of [
    ["chacha20-poly1305", 24],
    ["a128gcm", 1],
    ["a256gcm", 3],
    ["aes-ccm-16-64-128", 10],
  ] as const)
    assert.deepEqual(accepts({ protection: "seal", algorithm }), {
      protection: "seal",
      algorithm: number,
      secret,
    });
  assert.deepEqual(accepts({ protection: "stamp", algorithm: "hmac-256-64" }), {
    protection: "stamp",
    algorithm: 4,
    secret,
  });
});
