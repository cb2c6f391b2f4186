/**
 * examples/receive.py at Mosquitto: it reads every kind of keyring entry, opens what lib/sealed and a simulated device
 * protect, and gives each verdict; what goes wrong is one line, and no secret is in any.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import mqtt, { type MqttClient } from "mqtt";
import { type DevelopmentPki, developmentPki } from "../../certs/pki/development.js";
import { simOptions } from "../../cli/sim.js";
import { build } from "../../host-sim/paths.js";
import { contextIv, sealKey, stampKey } from "../../host-sim/world/seal-keys.js";
import { examples, withoutPythonReceiver } from "../conformance/python-peer.js";
import { type Draft, type Kind, kinds, Pair } from "../conformance/sealed-drafts.js";
import { lib } from "../conformance/sealed-sides.js";
import { projectRoot } from "../conformance/shared.js";
import { senml } from "../host-sim/world/sealing.js";
import { Broker } from "./mqtt-broker.js";
import { freePort, mosquittoMissing } from "./mqtt-mosquitto.js";
import { PythonReceiver, pythonRun } from "./python-receiver.js";
import { only, run } from "./run.js";

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const device = new Pair();
const plant = new Pair();

/** A message of the device `id`, as a draft for lib/sealed. */
function draft(id: string, kind: Kind, more: Partial<Draft> = {}): Draft {
  return {
    kind,
    direction: "up",
    id,
    epoch: 0,
    kid: undefined,
    topic: `sensors/${id}/readings`,
    secret: Buffer.alloc(32, id),
    own: device,
    recipient: plant,
    recipientName: "plant-7",
    counter: 0,
    contentType: null,
    payload: senml(21.5),
    ...more,
  };
}
const messageOf = async (of: Draft) => (await lib.make([of]))[0]!;

const stamped = draft("stamped", kinds["hmac-256"]!);
const sealed = draft("sealed", kinds["chacha20-poly1305"]!);
const will = draft("stamped", kinds.a128gcm!, { topic: "sensors/stamped/will" });
const large = draft("large", kinds.a256gcm!);
const compact = draft("compact", kinds["hmac-256-64"]!, { kid: Uint8Array.of(0xa1, 0xb2) });
const small = draft("small", kinds["aes-ccm-16-64-128"]!);
const signed = draft("signed", kinds.es256!);
const inside = draft("inside", kinds["sealTo, signed"]!, { topic: "sensors/inside/private" });
const byNobody = draft("nobody", kinds["sealTo, unsigned"]!, { topic: "sensors/n/open", recipientName: "ö" });
const old = draft("old", kinds["hmac-256"]!);
const renewed: Draft = { ...stamped, epoch: 1, secret: randomBytes(32) };
const all: readonly Draft[] = [
  stamped,
  sealed,
  will,
  large,
  compact,
  small,
  signed,
  inside,
  byNobody,
  renewed,
];

interface NextSecret {
  readonly secret: string;
  readonly epoch: number;
  readonly nextSecret: string;
  readonly senderId: string;
  readonly topic: string;
  readonly counter: number;
  readonly message: string;
}

/** Of one factory image, flashed twice, and of another, of which the keyring has what the device made of it. */
const { cases: flashed } = JSON.parse(
  readFileSync(join(projectRoot, "test/vectors/sealed/next-secret.json"), "utf8"),
) as { readonly cases: readonly NextSecret[] };
const factoryImage = flashed[0]!;
const taken = flashed.find(({ secret }) => secret !== factoryImage.secret)!;

