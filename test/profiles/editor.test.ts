/**
 * The profile's schema as editors use it: VS Code's own language service for JSON, in the repository and in a project that
 * has Dormouse as a package. What it offers at a cursor, what it says of a setting, what it marks as wrong.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkProfile } from "../../cli/profile/check.js";
import { root } from "../../host-sim/paths.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-editor-"));
after(() => rmSync(folder, { recursive: true, force: true }));

// It is CommonJS, and its names are not to be seen by an import.
const { getLanguageService, TextDocument } = createRequire(import.meta.url)(
  "vscode-json-languageservice",
) as typeof import("vscode-json-languageservice");

const service = getLanguageService({
  schemaRequestService: async (uri) => readFileSync(fileURLToPath(uri), "utf8"),
  workspaceContext: { resolveRelativePath: (path, resource) => new URL(path, resource).href },
});

const inRepository = pathToFileURL(join(root, "profiles/mine.json")).href;

function opened(text: string, uri = inRepository) {
  const document = TextDocument.create(uri, "json", 1, text);
  return { document, json: service.parseJSONDocument(document) };
}

/** @param text with | where the cursor is */
async function offered(text: string, uri?: string): Promise<string[]> {
  const { document, json } = opened(text.replace("|", ""), uri);
  const found = await service.doComplete(document, document.positionAt(text.indexOf("|")), json);
  return found!.items.map(({ label }) => label.replace(/^"(.*)"$/, "$1"));
}

async function marked(text: string): Promise<string[]> {
  const { document, json } = opened(text);
  const found = await service.doValidation(document, json);
  return found.map(({ message }) => (typeof message === "string" ? message : message.value));
}

async function hovered(text: string, at: number): Promise<string> {
  const { document, json } = opened(text);
  const hover = await service.doHover(document, document.positionAt(at), json);
  const contents = hover?.contents ?? "";
  const said = Array.isArray(contents) ? (contents[0] ?? "") : contents;
  return (typeof said === "string" ? said : said.value).replace(/\\(.)/g, "$1");
}

const withSchema = (rest: string) => `{ "$schema": "./dormouse.schema.json", ${rest} }`;

/** [what is written, | is the cursor; all that is offered] */
const places: [string, string[]][] = [
  [
    `|`,
    ["schema", "device", "wifi", "time", "broker", "mqtt", "topics", "commands", "cycle", "outbox", "sensor"],
  ],
  [`"schema": |`, ["1"]],
  [`"device": { | }`, ["id", "kid"]],
  [`"wifi": { | }`, ["ssid", "password", "improv"]],
  [`"wifi": { "password": | }`, ["prompt", "env:DORMOUSE_WIFI_PASSWORD", "file:wifi.password"]],
  [`"wifi": { "improv": | }`, ["true"]],
  [
    `"broker": { | }`,
    ["host", "port", "tls", "insecure", "websocket", "clientIdPrefix", "username", "password", "jwt"],
  ],
  [`"broker": { "port": | }`, ["8883", "443", "1883"]],
  [`"broker": { "tls": | }`, ["{}", "false"]],
  [`"broker": { "insecure": | }`, ["true"]],
  [
    `"broker": { "tls": { | } }`,
    [
      "ca",
      "crl",
      "pins",
      "minVersion",
      "certificate",
      "key",
      "psk",
      "forwardSecrecy",
      "withoutClock",
      "resumption",
      "earlyData",
    ],
  ],
  [`"broker": { "tls": { "certificate": "|" } }`, ["issued", "file:chain.pem"]],
  [`"broker": { "tls": { "minVersion": | } }`, ["1.2", "1.3"]],
  [`"broker": { "tls": { "withoutClock": | } }`, ["accept", "refuse"]],
  [`"broker": { "tls": { "psk": { | } } }`, ["identity", "key"]],
  [`"broker": { "tls": { "resumption": { "maxAgeSeconds": 60, | } } }`, ["ticketWaitSeconds"]],
  [
    `"broker": { "password": | }`,
    ["derived", "prompt", "env:DORMOUSE_BROKER_PASSWORD", "file:broker.password"],
  ],
  [`"broker": { "jwt": { "algorithm": | } }`, ["HS256", "ES256"]],
  [`"mqtt": { "version": | }`, ["5", "3.1.1"]],
  [`"mqtt": { "will": { | } }`, ["afterSeconds", "retain"]],
  [`"topics": { "protection": | }`, ["stamp", "seal", "sign", "sealTo", "none"]],
  [
    `"topics": { "algorithm": | }`,
    ["hmac-256", "hmac-256-64", "chacha20-poly1305", "a128gcm", "a256gcm", "aes-ccm-16-64-128"],
  ],
  [`"topics": { "signKey": | }`, ["device", "file:sign.key"]],
  [`"topics": { "state": ["|"] }`, ["battery", "rssi", "dropped", "reset", "refused"]],
  [`"commands": { | }`, ["protection", "algorithm", "controllers", "operator", "onlySigned"]],
  [`"commands": { "operator": { | } }`, ["kid", "key"]],
  [`"cycle": { "mode": | }`, ["sleep", "awake"]],
  [`"cycle": { "alarms": [{ | }] }`, ["name", "above", "below"]],
  [`"cycle": { "wakeOn": { "pin": 4, "level": | } }`, ["0", "1"]],
  [`"outbox": { "drop": | }`, ["oldest", "newest", "thin"]],
  [`"sensor": { "kind": | }`, ["simulated"]],
];

