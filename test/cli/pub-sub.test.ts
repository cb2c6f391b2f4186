/** `dormouse pub` and `sub` against Mosquitto, with mosquitto_sub and mosquitto_pub at the other end. */
import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { ClientBroker, user } from "./mqtt-broker.js";
import { dormouse, mosquittoClient, type Running, startDormouse } from "./mqtt-command.js";

const binary = new Uint8Array([0, 10, 0x1b, 0xfe, 0xff]);
const versions = ["mqttv5", "mqttv311"] as const;

describe("pub and sub against Mosquitto", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new ClientBroker();
  before(() => broker.start());
  after(() => broker.stop());

  let ids = 0;
  const open = () => ["-p", `${broker.ports.open}`];
  const pub = (...words: string[]) => dormouse(["pub", ...open(), ...words]);

  /** Subscribed when it resolves. */
  async function judge(...words: string[]): Promise<Running> {
    const id = `judge-${++ids}`;
    const running = mosquittoClient("sub", [...open(), "-V", "5", "-W", "30", "-q", "2", "-i", id, ...words]);
    await broker.logged(`Sending SUBACK to ${id}`);
    return running;
  }

  /** The same of ours. */
  async function sub(...words: string[]): Promise<Running> {
    const id = `sub-${++ids}`;
    const running = startDormouse(["sub", ...open(), "-i", id, ...words]);
    await broker.logged(`Sending SUBACK to ${id}`);
    return running;
  }

  async function mosquittoPub(...words: string[]): Promise<void> {
    const { code, stderr } = await mosquittoClient("pub", [...open(), ...words]).ended;
    equal(code, 0, stderr);
  }

  for (const version of versions) {
    test(`${version}: pub delivers at QoS 0, 1 and 2`, async () => {
      const { ended } = await judge("-t", `pub/${version}/+`, "-C", "3", "-F", "%t %q %p");
      const rans = await Promise.all(
        ["0", "1", "2"].map((q) => pub("-V", version, "-t", `pub/${version}/${q}`, "-q", q, "-m", `ä${q}`)),
      );
      for (const ran of rans) deepEqual(ran, { code: 0, signal: null, stdout: "", stderr: "" });
      const lines = Buffer.from((await ended).stdout, "latin1")
        .toString("utf8")
        .trim()
        .split("\n");
      deepEqual(
        lines.sort(),
        ["0", "1", "2"].map((q) => `pub/${version}/${q} ${q} ä${q}`),
      );
    });

    test(`${version}: sub receives at QoS 0, 1 and 2, and at no more than it asked for`, async () => {
      const topic = (q: number) => `sub/${version}/${q}`;
      const format = ["-F", "%t %q %p"];
      const all = await sub("-V", version, "-t", `sub/${version}/+`, "-q", "2", "-C", "3", "-d", ...format);
      const one = await sub("-V", version, "-t", topic(2), "-q", "1", "-C", "1", ...format);
      for (const q of [2, 1, 0]) await mosquittoPub("-t", topic(q), "-q", `${q}`, "-m", `ö${q}`);
      const { code, stdout, stderr } = await all.ended;
      equal(code, 0, stderr);
      equal(
        Buffer.from(stdout, "latin1").toString("utf8"),
        [2, 1, 0].map((q) => `${topic(q)} ${q} ö${q}\n`).join(""),
      );
      match(stderr, /received PUBREL 1\n.*sent PUBCOMP 1\n/s);
      match(stderr, /sent DISCONNECT\n$/);
      equal(Buffer.from((await one.ended).stdout, "latin1").toString("utf8"), `${topic(2)} 1 ö2\n`);
    });

    test(`${version}: what is retained comes marked; -R and --retained-only tell it from what is new`, async () => {
      const topic = `kept/${version}`;
      equal((await pub("-V", version, "-t", topic, "-r", "-m", "stored", "-q", "1")).code, 0);
      const marked = await sub("-V", version, "-t", topic, "-F", "%r %p", "-C", "2");
      const fresh = await sub("-V", version, "-t", topic, "-R", "-C", "1");
      const stored = await sub("-V", version, "-t", topic, "--retained-only");
      equal((await pub("-V", version, "-t", topic, "-m", "new")).code, 0);
      equal((await marked.ended).stdout, "1 stored\n0 new\n");
      equal((await fresh.ended).stdout, "new\n");
      equal((await stored.ended).stdout, "stored\n");
      equal((await pub("-V", version, "-t", topic, "-r", "-n")).code, 0);
      const emptied = await dormouse(["sub", ...open(), "-V", version, "-t", topic, "-W", "1"]);
      deepEqual([emptied.code, emptied.stdout], [0, ""]);
    });
  }

  test("the payload comes from -m, -f, -s or -l, byte for byte", async () => {
    const { ended } = await judge("-t", "in/#", "-C", "7", "-F", "%t %x");
    const file = broker.file("payload", "");
    const { writeFileSync } = await import("node:fs");
    writeFileSync(file, binary);
    equal((await pub("-t", "in/m", "-m", "x y")).code, 0);
    equal((await pub("-t", "in/f", "-f", file)).code, 0);
    equal((await dormouse(["pub", ...open(), "-t", "in/s", "-s"], { input: binary })).code, 0);
    const lines = Buffer.concat([Buffer.from("a\r\n\n"), Buffer.from([0xff, 0, 10]), Buffer.from("last")]);
    equal((await dormouse(["pub", ...open(), "-t", "in/l", "-l", "-q", "1"], { input: lines })).code, 0);
    const hex = Buffer.from(binary).toString("hex");
    deepEqual((await ended).stdout.split("\n").slice(0, 7), [
      "in/m 782079",
      `in/f ${hex}`,
      `in/s ${hex}`,
      "in/l 610d",
      "in/l ",
      "in/l ff00",
      "in/l 6c617374",
    ]);
  });

  test("the payload goes out as it came, with -N without a line feed", async () => {
    const { ended } = await sub("-t", "out", "-N", "-C", "2");
    for (let i = 0; i < 2; i++)
      equal((await dormouse(["pub", ...open(), "-t", "out", "-s"], { input: binary })).code, 0);
    equal((await ended).stdout, Buffer.from([...binary, ...binary]).toString("latin1"));
  });

  test("many lines arrive all and in order, at each QoS and with one in flight", async () => {
    const input = Array.from({ length: 500 }, (_, i) => `${i}\n`).join("");
    for (const options of [
      ["-q", "0"],
      ["-q", "1"],
      ["-q", "2"],
      ["-q", "2", "-M", "1"],
    ]) {
      // In MQTT 5 mosquitto_sub 2.0.11 breaks off now and then when many QoS 2 messages come at once.
      const { ended } = await judge("-V", "311", "-t", "many", "-C", "500");
      const ran = await dormouse(["pub", ...open(), "-t", "many", "-l", ...options], { input });
      equal(ran.code, 0, ran.stderr);
      equal((await ended).stdout, input);
    }
  });

  for (const version of versions)
    test(`${version}: many messages at QoS 2 are received all, once and in order`, async () => {
      // More at once than a client has room for are refused by it, and sent by Mosquitto 2.0.11 all the same.
      const input = Array.from({ length: 250 }, (_, i) => `${i}\n`).join("");
      const { ended } = await sub("-V", version, "-t", "many", "-q", "2", "-C", "250");
      equal(
        (await mosquittoClient("pub", [...open(), "-t", "many", "-q", "2", "-l"], { input }).ended).code,
        0,
      );
      equal((await ended).stdout, input);
    });

  test("--repeat publishes so many times, and -M so many at once", async () => {
    const { ended } = await judge("-t", "again", "-C", "3");
    const ran = await pub("-t", "again", "-m", "x", "--repeat", "3", "-q", "2", "-M", "1", "-d");
    equal(ran.code, 0, ran.stderr);
    equal((await ended).stdout, "x\nx\nx\n");
    const order = [...ran.stderr.matchAll(/(sent PUBLISH|received PUBCOMP) (\d)/g)].map(([text]) => text);
    deepEqual(
      order,
      [1, 2, 3].flatMap((id) => [`sent PUBLISH ${id}`, `received PUBCOMP ${id}`]),
    );
  });

  test("MQTT 5: -D gives a message its properties", async () => {
    const { ended } = await judge("-t", "props", "-C", "1", "-F", "%C|%R|%D|%F|%P|%E");
    const properties = [
      ["PUBLISH", "content-type", "text/x"],
      ["publish", "response-topic", "answers"],
      ["PUBLISH", "correlation-data", "c 1"],
      ["PUBLISH", "payload-format-indicator", "1"],
      ["PUBLISH", "user-property", "a", "1"],
      ["PUBLISH", "user-property", "a", "2"],
      ["PUBLISH", "message-expiry-interval", "100"],
    ].flatMap((words) => ["-D", ...words]);
    const ran = await pub("-t", "props", "-m", "x", ...properties);
    equal(ran.code, 0, ran.stderr);
    match((await ended).stdout, /^text\/x\|answers\|c 1\|1\|a:1 a:2\|(99|100)\n$/);
  });

  test("--json tells all of a message on one line, and what is not text in base64", async () => {
    const { ended } = await sub("-t", "json", "--json", "-C", "2", "-q", "1");
    const property = (...words: string[]) => ["-D", "publish", ...words];
    await mosquittoPub(
      ...["-V", "5", "-t", "json", "-m", 'a "line"\n', "-q", "1"],
      ...[...property("content-type", "text/x"), ...property("user-property", "n", "v")],
      ...property("correlation-data", "id"),
    );
    equal((await dormouse(["pub", ...open(), "-t", "json", "-s"], { input: binary })).code, 0);
    const [first, second] = (await ended).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    ok(Math.abs(Date.now() - Date.parse(first.time)) < 20_000);
    const common = { topic: "json", retain: false, duplicate: false };
    deepEqual(
      { ...first, time: 0 },
      {
        ...common,
        time: 0,
        qos: 1,
        payload: 'a "line"\n',
        contentType: "text/x",
        correlationData: "id",
        userProperties: [["n", "v"]],
      },
    );
    deepEqual(
      { ...second, time: 0 },
      { ...common, time: 0, qos: 0, payloadBase64: Buffer.from(binary).toString("base64") },
    );
  });

  test("-v puts the topic before the payload, -T leaves topics out, -t may be repeated", async () => {
    const { ended } = await sub("-t", "many/+", "-t", "other", "-T", "many/b", "-v", "-C", "3");
    for (const topic of ["many/a", "many/b", "none", "other", "many/c"])
      await mosquittoPub("-t", topic, "-m", "x");
    equal((await ended).stdout, "many/a x\nother x\nmany/c x\n");
  });

  test("-C that is not reached in -W is a failure, without -C the time is all that was asked for", async () => {
    const [waiting, counting] = await Promise.all([
      dormouse(["sub", ...open(), "-t", "nothing", "-W", "1"]),
      dormouse(["sub", ...open(), "-t", "nothing", "-W", "1", "-C", "2"]),
    ]);
    deepEqual([waiting.code, waiting.stderr], [0, ""]);
    deepEqual([counting.code, counting.stderr], [1, "dormouse: 0 of 2 messages came\n"]);
  });

  test("the broker sees client id, keep-alive, version and user as they were asked for", async () => {
    const password = { env: { PW: user.password } };
    const words = ["-p", `${broker.ports.password}`, "-t", "x", "-m", "y", "-u", user.name, "-P", "env:PW"];
    const one = await dormouse(["pub", ...words, "-i", "weaver", "-k", "33"], password);
    equal(one.code, 0, one.stderr);
    await broker.logged("as weaver (p5, c1, k33, u'ada')");
    const other = await dormouse(["pub", ...words, "-I", "mill-", "-V", "311"], password);
    equal(other.code, 0, other.stderr);
    await broker.logged("as mill-");
    await broker.logged("(p2, c1, k60, u'ada')");
  });

  test("-L holds host, port and topic", async () => {
    const url = `mqtt://localhost:${broker.ports.open}/by/url`;
    const running = startDormouse(["sub", "-L", url, "-i", "by-url", "-C", "1"]);
    await broker.logged("Sending SUBACK to by-url");
    equal((await dormouse(["pub", "-L", url, "-m", "x"])).code, 0);
    equal((await running.ended).stdout, "x\n");
  });

  test("a message that the broker refuses is told in one line and exit 1, and the others go out", async () => {
    const refused = await pub("-t", "forbidden/x", "-q", "1", "-m", "x");
    deepEqual([refused.code, refused.stdout], [1, ""]);
    match(refused.stderr, /^dormouse: broker-refused: .*not authorized \(135\)[^\n]*\n$/);
    const twice = await pub("-t", "forbidden/x", "-q", "2", "-m", "x", "--repeat", "2");
    equal(twice.code, 1);
    equal(twice.stderr.split("\n").length, 3);
  });

  test("wrong credentials are told by name, in both versions", async () => {
    const words = [
      "pub",
      "-p",
      `${broker.ports.password}`,
      "-t",
      "x",
      "-m",
      "y",
      "-u",
      user.name,
      "-P",
      "env:PW",
    ];
    for (const version of versions)
      for (const qos of ["0", "1"]) {
        const ran = await dormouse([...words, "-V", version, "-q", qos], { env: { PW: "wrong" } });
        equal(ran.code, 1);
        match(
          ran.stderr,
          /^dormouse: broker-refused: the broker refused the connection: not authorized[^\n]*\n$/,
        );
      }
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const)
    test(`${signal} ends sub in order`, async () => {
      const since = broker.logLength;
      const id = `sub-${ids + 1}`;
      const running = await sub("-t", "x");
      running.process.kill(signal);
      const ran = await running.ended;
      deepEqual([ran.code, ran.signal, ran.stderr], [0, null, ""]);
      await broker.logged(`Received DISCONNECT from ${id}`, since);
    });

  test("-E ends when the subscriptions stand, -U takes them back", async () => {
    const kept = ["sub", ...open(), "-i", "leaver", "-c"];
    equal((await dormouse([...kept, "-t", "left", "-t", "stays", "-q", "1", "-E"])).code, 0);
    equal((await dormouse([...kept, "-U", "left", "-E"])).code, 0);
    await mosquittoPub("-t", "left", "-m", "no", "-q", "1");
    await mosquittoPub("-t", "stays", "-m", "yes", "-q", "1");
    const ran = await dormouse([...kept, "-t", "stays", "-q", "1", "-C", "1", "-W", "5"]);
    equal(ran.stdout, "yes\n", ran.stderr);
  });

  test("-d shows each packet and neither password nor payload", async () => {
    const words = ["pub", "-p", `${broker.ports.password}`, "-u", user.name, "-P", "env:PW", "-i", "shown"];
    const ran = await dormouse([...words, "-t", "a/b", "-m", "the payload", "-q", "1", "-r", "-d"], {
      env: { PW: user.password },
    });
    equal(ran.code, 0, ran.stderr);
    equal(ran.stdout, "");
    deepEqual(ran.stderr.trim().split("\n").slice(2), [
      'sent CONNECT, MQTT 5, client id "shown", clean start 1, keep alive 60 s, user name, password',
      'sent PUBLISH 1, "a/b", QoS 1, retain, 11 bytes',
      "received CONNACK, success (0), session not present",
      "received PUBACK 1, no matching subscribers (16)",
      "sent DISCONNECT",
    ]);
    doesNotMatch(ran.stderr, /correct|payload/);
  });
});
