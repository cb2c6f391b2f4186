import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkProfile } from "../../../cli/profile/check.js";
import { root } from "../../../host-sim/paths.js";
import { phases } from "../../../lib/cycle/wake-cycle.js";
import { readProfile } from "../../../lib/store/profile.js";
import { dormouse } from "../command.js";

const minimal = { schema: 1, device: { id: "d-1" }, wifi: { ssid: "s" }, broker: { host: "b.example" } };

/** [what is wrong, the profile's differing part, the path blamed, what the line says] */
const mistakes: [string, object, string, RegExp][] = [
  ["no such version", { schema: 2 }, "schema", /Write 1/],
  ["version as text", { schema: "1" }, "schema", /Write 1/],
  ["an unknown group", { wlan: {} }, "wlan", /no known setting.*known here: .*wifi/],
  ["a misspelt group", { brokers: {} }, "brokers", /Did you mean "broker"/],
  ["a misspelt setting", { broker: { host: "h", Port: 1 } }, "broker.Port", /Did you mean "port"/],
  ["a group that is text", { wifi: "home" }, "wifi", /must be object, not string/],
  ["an ssid too long", { wifi: { ssid: "x".repeat(33) } }, "wifi.ssid", /longer than 32/],
  ["no ssid", { wifi: {} }, "wifi.ssid", /is missing. Write the network's name/],
  ["a literal Wi-Fi password", { wifi: { ssid: "s", password: "hunter2" } }, "wifi.password", /env:NAME/],
  [
    "a literal broker password",
    { broker: { host: "h", username: "u", password: "hunter2" } },
    "broker.password",
    /env:/,
  ],
  ["a password without user", { broker: { host: "h", password: "env:P" } }, "broker.username", /user name/],
  ["a host with scheme", { broker: { host: "mqtts://h" } }, "broker.host", /without port or scheme/],
  ["port 0", { broker: { host: "h", port: 0 } }, "broker.port", /smaller than 1/],
  ["port 65536", { broker: { host: "h", port: 65_536 } }, "broker.port", /larger than 65535/],
  ["port as text", { broker: { host: "h", port: "8883" } }, "broker.port", /must be integer, not string/],
  ["tls true", { broker: { host: "h", tls: true } }, "broker.tls", /Write an object \(TLS\), or false/],
  ["tls false alone", { broker: { host: "h", tls: false } }, "broker.insecure", /acknowledge plain TCP/],
  ["insecure with tls", { broker: { host: "h", insecure: true } }, "broker.insecure", /Remove it/],
  [
    "TLS 1.1",
    { broker: { host: "h", tls: { minVersion: "1.1" } } },
    "broker.tls.minVersion",
    /"1.2" or "1.3"/,
  ],
  [
    "a CA that is no reference",
    { broker: { host: "h", tls: { ca: "ca.pem" } } },
    "broker.tls.ca",
    /file:PATH/,
  ],
  [
    "websocket false",
    { broker: { host: "h", websocket: false } },
    "broker.websocket",
    /Write true .*or an object/,
  ],
  [
    "a WebSocket's URL",
    { broker: { host: "h", websocket: { path: "wss://h/mqtt" } } },
    "broker.websocket.path",
    /begins with \//,
  ],
  [
    "a path with a fragment",
    { broker: { host: "h", websocket: { path: "/#mqtt" } } },
    "broker.websocket.path",
    /without #/,
  ],
  [
    "a path too long",
    { broker: { host: "h", websocket: { path: `/${"a".repeat(255)}` } } },
    "broker.websocket.path",
    /longer than 255/,
  ],
  [
    "a WebSocket's port",
    { broker: { host: "h", websocket: { port: 1 } } },
    "broker.websocket.port",
    /known here: path/,
  ],
  [
    "early data with a WebSocket",
    { broker: { host: "h", websocket: true, tls: { earlyData: true } } },
    "broker.tls.earlyData",
    /before a WebSocket is open nothing may be sent/,
  ],
  ["MQTT 4", { mqtt: { version: "4" } }, "mqtt.version", /"5" or "3.1.1"/],
  [
    "a will beside early data",
    { broker: { host: "h", tls: { earlyData: true } }, mqtt: { will: {} } },
    "broker.tls.earlyData",
    /makes the broker publish the will/,
  ],
  [
    "a will that waits in 3.1.1",
    { mqtt: { version: "3.1.1", sessionExpirySeconds: 2000, will: { afterSeconds: 2000 } } },
    "mqtt.will.afterSeconds",
    /Only MQTT 5/,
  ],
  [
    "a will sooner than the next wake",
    { mqtt: { sessionExpirySeconds: 2000, will: { afterSeconds: 930 } } },
    "mqtt.will.afterSeconds",
    /merely asleep/,
  ],
  [
    "a will later than the session's end",
    { mqtt: { sessionExpirySeconds: 1999, will: { afterSeconds: 2000 } } },
    "mqtt.sessionExpirySeconds",
    /at least that many/,
  ],
  ["a wildcard topic", { topics: { readings: "a/+/b" } }, "topics.readings", /without \+, # and control/],
  ["an unknown protection", { topics: { protection: "hmac" } }, "topics.protection", /not allowed.*"stamp"/],
  ["a device id with a slash", { device: { id: "a/b" } }, "device.id", /letters, digits/],
  ["an interval of 0", { cycle: { intervalSeconds: 0 } }, "cycle.intervalSeconds", /smaller than 1/],
  [
    "a phase that does not exist",
    { cycle: { deadlineSeconds: { jion: 1 } } },
    "cycle.deadlineSeconds.jion",
    /Did you mean "join"/,
  ],
];

for (const [setting, value, line] of [
  ["spillEvery", 0, /1 to 64/],
  ["spillEvery", 65, /1 to 64/],
  ["spillEvery", 1.5, /1 to 64/],
  ["flashBytes", -1, /0 \(none do\)/],
  ["flashBytes", 65_537, /65536/],
  ["drop", "some", /"thin"/],
  ["dorp", "thin", /Did you mean "drop"/],
] as const)
  test(`outbox.${setting} ${value} is refused, with a remedy`, () =>
    blamed({ outbox: { [setting]: value } }, `outbox.${setting}`, line));

test("what is written of the outbox comes to the device, and nothing is added", () => {
  for (const outbox of [
    { spillEvery: 1, flashBytes: 0, drop: "newest" },
    { spillEvery: 64, flashBytes: 65_536, drop: "thin" },
    { drop: "oldest" },
    {},
  ]) {
    const checked = checkProfile(JSON.stringify({ ...minimal, outbox }));
    assert.ok(checked.ok);
    assert.deepEqual(checked.profile.outbox, outbox);
  }
});

function blamed(part: object, path: string, line: RegExp): void {
  const checked = checkProfile(JSON.stringify({ ...minimal, ...part }));
  assert.ok(!checked.ok);
  const [mistake, ...others] = checked.mistakes;
  assert.deepEqual(others, []);
  assert.equal(mistake!.path, path);
  assert.match(`${mistake!.problem}. ${mistake!.remedy}`, line);
  assert.doesNotMatch(JSON.stringify(checked), /hunter2/);
}
for (const [what, part, path, line] of mistakes)
  test(`${what} is blamed on ${path}, with a remedy`, () => blamed(part, path, line));

/** What the device gets when a profile says nothing about TLS. */
const plainTls = {
  minVersion: "1.2",
  pins: [],
  identity: "none",
  forwardSecrecy: true,
  withoutClock: "accept",
  resumption: { maxAgeSeconds: 86_400, ticketWaitSeconds: 0.2 },
  earlyData: false,
};

const digest = (first: string) => `${first}${"A".repeat(42)}=`;
const pins = [..."BCDEFGHIJ"].map((letter) => `sha256/${digest(letter)}`);
const certificate = { certificate: "file:c.pem", key: "env:K" };
const psk = { identity: "d-1", key: "env:PSK" };

/** [what is wrong, broker.tls, what is blamed in it, what the line says] */
const tlsMistakes: [string, object, string, RegExp][] = [
  ["an unknown setting", { pin: pins }, "pin", /Did you mean "pins"/],
  ["no pin in pins", { pins: [] }, "pins", /fewer than 2. Write 2 to 8/],
  ["one pin", { pins: pins.slice(0, 1) }, "pins", /fewer than 2. .*a key in reserve/],
  ["nine pins", { pins }, "pins", /more than 8/],
  ["one pin twice", { pins: [pins[0], pins[0]] }, "pins", /the same twice/],
  [
    "one pin in two spellings",
    { pins: [pins[0], pins[1], pins[0]!.replace("/", "//")] },
    "pins.2",
    /same pin as pins.0. Write the pin of another key/,
  ],
  ["a pin cut short", { pins: [pins[0], pins[1]!.slice(0, -2)] }, "pins.1", /44 characters of base64/],
  ["a SHA-1 pin", { pins: [pins[0], "sha1/2jmj7l5rSw0yVb/vlWAYkK/YBwk="] }, "pins.1", /Write sha256\//],
  ["a pin of 32 bytes and 2 bits", { pins: [pins[0], pins[1]!.replace("A=", "B=")] }, "pins.1", /32 bytes/],
  ["pins that are one text", { pins: `${pins[0]} ${pins[1]}` }, "pins", /must be array, not string/],
  [
    "a CRL without CA",
    { crl: "file:crl.pem", pins: pins.slice(0, 2) },
    "ca",
    /missing though there is a crl/,
  ],
  ["a CRL that is no reference", { ca: "file:c", crl: "crl.pem" }, "crl", /file:PATH/],
  ["a certificate without key", { certificate: "file:c.pem" }, "key", /Write "file:PATH" or "env:NAME"/],
  ["a key without certificate", { key: "file:k.pem" }, "certificate", /missing though there is a key/],
  ["a literal key", { ...certificate, key: "-----BEGIN hunter2" }, "key", /never the key itself/],
  ["a literal PSK", { psk: { ...psk, key: "hunter2" } }, "psk.key", /never the key itself/],
  ["a PSK in hex", { psk: { ...psk, key: "00112233445566778899aabbccddeeff" } }, "psk.key", /env:NAME/],
  ["a PSK without identity", { psk: { key: "env:PSK" } }, "psk.identity", /is missing. Write 1 to 128/],
  ["a PSK identity with a colon", { psk: { ...psk, identity: "a:b" } }, "psk.identity", /without a colon/],
  ["a PSK identity with umlaut", { psk: { ...psk, identity: "ä" } }, "psk.identity", /printable ASCII/],
  ["a PSK beside a CA", { psk, ca: "file:ca.pem" }, "ca", /there is a psk. Remove it/],
  ["a PSK beside pins", { psk, pins: pins.slice(0, 2) }, "pins", /there is a psk/],
  ["a PSK beside a CRL", { psk, crl: "file:crl.pem" }, "crl", /there is a psk/],
  ["static PSK without a PSK", { forwardSecrecy: false }, "forwardSecrecy", /no psk. Remove it/],
  [
    "static PSK in TLS 1.3",
    { psk, forwardSecrecy: false, minVersion: "1.3" },
    "forwardSecrecy",
    /only TLS 1.2/,
  ],
  ["an unknown way without clock", { withoutClock: "ignore" }, "withoutClock", /"accept" or "refuse"/],
  ["resumption true", { resumption: true }, "resumption", /Write an object/],
  [
    "sessions of a month",
    { resumption: { maxAgeSeconds: 2_592_000 } },
    "resumption.maxAgeSeconds",
    /larger than 604800.*7 days/,
  ],
  ["a session of no age", { resumption: { maxAgeSeconds: 0 } }, "resumption.maxAgeSeconds", /smaller than 1/],
  [
    "a long wait for tickets",
    { resumption: { ticketWaitSeconds: 6 } },
    "resumption.ticketWaitSeconds",
    /0 to 5/,
  ],
  ["early data as text", { earlyData: "yes" }, "earlyData", /must be boolean/],
  [
    "early data without resumption",
    { earlyData: true, resumption: false },
    "earlyData",
    /resumption is false/,
  ],
  ["early data with a PSK", { earlyData: true, psk }, "earlyData", /there is a psk/],
];
for (const [what, tls, path, line] of tlsMistakes)
  test(`TLS: ${what} is blamed on ${path}, with a remedy`, () =>
    blamed({ broker: { host: "h", tls } }, `broker.tls.${path}`, line));

test("a PSK beside a client certificate: both its parts are blamed", () => {
  const checked = checkProfile(
    JSON.stringify({ ...minimal, broker: { host: "h", tls: { psk, ...certificate } } }),
  );
  assert.ok(!checked.ok);
  assert.deepEqual(
    checked.mistakes.map(({ path }) => path),
    ["broker.tls.certificate", "broker.tls.key"],
  );
});

const jwt = { algorithm: "ES256", key: "file:token.key" };

/** [what is wrong, the settings beside broker.host, what is blamed in broker, what the line says] */
const accountMistakes: [string, object, string, RegExp][] = [
  ["a user name with a line feed", { username: "u\n" }, "username", /no control characters/],
  ["a user name of a lone surrogate", { username: "\ud800" }, "username", /no control characters/],
  ["a long user name of pairs", { username: "\u{1f4a4}".repeat(65) }, "username", /1 to 128 characters/],
  ["a prefix with a wildcard", { clientIdPrefix: "a/#" }, "clientIdPrefix", /without \+ and #/],
  ["an empty prefix", { clientIdPrefix: "" }, "clientIdPrefix", /1 to 64 printable/],
  ["a prefix too long", { clientIdPrefix: "x".repeat(65) }, "clientIdPrefix", /1 to 64 printable/],
  ["a misspelt prefix", { clientidPrefix: "x" }, "clientidPrefix", /Did you mean "clientIdPrefix"/],
  ["derived, misspelt", { username: "u", password: "Derived" }, "password", /"derived": made of/],
  ["auth, which is the device's", { auth: "derived" }, "auth", /no known setting/],
  ["a token without a key", { jwt: { algorithm: "HS256" } }, "jwt.key", /is missing.*text of 32 to 64 bytes/],
  ["a token without an algorithm", { jwt: { key: "env:K" } }, "jwt.algorithm", /"HS256".*"ES256"/],
  ["alg none", { jwt: { ...jwt, algorithm: "none" } }, "jwt.algorithm", /"HS256".*"ES256"/],
  ["a literal token key", { jwt: { ...jwt, key: "hunter2" } }, "jwt.key", /never the key itself/],
  [
    "a token of a minute less",
    { jwt: { ...jwt, lifetimeSeconds: 59 } },
    "jwt.lifetimeSeconds",
    /smaller than 60/,
  ],
  [
    "a token of two days",
    { jwt: { ...jwt, lifetimeSeconds: 172_800 } },
    "jwt.lifetimeSeconds",
    /larger than 86400/,
  ],
  ["an empty audience", { jwt: { ...jwt, audience: "" } }, "jwt.audience", /whom the token is for/],
  ["token and password", { username: "u", password: "env:P", jwt }, "jwt", /there is a password. Remove one/],
  ["token and derived password", { password: "derived", jwt }, "jwt", /there is a password. Remove one/],
];
for (const [what, account, path, line] of accountMistakes)
  test(`logging in: ${what} is blamed on ${path}, with a remedy`, () =>
    blamed({ broker: { host: "h", ...account } }, `broker.${path}`, line));

const plain = { host: "h", tls: false, insecure: true };
for (const [setting, account] of [
  ["password", { username: "u", password: "env:P" }],
  ["password", { password: "derived" }],
  ["jwt", { jwt }],
] as const)
  test(`over plain TCP ${JSON.stringify(account)} is refused, and with TLS it is not`, () => {
    blamed({ broker: { ...plain, ...account } }, `broker.${setting}`, /broker.tls is false. Remove it, or/);
    assert.ok(checkProfile(JSON.stringify({ ...minimal, broker: { host: "h", ...account } })).ok);
  });

/** [as written beside broker.host, what the device gets, the references] */
const accounts: [object, object, object][] = [
  [{ username: "u" }, { username: "u", auth: "none" }, {}],
  [
    { username: "u", password: "file:p", clientIdPrefix: "cellar:" },
    { clientIdPrefix: "cellar:", username: "u", auth: "password" },
    { brokerPassword: "file:p" },
  ],
  [{ password: "derived" }, { username: "d-1", auth: "derived" }, {}],
  [{ username: "u", password: "derived" }, { username: "u", auth: "derived" }, {}],
  [
    { jwt },
    { username: "d-1", auth: "jwt", jwt: { algorithm: "ES256", lifetimeSeconds: 3600 } },
    { jwtKey: "file:token.key" },
  ],
  [
    { username: "ü", jwt: { algorithm: "HS256", key: "env:K", lifetimeSeconds: 60, audience: "mqtts://h" } },
    {
      username: "ü",
      auth: "jwt",
      jwt: { algorithm: "HS256", lifetimeSeconds: 60, audience: "mqtts://h" },
    },
    { jwtKey: "env:K" },
  ],
];
test("how a device logs in is split into what it stores and what is kept apart", () => {
  for (const [written, device, references] of accounts) {
    const checked = checkProfile(JSON.stringify({ ...minimal, broker: { host: "h", ...written } }));
    assert.ok(checked.ok, JSON.stringify(checked));
    assert.deepEqual(checked.profile.broker, { host: "h", port: 8883, tls: plainTls, ...device });
    assert.deepEqual(checked.references, references);
    assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  }
});

test("early data with a token is refused, as that would be sent twice by others", () => {
  const broker = { host: "h", jwt, tls: { earlyData: true } };
  const checked = checkProfile(JSON.stringify({ ...minimal, broker }));
  assert.ok(!checked.ok);
  assert.deepEqual(
    checked.mistakes.map(({ path, problem }) => [path, problem]),
    [["broker.tls.earlyData", "is true though there is a broker.jwt"]],
  );
});

test("early data with a user name or a password is refused, once for each", () => {
  const account = { host: "h", username: "u", password: "env:P" };
  const checked = checkProfile(
    JSON.stringify({ ...minimal, broker: { ...account, tls: { earlyData: true } } }),
  );
  assert.ok(!checked.ok);
  assert.deepEqual(
    checked.mistakes.map(({ path, problem }) => [path, problem]),
    ["username", "password"].map((name) => [
      "broker.tls.earlyData",
      `is true though there is a broker.${name}`,
    ]),
  );
});

test("pins in all three spellings reach the device in one", () => {
  const written = [`sha256//${digest("B")}`, `pin-sha256="${digest("C")}"`, `sha256/${digest("D")}`];
  const checked = checkProfile(JSON.stringify({ ...minimal, broker: { host: "h", tls: { pins: written } } }));
  assert.ok(checked.ok && checked.profile.broker.tls);
  assert.deepEqual(checked.profile.broker.tls.pins, pins.slice(0, 3));
});

/** [broker.tls as written, what the device gets beside the defaults, the references] */
const combinations: [object, object, object][] = [
  [{ ca: "file:r" }, {}, { ca: "file:r" }],
  [{ pins: pins.slice(0, 8) }, { pins: pins.slice(0, 8) }, {}],
  [
    { ca: "file:r", crl: "file:l", pins: pins.slice(0, 2), minVersion: "1.3", withoutClock: "refuse" },
    { pins: pins.slice(0, 2), minVersion: "1.3", withoutClock: "refuse" },
    { ca: "file:r", crl: "file:l" },
  ],
  [
    { ca: "file:r", ...certificate, earlyData: true },
    { identity: "certificate", earlyData: true },
    { ca: "file:r", ...certificate },
  ],
  [{ psk }, { identity: "psk", pskIdentity: "d-1" }, { psk: "env:PSK" }],
  [
    { psk, forwardSecrecy: false, resumption: false },
    { identity: "psk", pskIdentity: "d-1", forwardSecrecy: false, resumption: false },
    { psk: "env:PSK" },
  ],
  [
    { resumption: { maxAgeSeconds: 604_800 } },
    { resumption: { maxAgeSeconds: 604_800, ticketWaitSeconds: 0.2 } },
    {},
  ],
];
test("what goes together is split into what the device stores and what is kept apart", () => {
  for (const [tls, device, references] of combinations) {
    const checked = checkProfile(JSON.stringify({ ...minimal, broker: { host: "h", tls } }));
    assert.ok(checked.ok, JSON.stringify(checked));
    assert.deepEqual(checked.profile.broker.tls, { ...plainTls, ...device });
    assert.deepEqual(checked.references, references);
    assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  }
});

test("the least a profile must say is enough, and its defaults are filled in", () => {
  const checked = checkProfile(JSON.stringify(minimal));
  assert.ok(checked.ok);
  assert.deepEqual(checked.profile, {
    schema: 1,
    device: { id: "d-1" },
    wifi: { ssid: "s" },
    time: { server: "pool.ntp.org" },
    broker: { host: "b.example", port: 8883, tls: plainTls, auth: "none" },
    mqtt: { version: "5", keepAliveSeconds: 60, sessionExpirySeconds: 0, pipelining: true },
    topics: {
      base: "sensors/d-1",
      readings: "sensors/d-1/readings",
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
  });
});

test("a WebSocket has a path and its own default ports, and the device reads it", () => {
  const plain = { tls: false, insecure: true };
  const written: [object, number, string][] = [
    [{ websocket: true }, 443, "/mqtt"],
    [{ websocket: {} }, 443, "/mqtt"],
    [{ websocket: { path: "/" } }, 443, "/"],
    [{ websocket: { path: "/a?b=c" }, port: 8443 }, 8443, "/a?b=c"],
    [{ websocket: true, ...plain }, 80, "/mqtt"],
    [{ websocket: true, ...plain, port: 8080 }, 8080, "/mqtt"],
  ];
  for (const [part, port, path] of written) {
    const checked = checkProfile(JSON.stringify({ ...minimal, broker: { host: "h", ...part } }));
    assert.ok(checked.ok, JSON.stringify(checked));
    assert.deepEqual([checked.profile.broker.port, checked.profile.broker.websocket], [port, { path }]);
    assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  }
});

test("what the check lets through, the device reads", async () => {
  for (const name of await readdir(join(root, "profiles"))) {
    if (name.endsWith(".schema.json")) continue;
    const checked = checkProfile(await readFile(join(root, "profiles", name), "utf8"));
    assert.ok(checked.ok, name);
    assert.deepEqual(readProfile(JSON.stringify(checked.profile)), checked.profile);
  }
});

test("the schema names the wake cycle's phases", async () => {
  const schema = JSON.parse(await readFile(join(root, "profiles/dormouse.schema.json"), "utf8"));
  const named = Object.keys(schema.properties.cycle.properties.deadlineSeconds.properties);
  assert.deepEqual(named, [...phases]);
});

test("text that is not JSON is told without repeating it", () => {
  const checked = checkProfile('{\n  "wifi": { "password": hunter2 }\n}');
  assert.ok(!checked.ok);
  assert.match(checked.mistakes[0]!.problem, /^is not JSON/);
  assert.doesNotMatch(JSON.stringify(checked), /hunter2/);
});

test("dormouse profile check: a line for each mistake and exit 1, a word of praise and exit 0, --json for both", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-profile-"));
  try {
    const good = join(folder, "good.json");
    const bad = join(folder, "bad.json");
    await writeFile(good, JSON.stringify(minimal));
    await writeFile(bad, JSON.stringify({ ...minimal, schema: 3, extra: 1 }));
    const praised = await dormouse(["profile", "check", good]);
    assert.deepEqual([praised.code, praised.stderr], [0, ""]);
    assert.match(praised.stdout, /sound/);
    const blamed = await dormouse(["profile", "check", bad]);
    assert.equal(blamed.code, 1);
    assert.equal(blamed.stdout.trim().split("\n").length, 2);
    const asJson = await dormouse(["profile", "check", bad, "--json"]);
    assert.equal(asJson.code, 1);
    const result = JSON.parse(asJson.stdout);
    assert.equal(result.ok, false);
    assert.deepEqual(result.mistakes.map(({ path }: { path: string }) => path).sort(), ["extra", "schema"]);
    const used = await dormouse(["sim", "--profile", bad]);
    assert.equal(used.code, 1);
    assert.match(
      used.stderr,
      /^dormouse: [^\n]*bad\.json: [^\n]* \(and 1 more: dormouse profile check [^\n]*\)\n$/,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
