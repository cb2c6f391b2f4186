import { failure } from "../../../lib/failure.js";
import { type Profile, readProfile } from "../../../lib/store/profile.js";
import {
  type CommandSettings,
  deviceStates,
  needsP256,
  type Protection,
  signs,
} from "../../../lib/store/protection.js";
import { equal, test } from "../../device/harness.js";

const secure: Profile["broker"] = {
  host: "b",
  port: 8883,
  tls: {
    minVersion: "1.2",
    pins: [],
    identity: "none",
    forwardSecrecy: true,
    withoutClock: "accept",
    resumption: false,
    earlyData: false,
  },
  auth: "none",
};
const plain: Profile["broker"] = { host: "b", port: 1883, tls: false, insecure: true, auth: "none" };

function profileWith(up: unknown, part: object = {}, more: object = {}): object {
  return {
    schema: 1,
    device: { id: "d" },
    wifi: { ssid: "s" },
    time: { server: "t" },
    broker: secure,
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
    topics: { base: "b", readings: "b/r", format: "cbor", state: [], up, ...part },
    cycle: {
      mode: "sleep",
      intervalSeconds: 900,
      wakeBudgetSeconds: 30,
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
    ...more,
  };
}

const read = (profile: object) => readProfile(JSON.stringify(profile));
const accepted = (profile: object) => equal(read(profile), profile as Profile);
const refused = (profile: object, detail: string) =>
  equal(read(profile), failure("profile-invalid", detail), JSON.stringify(profile));

/** The generator of P-256 (SEC 2 §2.4.2), uncompressed. */
const point = "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";

const stamp: Protection = { protection: "stamp", algorithm: "hmac-256" };
const sealTo: Protection = { protection: "sealTo", recipientKid: "plant-7", recipientKey: point, sign: true };
const authenticated: Protection[] = [
  stamp,
  { protection: "stamp", algorithm: "hmac-256-64" },
  { protection: "seal", algorithm: "chacha20-poly1305" },
  { protection: "seal", algorithm: "a128gcm" },
  { protection: "seal", algorithm: "a256gcm" },
  { protection: "seal", algorithm: "aes-ccm-16-64-128" },
  { protection: "sign" },
  sealTo,
];

test("every protection is read, over TLS", () => {
  for (const up of [...authenticated, { ...sealTo, sign: false }, { protection: "none" }])
    accepted(profileWith(up));
});

test("plain TCP takes what proves where it comes from, and nothing else", () => {
  for (const up of authenticated) {
    accepted(profileWith(up, {}, { broker: plain }));
    const { insecure: _, ...unacknowledged } = plain;
    refused(
      profileWith(up, {}, { broker: unacknowledged }),
      "broker.insecure must be true when broker.tls is false",
    );
  }
  refused(
    profileWith({ protection: "none" }, {}, { broker: plain }),
    'topics.up.protection must not be "none" over plain TCP: anyone on the way could change a message or make one up',
  );
  refused(
    profileWith({ ...sealTo, sign: false }, {}, { broker: plain }),
    "topics.up.sign must be true over plain TCP: anyone on the way could seal a message of their own",
  );
});

const words = '"none" or "stamp" or "seal" or "sign" or "sealTo"';
const mistakes: [up: unknown, detail: string][] = [
  [undefined, " is missing"],
  ["stamp", " must be an object"],
  [{}, ".protection is missing"],
  [{ protection: "crc32" }, `.protection must be ${words}`],
  [{ protection: "constructor" }, `.protection must be ${words}`],
  [{ protection: 1 }, `.protection must be ${words}`],
  [{ protection: "none", algorithm: "a128gcm" }, ".algorithm is no known setting"],
  [{ protection: "sign", algorithm: "es256" }, ".algorithm is no known setting"],
  [{ protection: "stamp" }, ".algorithm is missing"],
  [{ ...stamp, algorithm: "a128gcm" }, '.algorithm must be "hmac-256" or "hmac-256-64"'],
  [
    { protection: "seal", algorithm: "hmac-256" },
    '.algorithm must be "chacha20-poly1305" or "a128gcm" or "a256gcm" or "aes-ccm-16-64-128"',
  ],
  [{ ...sealTo, sign: undefined }, ".sign is missing"],
  [{ ...sealTo, recipientKid: "" }, ".recipientKid must be a text of 1 to 32 characters"],
  [{ ...sealTo, recipientKid: "ä".repeat(17) }, ".recipientKid must take at most 32 bytes"],
];
test("what an up has too much, too little or wrong is refused, and named", () => {
  for (const [up, detail] of mistakes) refused(profileWith(up), `topics.up${detail}`);
  const wrong = [
    point.slice(1),
    `${point}A`,
    `A${point.slice(1)}`,
    `${point.slice(0, -1)}V`,
    `${point.slice(0, -1)}=`,
    4,
  ];
  for (const recipientKey of wrong)
    refused(
      profileWith({ ...sealTo, recipientKey }),
      "topics.up.recipientKey must be a P-256 public key, 65 bytes as base64url",
    );
});

test("readings go where the device sends and hears nothing else", () => {
  for (const taken of ["will", "command", "result"])
    refused(
      profileWith({ protection: "sign" }, { readings: `b/${taken}` }),
      `topics.readings must not be BASE/${taken}`,
    );
});

test("format and state are words of theirs, no state twice", () => {
  accepted(profileWith(stamp, { format: "json", state: [...deviceStates] }));
  refused(profileWith(stamp, { format: "xml" }), 'topics.format must be "cbor" or "json"');
  for (const state of ["battery", ["charge"], ["rssi", "rssi"], [1]])
    refused(
      profileWith(stamp, { state }),
      "topics.state must be a list without repetition of battery, rssi, dropped, reset, refused",
    );
});

test("a short name has 2 to 8 bytes, in hex of small letters", () => {
  for (const kid of ["00ff", "0123456789abcdef"])
    accepted(profileWith(stamp, {}, { device: { id: "d", kid } }));
  for (const kid of ["", "00", "00f", "00FF", "0123456789abcdef00", "00-f", 1])
    refused(
      profileWith(stamp, {}, { device: { id: "d", kid } }),
      "device.kid must be 2 to 8 bytes as hex digits, in small letters",
    );
});

const mqtt = { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 86_400, pipelining: true };
const commands: CommandSettings = { ...stamp, controllers: ["desk"] };
const operator = { kid: "ops", key: point };

test("commands name who may send them, and how they are protected", () => {
  accepted(profileWith(stamp, {}, { mqtt, commands }));
  accepted(
    profileWith({ protection: "none" }, {}, { mqtt, commands: { ...commands, operator, onlySigned: true } }),
  );
  accepted(
    profileWith(
      stamp,
      {},
      {
        mqtt,
        commands: { protection: "seal", algorithm: "a256gcm", controllers: ["a", "b", "c", "d"], operator },
      },
    ),
  );
});

test("commands are always protected by a secret, and from 1 to 4 controllers", () => {
  for (const protection of ["none", "sign", "sealTo"])
    refused(
      profileWith(stamp, {}, { mqtt, commands: { ...commands, protection } }),
      'commands.protection must be "stamp" or "seal"',
    );
  for (const controllers of [[], ["a", "a"], ["a", "b", "c", "d", "e"], [""], ["a".repeat(65)], "a"])
    refused(
      profileWith(stamp, {}, { mqtt, commands: { ...commands, controllers } }),
      "commands.controllers must be 1 to 4 different sender ids, each of 1 to 64 bytes",
    );
  refused(
    profileWith(stamp, {}, { mqtt, commands: { ...commands, onlySigned: true } }),
    "commands.operator must be there with onlySigned",
  );
  refused(
    profileWith(stamp, {}, { commands, mqtt: { ...mqtt, version: "3.1.1" } }),
    'mqtt.version must be "5" with commands',
  );
  refused(
    profileWith(stamp, {}, { commands, mqtt: { ...mqtt, sessionExpirySeconds: 0 } }),
    "mqtt.sessionExpirySeconds must be above 0 with commands",
  );
  refused(
    profileWith(stamp, {}, { mqtt, commands: { ...commands, operator: { kid: "ops" } } }),
    "commands.operator.key is missing",
  );
});

test("who signs and who needs P-256", () => {
  equal([...authenticated, { ...sealTo, sign: false }].map(signs), [
    ...[false, false, false, false, false, false],
    ...[true, true, false],
  ]);
  equal(needsP256(stamp, commands), false);
  equal(needsP256(stamp, undefined), false);
  equal(needsP256(stamp, { ...commands, operator }), true);
  equal(needsP256({ protection: "sign" }, undefined), true);
  equal(needsP256({ ...sealTo, sign: false }, undefined), true);
});