const channel = ({ id, epoch, topic }: Draft) => ({ id, epoch, topic });
const entries = [
  // As a fleet has it of a device that signs: for commands alone.
  { device: "signed", epoch: 0, secret: "ab".repeat(32), commands: { "sensors/signed/command": "seal" } },
  {
    device: "stamped",
    epoch: 0,
    secret: hex(stamped.secret),
    until: "2999-01-01T00:00:00Z",
    topics: { [stamped.topic]: "stamp", [will.topic]: { protection: "seal", algorithm: "a128gcm" } },
  },
  { device: "stamped", epoch: 1, secret: hex(renewed.secret), topics: { [renewed.topic]: "stamp" } },
  { device: "sealed", epoch: 0, secret: hex(sealed.secret), topics: { [sealed.topic]: "seal" } },
  {
    device: "large",
    epoch: 0,
    secret: hex(large.secret),
    topics: { [large.topic]: { protection: "seal", algorithm: "a256gcm" } },
  },
  {
    device: "compact",
    epoch: 0,
    kid: "a1b2",
    direction: "up",
    topic: compact.topic,
    algorithm: "hmac-256-64",
    key: hex(stampKey(compact.secret, channel(compact), 4)),
  },
  {
    device: "small",
    epoch: 0,
    direction: "up",
    topic: small.topic,
    algorithm: "aes-ccm-16-64-128",
    key: hex(sealKey(small.secret, channel(small), 10)),
    contextIv: hex(contextIv(small.secret, channel(small), 10)),
  },
  { device: "signed", epoch: 0, publicKey: device.publicPem, topics: { [signed.topic]: "sign" } },
  {
    recipient: "plant-7",
    privateKey: plant.privatePem,
    topics: ["sensors/+/private"],
    signers: [
      { device: "another", epoch: 0, publicKey: new Pair().publicPem },
      { device: "inside", epoch: 0, publicKey: device.publicPem, topics: ["sensors/inside/#"] },
    ],
  },
  {
    device: factoryImage.senderId,
    epoch: 0,
    factory: true,
    secret: factoryImage.secret,
    topics: { [factoryImage.topic]: "stamp" },
  },
  {
    device: taken.senderId,
    epoch: taken.epoch,
    secret: taken.nextSecret,
    topics: { [taken.topic]: "stamp" },
  },
  { recipient: "ö", privateKey: plant.privatePem, topics: ["sensors/+/open"] },
  {
    device: "old",
    epoch: 0,
    secret: hex(old.secret),
    until: "2020-01-01T00:00:00Z",
    topics: { [old.topic]: "stamp" },
  },
  {
    device: "stamped",
    sender: "boss",
    epoch: 0,
    direction: "down",
    topic: "sensors/stamped/command",
    algorithm: "hmac-256",
    key: hex(stampKey(stamped.secret, { ...channel(stamped), id: "boss", direction: "down" }, 5)),
  },
];

