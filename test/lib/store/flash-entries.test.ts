import { type FlashSecrets, flashEntries, windowKey } from "../../../lib/store/flash-entries.js";
import {
  type Profile,
  readProfile,
  type TlsSettings,
  type TokenSettings,
} from "../../../lib/store/profile.js";
import type { Protection } from "../../../lib/store/protection.js";
import { equal, test, throws } from "../../device/harness.js";

const tls: TlsSettings = {
  minVersion: "1.2",
  pins: [],
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: false,
  earlyData: false,
};
const pins = ["A", "E"].map((last) => `sha256/${"A".repeat(42)}${last}=`);

function profileWith(part: Partial<TlsSettings> | false): Profile {
  const secure = {
    host: "broker.dormouse.test",
    port: 8883,
    tls: { ...tls, ...part },
    auth: "none" as const,
  };
  return {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    time: { server: "time.dormouse.test" },
    broker: part === false ? { ...secure, tls: false, insecure: true } : secure,
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
    topics: {
      base: "sensors/dormouse-1",
      readings: "sensors/dormouse-1/readings",
      format: "cbor",
      state: [],
      up: { protection: "stamp", algorithm: "hmac-256" },
    },
    cycle: {
      mode: "sleep",
      intervalSeconds: 900,
      wakeBudgetSeconds: 30,
      sendEvery: 1,
      backoffMaxSeconds: 3600,
    },
    sensor: { kind: "simulated" },
  };
}

const der = Uint8Array.of(0x30);
const key = new Uint8Array(16);
const bare: FlashSecrets = {
  record: Uint8Array.of(1),
  wifiPassword: "",
  brokerPassword: null,
  jwtKey: null,
  ca: null,
  crl: null,
  certificate: null,
  key: null,
  psk: null,
  signKey: null,
};

/** As a device that logs in so. */
function accountOf(
  auth: Profile["broker"]["auth"],
  secrets: Partial<FlashSecrets>,
  jwt?: TokenSettings,
): string[] {
  const profile = profileWith({ pins });
  const broker = { ...profile.broker, username: "u", auth, ...(jwt && { jwt }) };
  return flashEntries({ ...profile, broker }, { ...bare, ...secrets }).map((entry) => entry.key);
}

function keysOf(part: Partial<TlsSettings> | false, secrets: Partial<FlashSecrets>): string[] {
  return flashEntries(profileWith(part), { ...bare, ...secrets }).map((entry) => entry.key);
}

test("secrets and profile are separate flash entries with keys that NVS can hold", () => {
  const certified = profileWith({ identity: "certificate" });
  const profile = { ...certified, broker: { ...certified.broker, username: "u", auth: "password" as const } };
  const passwords = { wifiPassword: "nuts", brokerPassword: "acorn" };
  const entries = flashEntries(profile, {
    ...bare,
    ...passwords,
    ca: der,
    crl: der,
    certificate: der,
    key: der,
  });
  equal(
    entries.map((entry) => [entry.key, entry.type]),
    [
      ["profile", "string"],
      ["record", "buffer"],
      ["wifi-password", "string"],
      ["broker-password", "buffer"],
      ["ca", "buffer"],
      ["crl", "buffer"],
      ["tls-cert", "buffer"],
      ["tls-key", "buffer"],
    ],
  );
  for (const entry of entries) {
    equal(entry.key.length <= 15, true, entry.key);
    equal(entry.domain, "dormouse");
  }
  // the profile knows what of the trust is in flash
  const { ca, crl } = profileWith({ identity: "certificate", ca: true, crl: true }).broker.tls as TlsSettings;
  const { broker, ...rest } = profile;
  equal(readProfile(entries[0]!.value as string), {
    ...rest,
    broker: { ...broker, tls: { ...(broker.tls as TlsSettings), ca, crl } },
  });
});

test("an open network and a broker without password store nothing for them", () => {
  equal(keysOf({}, { ca: der }), ["profile", "record", "ca"]);
});

const psk = { identity: "psk", pskIdentity: "dormouse-1" } as const;

test("a broker is trusted by its CA, by pins, or by both; with a PSK there is neither", () => {
  equal(keysOf({ pins }, {}), ["profile", "record"]);
  equal(keysOf({ pins }, { ca: der, crl: der }), ["profile", "record", "ca", "crl"]);
  equal(keysOf(psk, { psk: key }), ["profile", "record", "tls-psk"]);
  equal(keysOf(false, {}), ["profile", "record"]);
});

