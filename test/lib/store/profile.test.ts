import { failure } from "../../../lib/failure.js";
import { flashEntries } from "../../../lib/store/flash-entries.js";
import { type Profile, readProfile } from "../../../lib/store/profile.js";
import { equal, test, throws } from "../../device/harness.js";

const profile: Profile = {
  schema: 1,
  device: { id: "dormouse-1" },
  wifi: { ssid: "burrow" },
  time: { server: "time.dormouse.test" },
  broker: { host: "broker.dormouse.test", port: 8883, tls: { minVersion: "1.2" } },
  mqtt: { version: "5", keepAliveSeconds: 60 },
  topics: { base: "sensors/dormouse-1", readings: "sensors/dormouse-1/readings", protection: "stamp" },
  cycle: { intervalSeconds: 900, wakeBudgetSeconds: 30 },
  sensor: { kind: "simulated" },
};

const json = (part: object) => JSON.stringify({ ...profile, ...part });

test("a complete profile is read as it was written", () => {
  equal(readProfile(json({})), profile);
  const cycle = { intervalSeconds: 1.5, wakeBudgetSeconds: 600, deadlineSeconds: { join: 12.5, close: 0.1 } };
  const broker = { host: "b", port: 1, tls: false, insecure: true, username: "u" };
  equal(readProfile(json({ cycle, broker })), { ...profile, cycle, broker });
});

const { broker, cycle, topics } = profile;
const refused: [string, string][] = [
  ["", "the profile is not JSON"],
  [JSON.stringify(profile).slice(0, -1), "the profile is not JSON"],
  [" ".repeat(4000), "the profile is too long"],
  ["[]", "must be an object"],
  ["null", "must be an object"],
  ["{}", "schema is missing"],
  [json({ schema: 2 }), "schema must be 1"],
  [json({ extra: 1 }), "extra is no known setting"],
  [JSON.stringify(profile).replace('"schema"', '"__proto__":{},"schema"'), "__proto__ is no known setting"],
  [json({ device: "dormouse-1" }), "device must be an object"],
  [json({ device: {} }), "device.id is missing"],
  [json({ device: { id: "" } }), "device.id must be a text of 1 to 64 characters"],
  [json({ wifi: { ssid: "s", password: "p" } }), "wifi.password is no known setting"],
  [json({ broker: { ...broker, port: 0 } }), "broker.port must be a whole number from 1 to 65535"],
  [json({ broker: { ...broker, port: 1.5 } }), "broker.port must be a whole number from 1 to 65535"],
  [json({ broker: { ...broker, port: "1" } }), "broker.port must be a whole number from 1 to 65535"],
  [json({ broker: { ...broker, tls: true } }), "broker.tls must be an object"],
  [json({ broker: { ...broker, tls: {} } }), "broker.tls.minVersion is missing"],
  [
    json({ broker: { ...broker, tls: { minVersion: "1.1" } } }),
    'broker.tls.minVersion must be "1.2" or "1.3"',
  ],
  [json({ broker: { ...broker, tls: false } }), "broker.insecure must be true when broker.tls is false"],
  [json({ topics: { ...topics, readings: "a/#" } }), "topics.readings must not contain +, # or NUL"],
  [json({ topics: { ...topics, protection: "none" } }), 'topics.protection must be "stamp"'],
  [
    json({ cycle: { ...cycle, intervalSeconds: 0.9 } }),
    "cycle.intervalSeconds must be a number from 1 to 2592000",
  ],
  [
    json({ cycle: { ...cycle, deadlineSeconds: { nap: 1 } } }),
    "cycle.deadlineSeconds.nap is no known setting",
  ],
];
test("every mistake is refused, and named", () => {
  for (const [text, detail] of refused) equal(readProfile(text), failure("profile-invalid", detail), text);
});

test("every setting that is left out is missed, unless it is optional", () => {
  const groups = Object.entries(profile) as [string, object][];
  for (const [group, settings] of groups) {
    const { [group]: _, ...rest } = profile as unknown as { [name: string]: unknown };
    equal(readProfile(JSON.stringify(rest)), failure("profile-invalid", `${group} is missing`));
    for (const setting of Object.keys(settings)) {
      const { [setting]: __, ...others } = settings as { [name: string]: unknown };
      const found = readProfile(json({ [group]: others }));
      equal(found, failure("profile-invalid", `${group}.${setting} is missing`));
    }
  }
});

test("secrets and profile are separate flash entries with keys that NVS can hold", () => {
  const secrets = {
    record: Uint8Array.of(1),
    wifiPassword: "nuts",
    brokerPassword: "acorn",
    ca: Uint8Array.of(0x30),
  };
  const entries = flashEntries(profile, secrets);
  equal(
    entries.map(({ key, type }) => [key, type]),
    [
      ["profile", "string"],
      ["record", "buffer"],
      ["wifi-password", "string"],
      ["broker-password", "string"],
      ["ca", "buffer"],
    ],
  );
  for (const { key, domain } of entries) {
    equal(key.length <= 15, true, key);
    equal(domain, "dormouse");
  }
  equal(readProfile(entries[0]!.value as string), profile);
});

test("an open network and a broker without password store nothing for them", () => {
  const secrets = {
    record: Uint8Array.of(1),
    wifiPassword: "",
    brokerPassword: null,
    ca: Uint8Array.of(0x30),
  };
  equal(
    flashEntries(profile, secrets).map(({ key }) => key),
    ["profile", "record", "ca"],
  );
});

test("TLS without a CA is not provisioned, plain TCP is", () => {
  const secrets = { record: Uint8Array.of(1), wifiPassword: "", brokerPassword: null, ca: null };
  throws(() => flashEntries(profile, secrets), RangeError, /CA/);
  const plain: Profile = { ...profile, broker: { host: "b", port: 1883, tls: false, insecure: true } };
  equal(flashEntries(plain, secrets).length, 2);
});