const skip = mosquittoMissing() ?? withoutPythonReceiver;
describe("the Python receiver", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  let tlsPort: number;
  let pki: DevelopmentPki;
  let client: MqttClient;
  let keyring: string;
  let runs = 0;

  before(async () => {
    pki = await developmentPki(join(build, "development-pki"));
    tlsPort = await freePort();
    const server = [
      `listener ${tlsPort} 127.0.0.1`,
      `certfile ${broker.file("chain.pem", pki.serverChainPem)}`,
      `keyfile ${broker.file("server.key", pki.serverKeyPem)}`,
    ];
    await broker.start(["allow_anonymous true", ...server]);
    keyring = broker.file("keyring.json", JSON.stringify({ schema: 1, keys: entries }));
    client = await mqtt.connectAsync({ host: "127.0.0.1", port: broker.port });
  });
  after(async () => {
    await client?.endAsync();
    await broker.stop();
  });

  const plain = () => `mqtt://127.0.0.1:${broker.port}`;
  const newReplay = () => join(broker.folder, `replay-${++runs}.db`);
  const publish = (topic: string, message: Uint8Array) =>
    client.publishAsync(topic, Buffer.from(message), { qos: 1 });

  /** What it prints of messages that arrive one after the other, and nothing else. */
  async function lines(
    messages: readonly (readonly [topic: string, message: Uint8Array])[],
    { replay = newReplay(), where = [plain(), "sensors/#"] }: { replay?: string; where?: string[] } = {},
  ): Promise<readonly string[]> {
    const receiver = await PythonReceiver.start(broker, [keyring, replay, ...where]);
    try {
      for (const [topic, message] of messages) await publish(topic, message);
      const found = await receiver.until(messages.length);
      assert.equal(receiver.problems, "");
      for (const line of found) checkDiscreet(line);
      return [...found];
    } finally {
      await receiver.stop();
    }
  }

  function checkDiscreet(text: string): void {
    const secrets = [...all, old].map(({ secret }) => hex(secret));
    for (const secret of [...secrets, "PRIVATE", plant.privatePem.split("\n")[1]!])
      assert.ok(!text.includes(secret), text);
  }

  const verdicts = (found: readonly string[]) => found.map((line) => line.split(" ", 3).join(" "));
  const made = async (...drafts: readonly Draft[]) =>
    Promise.all(drafts.map(async (one) => [one.topic, await messageOf(one)] as const));

  test("every kind of entry and every protection: fresh, with the reading", async () => {
    const found = await lines(await made(...all));
    assert.deepEqual(
      verdicts(found),
      all.map(({ id, counter }) =>
        id === "nobody" ? "unauthenticated None None" : `fresh ${id} ${counter}`,
      ),
    );
    const record = { bn: "urn:dev:ops:dormouse-1/", n: "temperature", u: "Cel", v: 21.5 };
    for (const [at, line] of found.entries()) {
      const content = JSON.parse(line.slice(line.indexOf("[")));
      assert.deepEqual(content, [all[at]!.topic, [record]]);
    }
  });

  test("a device that replaced its factory image's secret, by the image's and by its own", async () => {
    const messages = flashed.map(({ topic, message }) => [topic, Buffer.from(message, "hex")] as const);
    const damaged = Buffer.from(messages[0]![1]);
    damaged[damaged.indexOf(0x50) + 16]! ^= 1;
    assert.deepEqual(verdicts(await lines([...messages, [factoryImage.topic, damaged]])), [
      ...flashed.map(({ senderId, counter }) => `fresh ${senderId} ${counter}`),
      "bad None None",
    ]);
  });

  test("SenML in JSON, and the result of a command", async () => {
    const json = {
      contentType: 110,
      payload: Buffer.from('[{"n":"a","v":1},{"n":"b","vs":"\\u001b[2J"}]'),
    } as const;
    const result = {
      contentType: 60,
      payload: Buffer.from("8564626f73730764646f6e65f6f6", "hex"),
      counter: 1,
    } as const;
    const found = await lines(await made({ ...sealed, ...json }, { ...sealed, ...result }));
    assert.equal(
      found[0],
      `fresh sealed 0 ["${sealed.topic}", [{"n": "a", "v": 1}, {"n": "b", "vs": "\\u001b[2J"}]]`,
    );
    assert.equal(found[1], `fresh sealed 1 ["${sealed.topic}", ["boss", 7, "done", null, null]]`);
  });

  for (const one of [stamped, sealed, compact, small, signed, inside])
    test(`${one.id}: duplicate, conflict, stale, and what happens in the window`, async () => {
      const of = (counter: number, value = 1) => ({ ...one, counter, payload: senml(value) });
      const replay = newReplay();
      const [again] = await made(of(9000));
      const first = await lines(
        [again!, again!, ...(await made(of(9000), of(9000, 2), of(9001), of(9000)))],
        {
          replay,
        },
      );
      assert.deepEqual(
        verdicts(first),
        [
          "fresh 9000",
          "duplicate 9000",
          "duplicate 9000",
          "conflict 9000",
          "fresh 9001",
          "duplicate 9000",
        ].map((told) => told.replace(" ", ` ${one.id} `)),
      );
      // Another process on the same file.
      const more = [of(9001 - 4096), of(9001 - 4095), of(9001 - 4095), of(9001), of(2 ** 40 - 1), of(9001)];
      const second = await lines(await made(...more), { replay });
      assert.deepEqual(
        second.map((line) => line.split(" ", 1)[0]),
        ["stale", "fresh", "duplicate", "duplicate", "fresh", "stale"],
      );
    });

  test("unauthenticated, as often as it comes", async () => {
    const [one] = await made(byNobody);
    assert.deepEqual(verdicts(await lines([one!, one!])), Array(2).fill("unauthenticated None None"));
  });

  test("bad: damaged, elsewhere, expired, of strangers; and it leaves the counter free", async () => {
    const messages: (readonly [string, Uint8Array])[] = [];
    for (const [topic, message] of await made(...all)) {
      const damaged = Uint8Array.from(message);
      damaged[damaged.length >> 1]! ^= 1;
      messages.push(
        [topic, damaged],
        [topic, message.subarray(0, -1)],
        ["sensors/elsewhere/readings", message],
      );
    }
    const [a, b] = await made({ ...signed, own: plant }, { ...inside, recipient: device });
    messages.push([sealed.topic, (await made(stamped))[0]![1]], [stamped.topic, (await made(sealed))[0]![1]]);
    // Signed for a topic that is not the signer's.
    messages.push(...(await made({ ...inside, topic: "sensors/other/private" })));
    messages.push(["sensors/x/private", (await made(inside))[0]![1]], a!, b!);
    messages.push(...(await made(old, { ...stamped, epoch: 2 }, { ...stamped, secret: sealed.secret })));
    messages.push(...(await made({ ...compact, kid: undefined }, { ...inside, id: "stranger" })));
    messages.push(
      [stamped.topic, Buffer.from("hello")],
      [stamped.topic, Buffer.from("8".repeat(2000), "hex")],
    );
    const command = draft("boss", kinds["hmac-256"]!, {
      direction: "down",
      secret: stamped.secret,
      topic: "sensors/stamped/command",
      contentType: 60,
    });
    messages.push(...(await made(command)));
    const nonsense = await made({ ...stamped, counter: 3, payload: Buffer.from("a1", "hex") });
    const good = await made({ ...stamped, counter: 3 }, signed);
    const found = await lines([...messages, ...nonsense, ...good]);
    for (const [at, line] of found.slice(0, -2).entries())
      assert.match(line, /^bad None None /, `${at}: ${line}`);
    assert.deepEqual(verdicts(found.slice(-2)), ["fresh stamped 3", "fresh signed 0"]);
  });

  test("two on a shared subscription and one file: each message once", async () => {
    const replay = newReplay();
    const where = [keyring, replay, plain(), "$share/plant/sensors/#"];
    const both = [await PythonReceiver.start(broker, where), await PythonReceiver.start(broker, where)];
    const drafts = Array.from({ length: 60 }, (_, counter) => ({ ...sealed, counter }));
    for (const [topic, message] of await made(...drafts)) await publish(topic, message);
    const counted = () => both.reduce((sum, { lines }) => sum + lines.length, 0);
    const patience = Date.now() + 20_000;
    while (counted() < drafts.length && Date.now() < patience)
      await new Promise((done) => setTimeout(done, 20));
    for (const one of both) await one.stop();
    const found = both.flatMap(({ lines }) => verdicts(lines)).sort();
    assert.deepEqual(found, drafts.map(({ counter }) => `fresh sealed ${counter}`).sort());
    for (const { lines } of both) assert.ok(lines.length > 0, "one did all");
  });

  test("a simulated device, over TLS", async () => {
    const replay = newReplay();
    const url = `mqtts://localhost:${tlsPort}`;
    const receiver = await PythonReceiver.start(broker, [
      keyring,
      replay,
      url,
      "sensors/+/private",
      pki.rootFile,
    ]);
    const flags = { board: "esp32c3", broker: url, ca: pki.rootFile, cycles: "2" };
    const { profile, secrets } = await simOptions(flags);
    const up = {
      protection: "sealTo",
      recipientKid: "plant-7",
      recipientKey: Buffer.from(plant.point).toString("base64url"),
      sign: true,
    } as const;
    const topics = { ...profile.topics, base: "sensors/inside", readings: "sensors/inside/private", up };
    const { events } = await run(flags, undefined, {
      profile: { ...profile, device: { id: "inside" }, topics },
      secrets: { ...secrets, signKey: device.der },
      recipientKey: plant.der,
    });
    assert.deepEqual(only(events, "error"), []);
    assert.deepEqual(verdicts(await receiver.until(2)), ["fresh inside 0", "fresh inside 1"]);
    assert.match(receiver.lines[0]!, /"n": "temperature", "u": "Cel", "v": /);
    await receiver.stop();
  });

  const problems: [string, () => string[], RegExp][] = [
    ["a keyring that others may read", () => [readable()], /keyring-0640\.json: others may read it/],
    ["a keyring that is not there", () => ["/nowhere.json"], /No such file or directory: '\/nowhere\.json'/],
    [
      "a keyring that is no JSON",
      () => [broker.file("no.json", '{"keys": [{"secret": "ff')],
      /Unterminated string/,
    ],
    ["a replay file that is none", () => [keyring, broker.file("no.db", "x".repeat(5000))], /not a database/],
    ["a scheme that says neither TLS nor none", () => [keyring, newReplay(), "https://localhost:1"], /https/],
    ["no broker", () => [keyring, newReplay(), "mqtt://127.0.0.1:9"], /Connection refused/],
    [
      "a broker of another CA",
      () => [keyring, newReplay(), `mqtts://localhost:${tlsPort}`, "sensors/#"],
      /certificate verify failed/,
    ],
  ];
  function readable(): string {
    const path = broker.file("keyring-0640.json", "{}");
    chmodSync(path, 0o640);
    return path;
  }
  for (const [what, args, said] of problems)
    test(`${what} is one line`, async () => {
      const given = args();
      const usual = [keyring, newReplay(), plain(), "sensors/#"];
      const { code, output } = await pythonRun([...given, ...usual.slice(given.length)]);
      assert.match(output.trimEnd(), /^receive\.py: [^\n]+$/);
      assert.match(output, said);
      assert.equal(code, 1);
      checkDiscreet(output);
    });

  test("a login that is refused is one line, and so is a filter that is none", async () => {
    const strict = new Broker();
    try {
      await strict.start(["allow_anonymous false", `password_file ${strict.passwords({ me: "right" })}`]);
      const refused = await pythonRun([keyring, newReplay(), `mqtt://127.0.0.1:${strict.port}`, "sensors/#"]);
      assert.deepEqual([refused.output, refused.code], ["Not authorized\n", 1]);
      const filter = await pythonRun([keyring, newReplay(), plain(), "sensors/#/x"]);
      assert.match(filter.output.trimEnd(), /^receive\.py: [^\n]+$/);
      assert.equal(filter.code, 1);
    } finally {
      await strict.stop();
    }
  });

  test("no words: how it is used", async () => {
    const { code, output } = await pythonRun([]);
    assert.match(output, /receive\.py KEYRING\.json REPLAY\.db mqtts:/);
    assert.equal(code, 1);
  });

  test("it is short: under 135 lines, none longer than 110 characters", () => {
    const text = readFileSync(join(examples, "receive.py"), "utf8").trimEnd().split("\n");
    assert.ok(text.length < 135, `${text.length} lines`);
    assert.ok(text.every((line) => line.length <= 110));
  });
});