const refused: [what: string, part: Partial<TlsSettings> | false, secrets: Partial<FlashSecrets>][] = [
  ["nothing to know the broker by", {}, {}],
  ["a CRL without its CA", { pins }, { crl: der }],
  ["a certificate identity with nothing", { identity: "certificate" }, { ca: der }],
  ["a certificate without key", { identity: "certificate" }, { ca: der, certificate: der }],
  ["a key without certificate", { identity: "certificate" }, { ca: der, key: der }],
  ["a certificate that nobody uses", {}, { ca: der, certificate: der, key: der }],
  ["a PSK identity without PSK", psk, {}],
  ["a PSK that nobody uses", {}, { ca: der, psk: key }],
  ["a PSK beside a CA", psk, { psk: key, ca: der }],
  ["a PSK beside a CRL", psk, { psk: key, crl: der }],
  ["a PSK beside a certificate", psk, { psk: key, certificate: der, key: der }],
  ["a PSK of 15 bytes", psk, { psk: key.slice(1) }],
  ["a PSK of 65 bytes", psk, { psk: new Uint8Array(65) }],
  ["a CA with plain TCP", false, { ca: der }],
  ["a PSK with plain TCP", false, { psk: key }],
];
test("what does not fit the profile is not provisioned", () => {
  for (const [what, part, secrets] of refused) {
    let written: string[] | undefined;
    throws(() => {
      written = keysOf(part, secrets);
    }, RangeError);
    equal(written, undefined, what);
  }
});

const hs256 = { algorithm: "HS256", lifetimeSeconds: 60 } as const;
const es256 = { algorithm: "ES256", lifetimeSeconds: 60 } as const;

test("what the device logs in with is stored, and nothing is for a password that it derives", () => {
  equal(accountOf("none", {}), ["profile", "record"]);
  equal(accountOf("derived", {}), ["profile", "record"]);
  equal(accountOf("password", { brokerPassword: "acorn" }), ["profile", "record", "broker-password"]);
  equal(accountOf("jwt", { jwtKey: der }, es256), ["profile", "record", "jwt-key"]);
  for (const length of [32, 64])
    equal(accountOf("jwt", { jwtKey: new Uint8Array(length) }, hs256), ["profile", "record", "jwt-key"]);
});

test("the broker's password is stored as UTF-8", () => {
  const profile = profileWith({ pins });
  const broker = { ...profile.broker, username: "u", auth: "password" as const };
  const entries = flashEntries({ ...profile, broker }, { ...bare, brokerPassword: "nüsse" });
  equal(
    entries.find((entry) => entry.key === "broker-password")?.value,
    Uint8Array.of(110, 195, 188, 115, 115, 101),
  );
});

type Account = [
  what: string,
  auth: Profile["broker"]["auth"],
  secrets: Partial<FlashSecrets>,
  jwt?: TokenSettings,
];
const refusedAccounts: Account[] = [
  ["no password", "password", {}],
  ["an empty password", "password", { brokerPassword: "" }],
  ["a password that nobody uses", "none", { brokerPassword: "acorn" }],
  ["a password beside the derived one", "derived", { brokerPassword: "acorn" }],
  ["a password beside a token", "jwt", { brokerPassword: "acorn", jwtKey: der }, es256],
  ["no key for a token", "jwt", {}, es256],
  ["a key for no token", "derived", { jwtKey: der }],
  ["an HS256 key of 31 bytes", "jwt", { jwtKey: new Uint8Array(31) }, hs256],
  ["an HS256 key of 65 bytes", "jwt", { jwtKey: new Uint8Array(65) }, hs256],
];
test("what does not fit the way to log in is not provisioned", () => {
  for (const [what, auth, secrets, jwt] of refusedAccounts) {
    let written: string[] | undefined;
    throws(() => {
      written = accountOf(auth, secrets, jwt);
    }, RangeError);
    equal(written, undefined, what);
  }
});

const recipientKey =
  "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
const sealTo = { protection: "sealTo", recipientKid: "plant-7", recipientKey } as const;
const stamp = { protection: "stamp", algorithm: "hmac-256" } as const;

function signedKeys(up: Protection, signKey: Uint8Array | null): string[] {
  const profile = profileWith({ pins });
  const topics = { ...profile.topics, up };
  return flashEntries({ ...profile, topics }, { ...bare, signKey }).map((entry) => entry.key);
}

test("the key that messages are signed with is stored exactly when they are", () => {
  equal(signedKeys({ protection: "sign" }, der), ["profile", "record", "sign-key"]);
  equal(signedKeys({ ...sealTo, sign: true }, der), ["profile", "record", "sign-key"]);
  equal(signedKeys({ ...sealTo, sign: false }, null), ["profile", "record"]);
  const refused: [Protection, Uint8Array | null][] = [
    [{ protection: "sign" }, null],
    [{ ...sealTo, sign: true }, null],
    [{ ...sealTo, sign: false }, der],
    [stamp, der],
  ];
  for (const [up, key] of refused) throws(() => signedKeys(up, key), RangeError);
});

test("each controller's window has a key that NVS can hold", () => {
  equal([0, 3].map(windowKey), ["window-0", "window-3"]);
});
