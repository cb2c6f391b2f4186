/** `dormouse bridge` between Mosquittos: what is published in clear and what is not, and what is left when a broker dies. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decode } from "cborg";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { ReceiverBroker } from "./listen-broker.js";
import { mosquittoClient, quickly, type Running } from "./mqtt-command.js";
import { SealedDevice, temperature, timeOfReading } from "./sealed-device.js";

describe("dormouse bridge", { skip: mosquittoMissing() ?? false, timeout: 240_000 }, () => {
  const source = new ReceiverBroker();
  const target = new ReceiverBroker();
  const device = new SealedDevice();
  let keyring = "";
  let runs = 0;
  before(async () => {
    await source.start();
    await target.start();
    keyring = source.file("devices.keyring", device.keyring());
  });
  after(async () => {
    await source.stop();
    await target.stop();
  });

  const toTarget = () => ["--to-url", `mqtt://127.0.0.1:${target.port}`];

  /** Subscribed at its source, connected to its target. */
  async function bridging(...words: string[]): Promise<Running> {
    const id = `b${++runs}`;
    const where = words.includes("--to-url") ? target : source;
    const since = where.logLength;
    const all = ["bridge", "--keyring", keyring, "--replay", ":memory:", "--to-id", `${id}-out`, ...words];
    const running = await source.receiver(all, id);
    await where.logged(`Sending CONNACK to ${id}-out`, since);
    return running;
  }

  /** What arrives at `broker`: topic, retained, payload in hex, a line each. */
  async function judge(broker: ReceiverBroker, filter: string, count: number): Promise<Running> {
    const id = `judge${++runs}`;
    const since = broker.logLength;
    const to = ["-p", `${broker.port}`, "-i", id, "-t", filter, "-q", "1"];
    const running = mosquittoClient("sub", [...to, "-C", `${count}`, "-F", "%t %r %x"]);
    await broker.logged(`Sending SUBACK to ${id}`, since);
    return running;
  }

  async function end({ process, ended }: Running): Promise<string> {
    process.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    deepEqual([code, stdout], [0, ""], stderr);
    return stderr;
  }

  test("what is fresh is published in clear, all else is told, counted and kept back", async () => {
    const bridge = await bridging("--to-prefix", "clear/");
    const heard = await judge(source, "clear/#", 4);
    const readings = device.topic("readings");
    const forged = device.stamped({ counter: 2 });
    forged[forged.length - 1]! ^= 1;
    await source.publish(readings, forged);
    await source.publish(readings, device.stamped({ counter: 9000 }));
    await source.publish(readings, device.stamped({ counter: 9000 }));
    await source.publish(readings, device.stamped({ counter: 9000, records: [{ n: "x", v: 1 }] }));
    await source.publish(readings, device.stamped({ counter: 1 }));
    await source.publish(device.topic("to-unsigned"), device.sealedTo({ counter: 5 }, false));
    const bytes = { plaintext: Uint8Array.of(0x80), contentType: 60 } as const;
    await source.publish(readings, device.stamped({ counter: 9001, ...bytes }));
    await source.publish(device.topic("sealed"), device.sealed({ counter: 2 }));
    await source.publish(device.topic("signed"), device.signed({ counter: 3, json: true }));
    await source.publish(device.topic("to"), device.sealedTo({ counter: 4 }, true));
    const { stdout } = await heard.ended;
    const clear = (last: string, celsius: number) => {
      const record = { n: "urn:dev:ops:dormouse-1/temperature", u: "Cel", v: celsius, t: timeOfReading };
      return [`clear/sensors/dormouse-1/${last}`, "0", record] as const;
    };
    deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => {
          const [topic, retained, hex] = line.split(" ");
          const [record, ...more] = JSON.parse(Buffer.from(hex!, "hex").toString()) as object[];
          deepEqual(more, []);
          return [topic, retained, record];
        }),
      [clear("readings", 20), clear("sealed", 20.2), clear("signed", 20.3), clear("to", 20.4)],
    );
    const stderr = await end(bridge);
    const told = stderr.trim().split("\n");
    deepEqual(
      told.map((line) => /^dormouse: (ALARM: )?([a-z]+)/.exec(line)?.[2] ?? line),
      [
        ...["bad", "duplicate", "conflict", "stale", "unauthenticated", "fresh"],
        "dormouse: 4 published, kept back: 1 bad, 1 duplicate, 1 conflict, 1 stale, 1 unauthenticated, 1 no reading",
      ],
    );
  });

  test("of many bad messages the first are told, the others counted", async () => {
    const bridge = await bridging("--to-prefix", "clear/");
    const heard = await judge(source, "clear/#", 1);
    const to = ["-p", `${source.port}`, "-q", "1", "-t", device.topic("readings"), "-l"];
    equal((await mosquittoClient("pub", to, { input: "rubbish\n".repeat(30) }).ended).code, 0);
    await source.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    await heard.ended;
    const bad = "dormouse: bad: sensors/dormouse-1/readings: malformed\n";
    equal(
      await end(bridge),
      `${bad.repeat(20)}dormouse: … and 10 more: bad: malformed\ndormouse: 1 published, kept back: 30 bad\n`,
    );
  });

  test("to another broker: other topics, CBOR, kept there for those who come later; media type and absolute times", async () => {
    const map = ["--to-map", "sensors/+/readings=plant/+"];
    const bridge = await bridging(...toTarget(), ...map, "--format", "cbor", "--to-retain");
    const records = [...temperature("dormouse-1", 21.5), { n: "door", vb: true, t: -5 }];
    const atMs = Date.now();
    const since = target.logLength;
    await source.publish(device.topic("readings"), device.stamped({ counter: 1, records }));
    await source.publish(device.topic("sealed"), device.sealed({ counter: 2 }));
    await bridge.says("nowhere to publish it");
    await target.logged("Received PUBLISH", since);
    const { ended } = mosquittoClient("sub", [
      ...["-V", "5", "-p", `${target.port}`, "-t", "plant/#", "-C", "1", "-F", "%t %r %C %x"],
    ]);
    const [topic, retained, type, hex] = (await ended).stdout.trim().split(" ");
    deepEqual([topic, retained, type], ["plant/dormouse-1", "1", "application/senml+cbor"]);
    const pack = decode(Buffer.from(hex!, "hex"), { useMaps: true }) as Map<number, unknown>[];
    deepEqual(
      pack.map((record) => record.get(0)),
      ["urn:dev:ops:dormouse-1/temperature", "urn:dev:ops:dormouse-1/door"],
    );
    equal(pack[0]!.get(6), timeOfReading);
    const doorMs = (pack[1]!.get(6) as number) * 1000 + 5000;
    ok(doorMs >= atMs - 1 && doorMs <= Date.now() + 1, `${doorMs} after ${atMs}`);
    match(await end(bridge), /1 published, kept back: 1 no place\n$/);
  });

  test("what can be received and not be written in clear is kept back, and the next is published", async () => {
    const bridge = await bridging("--to-prefix", "clear/", "--format", "cbor");
    const heard = await judge(source, "clear/#", 1);
    const cases = ['[{"n":"late","v":1,"t":1e308}]', '[{"n":"half","vs":"\\ud800"}]'];
    for (const [counter, text] of cases.entries()) {
      const json = { plaintext: Buffer.from(text), contentType: 110 } as const;
      await source.publish(device.topic("readings"), device.stamped({ counter, ...json }));
    }
    await source.publish(device.topic("readings"), device.stamped({ counter: 2 }));
    match((await heard.ended).stdout, /^clear\/sensors\/dormouse-1\/readings /);
    const stderr = await end(bridge);
    equal(stderr.match(/cannot be said in SenML of this format/g)?.length, 2, stderr);
    match(stderr, /1 published, kept back: 2 no reading\n$/);
  });

  test("a listener beside it takes nothing away: without being told each remembers for itself", async () => {
    const path = source.file("together.keyring", device.keyring());
    const listener = await source.receiver(["listen", "--keyring", path, "-C", "1"], "beside");
    const words = ["bridge", "--keyring", path, "--to-prefix", "clear/", "--to-id", "together-out"];
    const since = source.logLength;
    const bridge = await source.receiver(words, "together");
    await source.logged("Sending CONNACK to together-out", since);
    const heard = await judge(source, "clear/#", 1);
    await source.publish(device.topic("readings"), device.stamped({ counter: 7 }));
    match((await heard.ended).stdout, /^clear\//);
    match((await listener.ended).stdout, /#7/);
    match(await end(bridge), /1 published\n$/);
  });

  test("both brokers killed: nothing is lost or doubled", async () => {
    const kept = ["-t", "clear/#", "-q", "1", "-p", `${target.port}`, "-i", "keeper", "-c"];
    equal((await mosquittoClient("sub", [...kept, "-E"]).ended).code, 0);
    const bridge = await bridging(...toTarget(), "--to-prefix", "clear/", "-c");
    const since = target.logLength;
    await source.publish(device.topic("readings"), device.stamped({ counter: 0 }));
    await target.logged("Received PUBLISH", since);
    await target.save();
    await target.end("SIGKILL");
    await bridge.says("publishing: connection-lost");
    const count = 40;
    for (let counter = 1; counter <= count; counter++)
      await source.publish(device.topic("readings"), device.stamped({ counter }));
    await source.save();
    await source.end("SIGKILL");
    await source.start();
    await target.start();
    const { ended } = mosquittoClient("sub", [...kept, "-C", `${count + 1}`, "-W", "30", "-F", "%p"]);
    const { stdout } = await ended;
    const values = stdout
      .trim()
      .split("\n")
      .map((line) => Math.round((JSON.parse(line)[0].v - 20) * 10));
    deepEqual(
      values,
      Array.from({ length: count + 1 }, (_, i) => i),
    );
    match(await end(bridge), /41 published(, kept back: \d+ duplicate)?\n$/);
  });

  test("what the target refuses is told and counted; the others go on, and it is no success", async () => {
    const rules = source.file("acl", "topic readwrite #\ntopic deny clear/sensors/dormouse-1/sealed\n");
    const strict = new ReceiverBroker(`acl_file ${rules}`);
    await strict.start();
    const to = ["--to-url", `mqtt://127.0.0.1:${strict.port}`, "--to-prefix", "clear/", "--to-id", "x"];
    const since = strict.logLength;
    const bridge = await source.receiver(
      ["bridge", "--keyring", keyring, "--replay", ":memory:", ...to],
      "strict",
    );
    await strict.logged("Sending CONNACK to x", since);
    await source.publish(device.topic("sealed"), device.sealed({ counter: 1 }));
    await bridge.says("not published");
    const sent = strict.logLength;
    await source.publish(device.topic("readings"), device.stamped({ counter: 2 }));
    await strict.logged("Received PUBLISH", sent);
    bridge.process.kill("SIGTERM");
    const { code, stderr } = await bridge.ended;
    equal(code, 1);
    match(stderr, /^dormouse: not published: [^\n]*not authorized[^\n]*\n/);
    match(stderr, /dormouse: 1 published\ndormouse: 1 messages were not published\n$/);
    await strict.stop();
  });

  test("a target that is not there ends it, and nothing was taken from the source", async () => {
    const all = ["bridge", "--keyring", keyring, "--replay", ":memory:", "--to-url", "mqtt://127.0.0.1:1"];
    const { code, stderr } = await source.again([...all, "--to-prefix", "clear/"], "early").ended;
    equal(code, 1);
    match(stderr, /^dormouse: 0 published\ndormouse: publishing: connect-failed: [^\n]*\n$/);
  });

  test("-d shows both connections' packets, without payloads", async () => {
    const bridge = await bridging("--to-prefix", "clear/", "-d");
    await source.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    await bridge.says("to: received PUBACK");
    const stderr = await end(bridge);
    match(stderr, /to: sent PUBLISH 1, "clear\/sensors\/dormouse-1\/readings", QoS 1, \d+ bytes/);
    ok(!stderr.includes("temperature"));
    // The source is told when the target has it.
    ok(stderr.indexOf("to: received PUBACK 1") < stderr.indexOf("\nsent PUBACK 1"));
  });

  const plain = ["--to-url", "mqtt://192.0.2.1"];
  const wrongUse: [string, string[], RegExp][] = [
    ["no place to publish to", [], /give --to-prefix or --to-map/],
    ["two of them", ["--to-prefix", "a/", "--to-map", "a=b"], /give --to-prefix or --to-map/],
    ["a prefix with a wildcard", ["--to-prefix", "+/"], /--to-prefix: a prefix must not contain/],
    ["a broker's own tree", ["--to-prefix", "$SYS/"], /--to-prefix: a broker's own topics begin with \$/],
    [
      "its own tree, by prefix",
      ["--to-prefix", "clear/", "-t", "#"],
      /--to-prefix: it would publish to clear\/#, where it subscribes to #/,
    ],
    [
      "its own tree, by map",
      ["--to-map", "sensors/#=sensors/dormouse-1/#"],
      /--to-map: it would publish to sensors\/dormouse-1\/#, where it subscribes to sensors\//,
    ],
    [
      "its own tree at another broker",
      ["--to-url", "mqtt://127.0.0.1:1", "--to-map", "sensors/+/readings=sensors/+/to"],
      /--to-map: it would publish to sensors\/\+\/to/,
    ],
    [
      "clear text to another machine",
      [...plain, "--to-prefix", "c/"],
      /--to-url: without TLS anyone on the way to 192\.0\.2\.1 reads and changes .*--to-insecure/,
    ],
    [
      "clear text to the same broker on another machine",
      ["--to-prefix", "c/", "-h", "192.0.2.1"],
      /-h: without TLS anyone on the way to 192\.0\.2\.1/,
    ],
    ["TLS options for plain MQTT", [...plain, "--to-cafile", "x"], /--to-cafile goes with mqtts:\/\//],
    ["options for another broker alone", ["--to-username", "x"], /--to-username goes with --to-url/],
    [
      "a password itself",
      [...plain, "--to-username", "u", "--to-pw", "hush"],
      /--to-pw: write env:NAME or file:PATH/,
    ],
    ["a password in the URL", ["--to-url", "mqtts://u:hush@h"], /--to-url: give the password with --to-pw/],
    [
      "a password without user",
      ["--to-url", "mqtts://h", "--to-pw", "env:X"],
      /a password needs a user name \(--to-username\)/,
    ],
    ["a topic in the URL", ["--to-url", "mqtts://h/t"], /--to-url: a topic is not said here/],
    ["no URL", ["--to-url", "h"], /--to-url: write mqtt:\/\/HOST/],
    ["one pin", ["--to-url", "mqtts://h", "--to-pin", `sha256/${"A".repeat(43)}=`], /--to-pin: give two/],
    [
      "half a PSK",
      ["--to-url", "mqtts://h", "--to-psk", "env:X"],
      /--to-psk and --to-psk-identity go together/,
    ],
    ["a form that is none", ["--format", "csv"], /--format "csv": must be one of json, cbor/],
    ["a QoS of 3", ["--to-qos", "3"], /--to-qos "3": must be one of 0, 1, 2/],
    [
      "a version that is none",
      ["--to-url", "mqtts://h", "--to-protocol-version", "6"],
      /--to-protocol-version "6"/,
    ],
  ];
  for (const [what, words, line] of wrongUse)
    test(`${what}: wrong usage, one line`, async () => {
      const places = ["--to-prefix", "--to-map"].some((flag) => words.includes(flag));
      const place = places || words.length === 0 ? [] : ["--to-prefix", "clear/"];
      const all = ["bridge", "--keyring", keyring, "--replay", ":memory:", "-p", "1", ...place, ...words];
      const { code, stderr } = await quickly(all);
      equal(code, 2, stderr);
      match(stderr, /^dormouse: [^\n]*\n$/);
      match(stderr, line);
      ok(!stderr.includes("hush"));
    });
});