describe("completion", () => {
  for (const [text, names] of places)
    test(`${text} offers ${names.join(", ")}`, async () => {
      assert.deepEqual((await offered(withSchema(text))).sort(), [...names].sort());
    });

  test("in a project that has Dormouse as a package, by the path that the page names", async () => {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/dormouse"));
    const page = readFileSync(join(root, "docs/profile.md"), "utf8");
    const [, path] = /"\$schema": "(\.\/node_modules\/[^"]+)"/.exec(page)!;
    const mine = pathToFileURL(join(folder, "mine.json")).href;
    assert.deepEqual(await offered(`{ "$schema": "${path}", "device": { | } }`, mine), ["id", "kid"]);
  });

  test("no offered value of a word's setting is refused by the command", async () => {
    const minimal = { schema: 1, device: { id: "d" }, wifi: { ssid: "s" }, broker: { host: "h" } };
    for (const [setting, more] of [
      ["protection", {}],
      ["algorithm", { protection: "stamp" }],
    ] as const)
      for (const value of await offered(withSchema(`"topics": { "${setting}": | }`))) {
        const checked = checkProfile(JSON.stringify({ ...minimal, topics: { ...more, [setting]: value } }));
        const said = checked.ok ? "" : JSON.stringify(checked.mistakes);
        assert.doesNotMatch(said, /not allowed|no known setting/, value);
      }
  });
});

test("the package exports the schema", () => {
  const exported = createRequire(import.meta.url).resolve("dormouse/profile.schema.json");
  assert.equal(exported, join(root, "profiles/dormouse.schema.json"));
});

interface Node {
  readonly description?: string;
  readonly $ref?: string;
  readonly properties?: { readonly [name: string]: Node };
  readonly items?: Node;
  readonly then?: Node;
  readonly definitions?: { readonly [name: string]: Node };
}
const schema: Node = JSON.parse(readFileSync(join(root, "profiles/dormouse.schema.json"), "utf8"));

/** Every setting, with a text that has it and the place of its name there. */
function* settings(
  node: Node,
  before: string,
  behind: string,
): Generator<[name: string, text: string, at: number]> {
  const resolved = node.$ref === undefined ? node : schema.definitions![node.$ref.split("/").pop()!]!;
  for (const [name, inner] of Object.entries(resolved.properties ?? resolved.then?.properties ?? {})) {
    if (name === "$schema") continue;
    yield [name, `${before}"${name}": null${behind}`, before.length + 2];
    const target = inner.$ref === undefined ? inner : schema.definitions![inner.$ref.split("/").pop()!]!;
    yield* settings(target, `${before}"${name}": { `, ` }${behind}`);
    if (target.items) yield* settings(target.items, `${before}"${name}": [{ `, ` }]${behind}`);
  }
}

test("over each setting's name stands what to write there", async () => {
  let count = 0;
  for (const [name, text, at] of settings(schema, '{ "$schema": "./dormouse.schema.json", ', " }")) {
    count++;
    assert.match(await hovered(text, at), /^Write\b[^\n]{5,}\.$/, `${name} in ${text}`);
  }
  assert.ok(count > 90, `${count} settings`);
});

test("the page names each setting", () => {
  const page = readFileSync(join(root, "docs/profile.md"), "utf8");
  const table = page.slice(page.indexOf("## Settings, schema 1"), page.indexOf("## TLS: which settings"));
  const phases = schema.properties?.cycle?.properties?.deadlineSeconds?.properties ?? {};
  for (const [name] of settings(schema, "", ""))
    if (!(name in phases)) assert.match(table, new RegExp(`^\\| [^|]*[\`.]${name}[\`.[]`, "m"));
});

type Written = { [name: string]: unknown };
const sound = (): Written => ({
  $schema: "./dormouse.schema.json",
  schema: 1,
  device: { id: "d-1" },
  wifi: { ssid: "s" },
  broker: { host: "h" },
});
const broker = (settings: object): Written => ({ broker: { host: "h", ...settings } });
const tls = (settings: object) => broker({ tls: settings });
const token = { algorithm: "HS256", key: "env:K" };

