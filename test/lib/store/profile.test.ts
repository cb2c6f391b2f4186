import { failure } from "../../../lib/failure.js";
import { clientId, type Profile, readProfile, type TlsSettings } from "../../../lib/store/profile.js";
import { equal, ok, test } from "../../device/harness.js";

const tls: TlsSettings = {
  minVersion: "1.2",
  pins: [],
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: { maxAgeSeconds: 86_400, ticketWaitSeconds: 0.2 },
  earlyData: false,
};
const profile: Profile = {
  schema: 1,
  device: { id: "dormouse-1" },
  wifi: { ssid: "burrow" },
  time: { server: "time.dormouse.test" },
  broker: { host: "broker.dormouse.test", port: 8883, tls, auth: "none" },
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

const json = (part: object) => JSON.stringify({ ...profile, ...part });

test("a complete profile is read as it was written", () => {
  equal(readProfile(json({})), profile);
  const broker = { host: "b", port: 1, tls: false, insecure: true, username: "u", auth: "none" };
  equal(readProfile(json({ broker })), { ...profile, broker });
});

const { broker, cycle, topics } = profile;
/** A part that is put into the profile, or the whole text. */
const refused: [object | string, string][] = [
  ["", "the profile is not JSON"],
  [JSON.stringify(profile).slice(0, -1), "the profile is not JSON"],
  [" ".repeat(4000), "the profile is too long"],
  ["[]", "must be an object"],
  ["null", "must be an object"],
  ["{}", "schema is missing"],
  [{ schema: 2 }, "schema must be 1"],
  [{ extra: 1 }, "extra is no known setting"],
  [JSON.stringify(profile).replace('"schema"', '"__proto__":{},"schema"'), "__proto__ is no known setting"],
  [{ device: "dormouse-1" }, "device must be an object"],
  [{ device: {} }, "device.id is missing"],
  [{ device: { id: "" } }, "device.id must be a text of 1 to 64 characters"],
  [{ wifi: { ssid: "s", password: "p" } }, "wifi.password is no known setting"],
  [{ broker: { ...broker, port: 0 } }, "broker.port must be a whole number from 1 to 65535"],
  [{ broker: { ...broker, port: 1.5 } }, "broker.port must be a whole number from 1 to 65535"],
  [{ broker: { ...broker, port: "1" } }, "broker.port must be a whole number from 1 to 65535"],
  [{ broker: { ...broker, tls: true } }, "broker.tls must be an object"],
  [{ broker: { ...broker, tls: {} } }, "broker.tls.minVersion is missing"],
  [{ broker: { ...broker, tls: false } }, "broker.insecure must be true when broker.tls is false"],
  [{ topics: { ...topics, readings: "a/#" } }, "topics.readings must not contain + or #"],
  [{ topics: { ...topics, base: "a\u0001" } }, "topics.base must not contain control characters"],
  [{ topics: { ...topics, base: "a\ud800" } }, "topics.base must not contain lone surrogates"],
  [{ topics: { ...topics, protection: "stamp" } }, "topics.protection is no known setting"],
  [{ cycle: { ...cycle, intervalSeconds: 0.9 } }, "cycle.intervalSeconds must be a number from 1 to 2592000"],
  [{ cycle: { ...cycle, deadlineSeconds: { nap: 1 } } }, "cycle.deadlineSeconds.nap is no known setting"],
];
test("every mistake is refused, and named", () => {
  for (const [part, detail] of refused) {
    const text = typeof part === "string" ? part : json(part);
    equal(readProfile(text), failure("profile-invalid", detail), text);
  }
});

const zero = `sha256/${"A".repeat(43)}=`;
const pin = (letter: string) => `sha256/${letter.repeat(42)}A=`;
const pins = (count: number) => Array.from("BCDEFGHIJ".slice(0, count), pin);
const withTls = (part: object) => json({ broker: { ...broker, tls: { ...tls, ...part } } });
const psk = { identity: "psk", pskIdentity: "dormouse-1" };

test("TLS settings are read as they were written", () => {
  const accepted: object[] = [
    { minVersion: "1.3" },
    { pins: pins(2) },
    { pins: pins(8), identity: "certificate" },
    psk,
    { ...psk, pskIdentity: "~".repeat(128), forwardSecrecy: false },
    { withoutClock: "refuse" },
    { resumption: false },
    { resumption: { maxAgeSeconds: 604_800, ticketWaitSeconds: 0 } },
    { earlyData: true },
    { earlyData: true, pins: pins(2), identity: "certificate" },
  ];
  for (const part of accepted) {
    const expected = { ...profile, broker: { ...broker, tls: { ...tls, ...part } } };
    equal(readProfile(withTls(part)), expected, JSON.stringify(part));
  }
});

const pinsMust = "pins must be none, or 2 to 8 different pins as sha256/BASE64";
const refusedTls: [part: object, detail: string][] = [
  [{ minVersion: "1.1" }, 'minVersion must be "1.2" or "1.3"'],
  [{ ca: "file:root.pem" }, "ca must be true"],
  [{ crl: false }, "crl must be true"],
  [{ key: "file:key.pem" }, "key is no known setting"],
  [{ pins: pins(1) }, pinsMust],
  [{ pins: pins(9) }, pinsMust],
  [{ pins: [zero, zero] }, pinsMust],
  [{ pins: [pin("B"), pin("C"), pin("B")] }, pinsMust],
  [{ pins: [zero, 7] }, pinsMust],
  [{ pins: [zero, pin("B").slice(0, -1)] }, pinsMust],
  [{ pins: [zero, pin("B").replace("A=", "B=")] }, pinsMust],
  // the other spellings are the command's to read
  [{ pins: [zero, pin("B").replace("/", "//")] }, pinsMust],
  [{ pins: `${zero}${pin("B")}` }, pinsMust],
  [{ identity: "rpk" }, 'identity must be "none" or "certificate" or "psk"'],
  [{ identity: "psk" }, "pskIdentity is missing"],
  [{ ...psk, pskIdentity: "" }, "pskIdentity must be a text of 1 to 128 characters"],
  [{ ...psk, pskIdentity: "~".repeat(129) }, "pskIdentity must be a text of 1 to 128 characters"],
  [{ ...psk, pskIdentity: "d\n" }, "pskIdentity must be printable ASCII"],
  [{ ...psk, pskIdentity: "dörmouse" }, "pskIdentity must be printable ASCII"],
  [{ ...psk, identity: "none" }, "pskIdentity must not be there without a PSK"],
  [{ ...psk, identity: "certificate" }, "pskIdentity must not be there without a PSK"],
  [{ ...psk, pins: pins(2) }, "pins must be none with a PSK"],
  [{ forwardSecrecy: false }, "forwardSecrecy must be true without a PSK"],
  [{ identity: "certificate", forwardSecrecy: false }, "forwardSecrecy must be true without a PSK"],
  [{ forwardSecrecy: 1 }, "forwardSecrecy must be true or false"],
  [{ withoutClock: true }, 'withoutClock must be "accept" or "refuse"'],
  [{ resumption: true }, "resumption must be an object"],
  [{ resumption: {} }, "resumption.maxAgeSeconds is missing"],
  [
    { resumption: { maxAgeSeconds: 604_801, ticketWaitSeconds: 0 } },
    "resumption.maxAgeSeconds must be a whole number from 1 to 604800",
  ],
  [
    { resumption: { maxAgeSeconds: 0, ticketWaitSeconds: 0 } },
    "resumption.maxAgeSeconds must be a whole number from 1 to 604800",
  ],
  [
    { resumption: { maxAgeSeconds: 1, ticketWaitSeconds: 5.1 } },
    "resumption.ticketWaitSeconds must be a number from 0 to 5",
  ],
  [{ earlyData: "yes" }, "earlyData must be true or false"],
  [{ earlyData: true, resumption: false }, "earlyData must be false without resumption"],
];
test("every mistake in the TLS settings is refused, and named", () => {
  for (const [part, detail] of refusedTls)
    equal(readProfile(withTls(part)), failure("profile-invalid", `broker.tls.${detail}`), detail);
});

test("early data and a user name exclude each other: a password must not be sent twice by others", () => {
  const named = { ...broker, username: "u", tls: { ...tls, earlyData: true } };
  equal(
    readProfile(json({ broker: named })),
    failure("profile-invalid", "broker.tls.earlyData must be false with a user name"),
  );
  equal("kind" in readProfile(json({ broker: { ...named, tls } })), false);
});

test("early data and a WebSocket exclude each other: nothing may be sent before it is open", () => {
  const both = { ...broker, websocket: { path: "/mqtt" }, tls: { ...tls, earlyData: true } };
  equal(
    readProfile(json({ broker: both })),
    failure("profile-invalid", "broker.tls.earlyData must be false with a WebSocket"),
  );
  equal("kind" in readProfile(json({ broker: { ...both, tls } })), false);
});

test("the path of a WebSocket is one that a request can have", () => {
  const withPath = (path: unknown) => json({ broker: { ...broker, websocket: { path } } });
  for (const path of ["/", "/mqtt", "/a/b?c=%20&d", '/!"$~', `/${"a".repeat(254)}`])
    equal(readProfile(withPath(path)), { ...profile, broker: { ...broker, websocket: { path } } });
  const must = "must begin with / and be printable ASCII without #";
  for (const path of ["mqtt", "/a b", "/a#b", "/a\r\nb", "/\u007f", "/é"])
    equal(readProfile(withPath(path)), failure("profile-invalid", `broker.websocket.path ${must}`), path);
  const long = failure("profile-invalid", "broker.websocket.path must be a text of 1 to 255 characters");
  for (const path of ["", 7, `/${"a".repeat(255)}`]) equal(readProfile(withPath(path)), long);
  const missing = failure("profile-invalid", "broker.websocket.path is missing");
  equal(readProfile(json({ broker: { ...broker, websocket: {} } })), missing);
  const always = failure("profile-invalid", "broker.websocket must be an object");
  equal(readProfile(json({ broker: { ...broker, websocket: true } })), always);
});

test("every TLS setting that is left out is missed", () => {
  for (const setting of Object.keys(tls)) {
    const { [setting]: _, ...others } = tls as unknown as { [name: string]: unknown };
    const found = readProfile(json({ broker: { ...broker, tls: others } }));
    equal(found, failure("profile-invalid", `broker.tls.${setting} is missing`));
  }
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

const jwt = { algorithm: "ES256", lifetimeSeconds: 3600 };
const withBroker = (part: object) => json({ broker: { ...broker, ...part } });

test("how the device logs in is read as it was written", () => {
  const accepted: object[] = [
    { username: "u" },
    { username: "ü".repeat(128), auth: "password" },
    { username: "u", auth: "derived", clientIdPrefix: "cellar:" },
    { username: "u", auth: "jwt", jwt },
    { username: "u", auth: "jwt", jwt: { algorithm: "HS256", lifetimeSeconds: 60, audience: "ä b" } },
    { username: "u", auth: "jwt", jwt: { ...jwt, lifetimeSeconds: 86_400 } },
    { clientIdPrefix: ' !"$%&*,-/~' },
    { clientIdPrefix: "x".repeat(64) },
  ];
  for (const part of accepted)
    equal(
      readProfile(withBroker(part)),
      { ...profile, broker: { ...broker, ...part } },
      JSON.stringify(part),
    );
});

const noControl = "must not contain control characters";
const refusedAccounts: [part: object, detail: string][] = [
  [{ auth: "anonymous" }, 'auth must be "none" or "password" or "derived" or "jwt"'],
  [{ auth: true }, 'auth must be "none" or "password" or "derived" or "jwt"'],
  [{ auth: "password" }, "username is missing"],
  [{ auth: "derived" }, "username is missing"],
  [{ auth: "jwt", jwt }, "username is missing"],
  [{ username: "u", auth: "jwt" }, "jwt is missing"],
  [{ jwt }, "jwt must not be there without that auth"],
  [{ username: "u", auth: "password", jwt }, "jwt must not be there without that auth"],
  [{ username: "u", password: "hunter2" }, "password is no known setting"],
  [{ username: "u", auth: "jwt", jwt: {} }, "jwt.algorithm is missing"],
  [
    { username: "u", auth: "jwt", jwt: { ...jwt, algorithm: "none" } },
    'jwt.algorithm must be "HS256" or "ES256"',
  ],
  [
    { username: "u", auth: "jwt", jwt: { ...jwt, lifetimeSeconds: 59 } },
    "jwt.lifetimeSeconds must be a whole number from 60 to 86400",
  ],
  [
    { username: "u", auth: "jwt", jwt: { ...jwt, lifetimeSeconds: 86_401 } },
    "jwt.lifetimeSeconds must be a whole number from 60 to 86400",
  ],
  [
    { username: "u", auth: "jwt", jwt: { ...jwt, audience: "" } },
    "jwt.audience must be a text of 1 to 128 characters",
  ],
  [{ username: "u", auth: "jwt", jwt: { ...jwt, key: "k" } }, "jwt.key is no known setting"],
  [{ username: "" }, "username must be a text of 1 to 128 characters"],
  [{ username: "u".repeat(129) }, "username must be a text of 1 to 128 characters"],
  [{ username: "u\0" }, `username ${noControl}`],
  [{ username: "u\x1f" }, `username ${noControl}`],
  [{ username: "u\x7f" }, `username ${noControl}`],
  [{ username: "u\x9f" }, `username ${noControl}`],
  [{ username: "u\ud800" }, "username must not contain lone surrogates"],
  [{ clientIdPrefix: "" }, "clientIdPrefix must be a text of 1 to 64 characters"],
  [{ clientIdPrefix: "x".repeat(65) }, "clientIdPrefix must be a text of 1 to 64 characters"],
  [{ clientIdPrefix: "ü" }, "clientIdPrefix must be printable ASCII"],
  [{ clientIdPrefix: "a+" }, "clientIdPrefix must not contain + or #"],
  [{ clientIdPrefix: "#" }, "clientIdPrefix must not contain + or #"],
];
test("every mistake in how the device logs in is refused, and named", () => {
  for (const [part, detail] of refusedAccounts)
    equal(readProfile(withBroker(part)), failure("profile-invalid", `broker.${detail}`), detail);
});

test("over plain TCP no password goes: every auth but none is refused, the siblings with TLS are not", () => {
  const plain = { tls: false, insecure: true };
  const all = [{ auth: "password" }, { auth: "derived" }, { auth: "jwt", jwt }];
  for (const part of all) {
    const account = { username: "u", ...part };
    equal(
      readProfile(withBroker({ ...account, ...plain })),
      failure("profile-invalid", 'broker.auth must be "none" when broker.tls is false'),
    );
    equal("kind" in readProfile(withBroker(account)), false);
  }
  equal("kind" in readProfile(withBroker({ username: "u", ...plain })), false);
  equal(
    readProfile(withBroker({ jwt, ...plain })),
    failure("profile-invalid", "broker.jwt must not be there without that auth"),
  );
});

test("a device id that MQTT cannot say, or that is no sender id, is refused", () => {
  const identified = (id: string) => readProfile(json({ device: { id } }));
  equal(identified("ü".repeat(32)), { ...profile, device: { id: "ü".repeat(32) } });
  equal(identified("ü".repeat(33)), failure("profile-invalid", "device.id must take at most 64 bytes"));
  equal(identified("d\0"), failure("profile-invalid", `device.id ${noControl}`));
  equal(identified("d\udc00"), failure("profile-invalid", "device.id must not contain lone surrogates"));
});

test("the client id is the prefix and the device's id, 128 bytes at most", () => {
  equal(clientId(profile), "dormouse-1");
  const longest = {
    ...profile,
    device: { id: "x".repeat(64) },
    broker: { ...broker, clientIdPrefix: "p".repeat(64) },
  };
  equal(clientId(longest), "p".repeat(64) + "x".repeat(64));
  equal("kind" in readProfile(JSON.stringify(longest)), false);
});

test("a will that waits needs MQTT 5, a session that lives as long, and more than a sleep", () => {
  const will = { afterSeconds: 2000, retain: true };
  const mqtt = { ...profile.mqtt, sessionExpirySeconds: 2000, will };
  const wrong: [object, RegExp][] = [
    [{ ...mqtt, version: "3.1.1" }, /afterSeconds must be 0 with MQTT 3.1.1/],
    [{ ...mqtt, sessionExpirySeconds: 1999 }, /sessionExpirySeconds must reach/],
    [{ ...mqtt, will: { ...will, afterSeconds: 930 } }, /above cycle.intervalSeconds/],
  ];
  equal(readProfile(json({ mqtt })), { ...profile, mqtt });
  for (const [part, problem] of wrong) {
    const read = readProfile(json({ mqtt: part }));
    ok("kind" in read && problem.test(read.detail), JSON.stringify(read));
  }
  const atOnce = { ...mqtt, version: "3.1.1", sessionExpirySeconds: 0, will: { ...will, afterSeconds: 0 } };
  equal(readProfile(json({ mqtt: atOnce })), { ...profile, mqtt: atOnce });
});

test("early data excludes a will: whoever repeats it would set the will off", () => {
  const mqtt = { ...profile.mqtt, will: { afterSeconds: 0, retain: false } };
  const early = { ...broker, tls: { ...tls, earlyData: true } };
  equal(readProfile(json({ broker: early })), { ...profile, broker: early });
  equal(
    readProfile(json({ broker: early, mqtt })),
    failure("profile-invalid", "broker.tls.earlyData must be false with a will"),
  );
});
