/** What a profile leaves to the board, to whoever provisions it, and to Improv Wi-Fi: its words, and where they are wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkProfile } from "../../../cli/profile/check.js";
import { readProfile } from "../../../lib/store/profile.js";

const minimal = { schema: 1, device: { id: "d-1" }, wifi: { ssid: "s" }, broker: { host: "b.example" } };

function sound(part: object) {
  const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
  assert.ok(checked.ok, JSON.stringify(checked));
  assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  return checked;
}

const tls = (settings: object) => ({ broker: { host: "h", tls: settings } });
const account = (settings: object) => ({ broker: { host: "h", ...settings } });
const psk = { identity: "d-1", key: "prompt" };

test("an issued certificate is an identity like any other, its key is made on the board, and nothing refers to either", () => {
  const { profile, references, atProvisioning } = sound(tls({ certificate: "issued", ca: "file:root.pem" }));
  assert.ok(profile.broker.tls);
  assert.equal(profile.broker.tls.identity, "certificate");
  assert.deepEqual(references, { ca: "file:root.pem" });
  assert.deepEqual(atProvisioning, { made: ["tls-key"], prompts: [], improv: false });
  assert.deepEqual(sound(tls({ certificate: "file:c", key: "file:k" })).atProvisioning.made, []);
});

test("a signing key is made on the board, said or left out, where messages are signed and nowhere else", () => {
  const recipient = { kid: "k", key: "file:p.pub" };
  for (const topics of [
    { protection: "sign" },
    { protection: "sign", signKey: "device" },
    { protection: "sealTo", sign: true, signKey: "device", recipient },
    { protection: "sealTo", sign: true, recipient },
  ]) {
    const { references, atProvisioning } = sound({ topics });
    assert.equal(references.signKey, undefined);
    assert.deepEqual(atProvisioning.made, ["sign-key"]);
  }
  for (const topics of [
    { protection: "sign", signKey: "file:k" },
    { protection: "sign", signKey: "env:K" },
    { protection: "sealTo", recipient },
    { protection: "seal" },
  ])
    assert.deepEqual(sound({ topics }).atProvisioning.made, []);
});

test("what is to be asked for is listed in the order in which it is read", () => {
  const listed = (part: object) => sound(part).atProvisioning.prompts.map(({ setting }) => setting);
  const wifi = { ssid: "s", password: "prompt" };
  assert.deepEqual(listed({ wifi, ...account({ username: "u", password: "prompt" }) }), [
    "wifi.password",
    "broker.password",
  ]);
  assert.deepEqual(
    listed({
      wifi,
      broker: { host: "h", tls: { psk }, jwt: { algorithm: "HS256", key: "prompt" } },
    }),
    ["wifi.password", "broker.jwt.key", "broker.tls.psk.key"],
  );
  assert.deepEqual(listed({ wifi: { ssid: "s", password: "env:PROMPT" } }), []);
});

test("with Improv the profile has neither network nor password", () => {
  const { profile, references, atProvisioning } = sound({ wifi: { improv: true } });
  assert.deepEqual([profile.wifi, references, atProvisioning.improv], [{ improv: true }, {}, true]);
});

/** [what is wrong, the differing part, the path blamed, what the line says] */
const mistakes: [string, object, string, RegExp][] = [
  [
    "Improv beside an ssid",
    { wifi: { improv: true, ssid: "s" } },
    "wifi.ssid",
    /left to Improv\. Remove it, or wifi\.improv/,
  ],
  [
    "Improv beside a password",
    { wifi: { improv: true, password: "env:P" } },
    "wifi.password",
    /left to Improv\. Remove it, or wifi\.improv/,
  ],
  ["Improv false", { wifi: { improv: false } }, "wifi.improv", /Write true in place of ssid/],
  ["neither network nor Improv", { wifi: {} }, "wifi.ssid", /is missing.*or \{ "improv": true \}/],
  [
    "a key beside an issued certificate",
    tls({ certificate: "issued", key: "file:k" }),
    "broker.tls.key",
    /though certificate is "issued"\. Remove it: the board makes the key/,
  ],
  [
    "a certificate without key",
    tls({ certificate: "file:c" }),
    "broker.tls.key",
    /is missing.*or "certificate": "issued"/,
  ],
  [
    "a key made on the board",
    tls({ certificate: "file:c", key: "device" }),
    "broker.tls.key",
    /Write "certificate": "issued", and no key/,
  ],
  [
    "a certificate made on the board",
    tls({ certificate: "device" }),
    "broker.tls.certificate",
    /Write "certificate": "issued"/,
  ],
  ["a misspelt word", tls({ certificate: "Issued" }), "broker.tls.certificate", /Write "issued": the board/],
  [
    "a private key typed in",
    tls({ certificate: "file:c", key: "prompt" }),
    "broker.tls.key",
    /nobody types in a private key\. Write "file:PATH"/,
  ],
  ["a CA typed in", tls({ ca: "prompt" }), "broker.tls.ca", /Write "file:PATH"/],
  [
    "a signing key typed in",
    { topics: { protection: "sign", signKey: "prompt" } },
    "topics.signKey",
    /nobody types in/,
  ],
  [
    "a signing key issued",
    { topics: { protection: "sign", signKey: "issued" } },
    "topics.signKey",
    /Write "device"/,
  ],
  [
    "a signing key of a device that signs nothing",
    { topics: { signKey: "device" } },
    "topics.signKey",
    /though nothing is signed/,
  ],
  ["a PSK of the board's", tls({ psk: { ...psk, key: "device" } }), "broker.tls.psk.key", /must have it too/],
  [
    "a password of the board's",
    account({ username: "u", password: "device" }),
    "broker.password",
    /Write "derived"/,
  ],
  [
    "a token's key typed in for ES256",
    account({ jwt: { algorithm: "ES256", key: "prompt" } }),
    "broker.jwt.key",
    /nobody types in a private key.*ES256 takes/,
  ],
  [
    "a token's key of the board's",
    account({ jwt: { algorithm: "ES256", key: "device" } }),
    "broker.jwt.key",
    /must have it/,
  ],
  [
    "a password typed in, over plain TCP",
    account({ tls: false, insecure: true, username: "u", password: "prompt" }),
    "broker.password",
    /broker.tls is false/,
  ],
  [
    "an issued certificate beside a PSK",
    tls({ certificate: "issued", psk }),
    "broker.tls.certificate",
    /there is a psk/,
  ],
];
for (const [what, part, path, line] of mistakes)
  test(`${what} is blamed on ${path}, with a remedy`, () => {
    const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
    assert.ok(!checked.ok);
    const [mistake, ...others] = checked.mistakes;
    assert.deepEqual(others, []);
    assert.equal(mistake!.path, path);
    assert.match(`${mistake!.problem}. ${mistake!.remedy}`, line);
  });