/** [what is wrong; the part of the profile; the same, right] */
const pairs: [string, Written, Written][] = [
  ["another version", { schema: 2 }, { schema: 1 }],
  ["an unknown group", { wlan: {} }, {}],
  ["an unknown setting in TLS", tls({ pin: [] }), tls({})],
  [
    "an unknown setting of a WebSocket",
    broker({ websocket: { port: 1 } }),
    broker({ websocket: { path: "/" } }),
  ],
  ["no id", { device: {} }, { device: { id: "d" } }],
  ["an id with a slash", { device: { id: "a/b" } }, { device: { id: "a.b" } }],
  ["a group that is text", { wifi: "s" }, { wifi: { ssid: "s" } }],
  ["no network", { wifi: {} }, { wifi: { ssid: "s" } }],
  ["a network beside Improv", { wifi: { improv: true, ssid: "s" } }, { wifi: { improv: true } }],
  [
    "a password beside Improv",
    { wifi: { improv: true, password: "prompt" } },
    { wifi: { ssid: "s", password: "prompt" } },
  ],
  ["Improv false", { wifi: { improv: false } }, { wifi: { improv: true } }],
  [
    "a literal password",
    { wifi: { ssid: "s", password: "hunter2" } },
    { wifi: { ssid: "s", password: "file:hunter2" } },
  ],
  ["a port as text", broker({ port: "8883" }), broker({ port: 8883 })],
  ["a port too large", broker({ port: 65_536 }), broker({ port: 65_535 })],
  ["TLS true", broker({ tls: true }), broker({ tls: {} })],
  ["TLS as text", broker({ tls: "1.3" }), tls({ minVersion: "1.3" })],
  ["a WebSocket false", broker({ websocket: false }), broker({ websocket: true })],
  ["resumption true", tls({ resumption: true }), tls({ resumption: false })],
  [
    "an old session",
    tls({ resumption: { maxAgeSeconds: 604_801 } }),
    tls({ resumption: { maxAgeSeconds: 604_800 } }),
  ],
  ["a misspelt word", tls({ certificate: "Issued" }), tls({ certificate: "issued" })],
  ["a PSK without identity", tls({ psk: { key: "prompt" } }), tls({ psk: { key: "prompt", identity: "d" } })],
  ["a token without a key", broker({ jwt: { algorithm: "HS256" } }), broker({ jwt: token })],
  [
    "a token's life",
    broker({ jwt: { ...token, lifetimeSeconds: 59 } }),
    broker({ jwt: { ...token, lifetimeSeconds: 60 } }),
  ],
  ["an unknown protection", { topics: { protection: "crc32" } }, { topics: { protection: "stamp" } }],
  ["a wildcard", { topics: { base: "a/+" } }, { topics: { base: "a/b" } }],
  ["a state twice", { topics: { state: ["rssi", "rssi"] } }, { topics: { state: ["rssi", "reset"] } }],
  [
    "an alarm about nothing",
    { cycle: { alarms: [{ name: "t" }] } },
    { cycle: { alarms: [{ name: "t", above: 1 }] } },
  ],
  [
    "a phase that is none",
    { cycle: { deadlineSeconds: { jion: 1 } } },
    { cycle: { deadlineSeconds: { join: 1 } } },
  ],
  ["a level of 2", { cycle: { wakeOn: { pin: 4, level: 2 } } }, { cycle: { wakeOn: { pin: 4, level: 1 } } }],
  ["an unknown way to drop", { outbox: { drop: "some" } }, { outbox: { drop: "thin" } }],
];

describe("validation", () => {
  for (const [what, wrong, right] of pairs)
    test(`${what}: editor and command say the same, and of what is right beside it`, async () => {
      for (const [part, accepted] of [
        [wrong, false],
        [right, true],
      ] as const) {
        const text = JSON.stringify({ ...sound(), ...part });
        const messages = await marked(text);
        assert.equal(messages.length === 0, accepted, `${text}: ${messages}`);
        assert.equal(checkProfile(text).ok, accepted, text);
      }
    });

  test("what the command alone sees are rules between settings: the editor is silent, never the other way", async () => {
    for (const part of [
      { commands: { controllers: ["desk"] } },
      broker({ password: "prompt" }),
      broker({ tls: false }),
      tls({ certificate: "issued", key: "file:k" }),
      tls({ psk: { identity: "d", key: "prompt" }, ca: "file:ca.pem" }),
      { topics: { protection: "sealTo" } },
    ]) {
      const text = JSON.stringify({ ...sound(), ...part });
      assert.deepEqual(await marked(text), [], text);
      assert.equal(checkProfile(text).ok, false, text);
    }
  });

  test("of the profiles in profiles/ both have nothing to say", async () => {
    const names = readdirSync(join(root, "profiles")).filter((name) => !name.includes("schema"));
    assert.ok(names.length >= 11);
    for (const name of names) {
      const text = readFileSync(join(root, "profiles", name), "utf8");
      assert.match(text, /"\$schema": "\.\/dormouse\.schema\.json"/, name);
      assert.deepEqual(await marked(text), [], name);
      assert.ok(checkProfile(text).ok, name);
    }
  });
});
