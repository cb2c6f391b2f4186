/** `dormouse listen` at a Mosquitto: what it writes for each verdict, in which form, and how it ends. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Fleet } from "../../backend/fleet/fleet.js";
import { checkProfile } from "../../cli/profile/check.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { rawServer, serving } from "../native/servers.js";
import { ReceiverBroker } from "./listen-broker.js";
import { dormouse, mosquittoClient, quickly } from "./mqtt-command.js";
import { keyringOf, SealedDevice, secret, timeOfReading } from "./sealed-device.js";

/** Each time of reception in a text, by its own name. */
function settled(text: string): string {
  return text.replaceAll(/20(?!26-05-14)\d\d-\d\d-\d\d[T ][\d:.]+Z/g, "NOW");
}

describe("dormouse listen", { skip: mosquittoMissing() ?? false, timeout: 240_000 }, () => {
  const broker = new ReceiverBroker();
  const device = new SealedDevice();
  let keyring = "";
  let runs = 0;
  before(async () => {
    await broker.start();
    keyring = broker.file("devices.keyring", device.keyring());
  });
  after(() => broker.stop());

  /** Subscribed, with nothing seen before. */
  function listening(...words: string[]) {
    const more = words.includes("--replay") ? [] : ["--replay", ":memory:"];
    return broker.receiver(["listen", "--keyring", keyring, ...more, ...words], `l${++runs}`);
  }

  test("each verdict has its line; only what is fresh is on standard output", async () => {
    const { process, ended, says } = await listening();
    const readings = device.topic("readings");
    const forged = device.stamped({ counter: 2 });
    forged[forged.length - 1]! ^= 1;
    await broker.publish(readings, device.stamped({ counter: 1 }));
    await broker.publish(readings, device.stamped({ counter: 1 }));
    await broker.publish(readings, device.stamped({ counter: 1, records: [{ n: "other", v: 2 }] }));
    await broker.publish(readings, forged);
    await broker.publish(readings, Buffer.from("\x1b[2Jhello"));
    await broker.publish(device.topic("sealed"), device.sealed({ counter: 2 }));
    await broker.publish(device.topic("signed"), device.signed({ counter: 3, json: true }));
    await broker.publish(device.topic("to"), device.sealedTo({ counter: 4 }, true));
    await broker.publish(device.topic("to-unsigned"), device.sealedTo({ counter: 5 }, false));
    await broker.publish(readings, device.stamped({ counter: 9000 }));
    await broker.publish(readings, device.stamped({ counter: 2 }));
    await says("stale");
    process.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    equal(code, 0);
    const line = (counter: string, celsius: string) =>
      `2026-05-14 12:00:00Z  dormouse-1  ${counter.padStart(6)}  temperature   ${celsius} Cel\n`;
    equal(
      stdout,
      line("#1", "20.1") + line("#2", "20.2") + line("#3", "20.3") + line("#4", "20.4") + line("#9000", "20"),
    );
    const where = "sensors/dormouse-1/readings";
    deepEqual(stderr.split("\n"), [
      `dormouse: duplicate: ${where}, dormouse-1 epoch 0, counter 1`,
      `dormouse: ALARM: conflict: ${where}, dormouse-1 epoch 0, counter 1: two different messages under one counter, see docs/receivers.md`,
      `dormouse: bad: ${where}: not-authentic`,
      `dormouse: bad: ${where}: malformed`,
      "dormouse: unauthenticated: sensors/dormouse-1/to-unsigned",
      `dormouse: stale: ${where}, dormouse-1 epoch 0, counter 2`,
      "",
    ]);
  });

  test("of many bad messages the first are told, the others counted", async () => {
    const { ended } = await listening("-C", "1");
    const to = ["-p", `${broker.port}`, "-q", "1", "-t", device.topic("readings"), "-l"];
    equal((await mosquittoClient("pub", to, { input: "rubbish\n".repeat(30) }).ended).code, 0);
    await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    const { code, stderr } = await ended;
    equal(code, 0);
    const bad = "dormouse: bad: sensors/dormouse-1/readings: malformed\n";
    equal(stderr, `${bad.repeat(20)}dormouse: … and 10 more: bad: malformed\n`);
  });

  const records = [
    { bn: "urn:dev:ops:dormouse-1/", n: "temperature", u: "Cel", v: -21.5, t: timeOfReading },
    { n: "door", vb: true, t: -5 },
    { n: "note", vs: '=1+1,\x1b[2J"\u202e\r\n', t: 0 },
    { bn: "other:", n: "x", u: "＝;@", v: 1e300, t: 1e300 },
  ];
  const golden: Record<string, string> = {
    text: [
      "2026-05-14 12:00:00Z  dormouse-1      #7  temperature   -21.5 Cel",
      "NOW  dormouse-1      #7  door          true",
      'NOW  dormouse-1      #7  note          =1+1,\\x1b[2J"\\u202e\\x0d\\x0a',
      "1e+300 s              dormouse-1      #7  other:x       1e+300 ＝;@",
      "NOW  ? (unauthenticated)          sensors/dormouse-1/to-unsigned  4 bytes: 83010203",
      "NOW  ? (bad)                      sensors/dormouse-1/readings     malformed\n",
    ].join("\n"),
    json: [
      '{"received":"NOW","verdict":"fresh","topic":"sensors/dormouse-1/readings","sender":"dormouse-1","epoch":0,"salt":null,"counter":7,"protection":"stamp","contentType":null,"reading":[' +
        '{"name":"urn:dev:ops:dormouse-1/temperature","unit":"Cel","value":-21.5,"time":1778760000,"at":"2026-05-14T12:00:00.000Z"},' +
        '{"name":"urn:dev:ops:dormouse-1/door","value":true,"time":-5,"at":"NOW"},' +
        '{"name":"urn:dev:ops:dormouse-1/note","value":"=1+1,\\u001b[2J\\"\\u202e\\r\\n","time":0,"at":"NOW"},' +
        '{"name":"other:x","unit":"＝;@","value":1e+300,"time":1e+300,"at":null}],"payloadBase64":null,"reason":null}',
      '{"received":"NOW","verdict":"unauthenticated","topic":"sensors/dormouse-1/to-unsigned","sender":null,"epoch":null,"salt":null,"counter":null,"protection":"sealTo","contentType":60,"reading":null,"payloadBase64":"gwECAw==","reason":null}',
      '{"received":"NOW","verdict":"bad","topic":"sensors/dormouse-1/readings","sender":null,"epoch":null,"salt":null,"counter":null,"protection":null,"contentType":null,"reading":null,"payloadBase64":null,"reason":"malformed"}\n',
    ].join("\n"),
    csv: [
      "received,verdict,topic,sender,epoch,counter,at,name,value,unit,reason",
      "NOW,fresh,sensors/dormouse-1/readings,dormouse-1,0,7,2026-05-14T12:00:00.000Z,urn:dev:ops:dormouse-1/temperature,-21.5,Cel,",
      "NOW,fresh,sensors/dormouse-1/readings,dormouse-1,0,7,NOW,urn:dev:ops:dormouse-1/door,true,,",
      `NOW,fresh,sensors/dormouse-1/readings,dormouse-1,0,7,NOW,urn:dev:ops:dormouse-1/note,"'=1+1,\\x1b[2J""\\u202e\\x0d\\x0a",,`,
      'NOW,fresh,sensors/dormouse-1/readings,dormouse-1,0,7,,other:x,1e+300,"\'＝;@",',
      "NOW,unauthenticated,sensors/dormouse-1/to-unsigned,,,,,,,,",
      "NOW,bad,sensors/dormouse-1/readings,,,,,,,,malformed\r\n",
    ].join("\r\n"),
  };
  test("the three forms, with content that would steer a terminal or a spreadsheet", async () => {
    const all = await Promise.all(
      Object.keys(golden).map((format) => listening("--format", format, "--verdicts", "all", "-C", "3")),
    );
    await broker.publish(device.topic("readings"), device.stamped({ counter: 7, records }));
    const plaintext = Uint8Array.from([0x83, 1, 2, 3]);
    await broker.publish(
      device.topic("to-unsigned"),
      device.sealedTo({ counter: 8, plaintext, contentType: 60 }, false),
    );
    await broker.publish(device.topic("readings"), Buffer.from("x"));
    for (const [i, format] of Object.keys(golden).entries()) {
      const { code, stdout, stderr } = await all[i]!.ended;
      deepEqual([code, stderr], [0, ""]);
      equal(settled(Buffer.from(stdout, "latin1").toString()), golden[format]);
    }
  });

  test("a conflict is an alarm, also where it is shown", async () => {
    const { ended } = await listening("--verdicts", "all", "-C", "2");
    await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    await broker.publish(
      device.topic("readings"),
      device.stamped({ counter: 1, records: [{ n: "x", v: 2 }] }),
    );
    const { stdout, stderr } = await ended;
    match(stdout, /\n[^\n]+dormouse-1 \(conflict\) [^\n]*\n$/);
    match(stderr, /^dormouse: ALARM: conflict: [^\n]*\n$/);
  });

  test("-C ends after so many, and leaves what came behind to the next run; nothing is lost or doubled", async () => {
    const replay = join(broker.folder, "count.replay");
    const again = (count: string) => [
      ...["listen", "--keyring", keyring, "--replay", replay, "--format", "json"],
      ...["-c", "-i", "counting", "-p", `${broker.port}`, "-C", count],
    ];
    const first = await broker.receiver(again("2").slice(0, -2), "counting");
    first.process.kill("SIGTERM");
    equal((await first.ended).code, 0);
    for (let counter = 1; counter <= 5; counter++)
      await broker.publish(device.topic("readings"), device.stamped({ counter }));
    const counters: number[] = [];
    for (const count of ["2", "1", "2"]) {
      const { code, stdout, stderr } = await dormouse(again(count));
      deepEqual([code, stderr], [0, ""]);
      const lines = stdout.trim().split("\n");
      equal(lines.length, Number(count));
      counters.push(...lines.map((line) => JSON.parse(line).counter));
    }
    deepEqual(counters, [1, 2, 3, 4, 5]);
  });

  test("-W ends it; with -C and too few that is a failure", async () => {
    const listen = [
      "listen",
      "--keyring",
      keyring,
      "--replay",
      ":memory:",
      "-p",
      `${broker.port}`,
      "-W",
      "1",
    ];
    const quiet = await dormouse(listen);
    deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
    const few = await dormouse([...listen, "-C", "1"]);
    deepEqual([few.code, few.stderr], [1, "dormouse: 0 of 1 messages came\n"]);
  });

  test("what was seen is remembered beside the keyring, for its owner alone, from one run to the next", async () => {
    const own = broker.file("own.keyring", device.keyring());
    const run = async (words: string[]) => {
      const running = await broker.receiver(["listen", "--keyring", own, ...words], "own");
      await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
      return running.ended;
    };
    const first = await run(["-C", "1"]);
    deepEqual([first.code, first.stderr], [0, ""]);
    equal(statSync(`${own}.replay`).mode & 0o777, 0o600);
    const second = await run(["-W", "1"]);
    equal(second.stdout, "");
    match(second.stderr, /^dormouse: duplicate: [^\n]*counter 1\n$/);
    const other = await run(["--replay", join(broker.folder, "other.replay"), "-C", "1"]);
    deepEqual([other.code, other.stderr], [0, ""]);
  });

  test("--map: topics that a broker renamed are subscribed to by their new name, and verified by the device's", async () => {
    const { ended } = await listening("--map", "site-a/s/+/#=sensors/+/#", "--format", "json", "-C", "2");
    await broker.publish("site-a/s/dormouse-1/readings", device.stamped({ counter: 1 }));
    await broker.publish("site-a/s/dormouse-1/to", device.sealedTo({ counter: 2 }, true));
    const { code, stdout, stderr } = await ended;
    deepEqual([code, stderr], [0, ""]);
    deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).topic),
      ["sensors/dormouse-1/readings", "sensors/dormouse-1/to"],
    );
  });

  test("a message moved to another topic is bad, also with -t", async () => {
    const { ended } = await listening("-t", "moved/#", "--verdicts", "all", "-C", "1");
    await broker.publish("moved/readings", device.stamped({ counter: 1 }));
    match((await ended).stdout, /\? \(bad\) +moved\/readings +unknown-key\n$/);
  });

  test("SIGHUP reads the keyring again: other keys, other subscriptions; one that is no keyring changes nothing", async () => {
    const changing = broker.file("changing.keyring", device.keyring());
    const words = ["listen", "--keyring", changing, "--replay", ":memory:", "--format", "json", "-C", "2"];
    const { process, ended, says } = await broker.receiver(words, "changing");
    broker.file("changing.keyring", "{");
    process.kill("SIGHUP");
    await says("the keys of before stay in use");
    const sent = broker.logLength;
    await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    await broker.logged("Received PUBACK from changing", sent);
    const other = new SealedDevice("dormouse-2");
    broker.file("changing.keyring", other.keyring());
    const since = broker.logLength;
    process.kill("SIGHUP");
    await says("the keyring was read again");
    await broker.logged("Sending SUBACK to changing", since);
    await broker.logged("Received UNSUBSCRIBE from changing", since);
    await broker.publish(device.topic("readings"), device.stamped({ counter: 2 }));
    await broker.publish(other.topic("readings"), other.stamped({ counter: 3 }));
    const { code, stdout, stderr } = await ended;
    equal(code, 0, `${stdout}${stderr}`);
    deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => [JSON.parse(line).sender, JSON.parse(line).counter]),
      [
        ["dormouse-1", 1],
        ["dormouse-2", 3],
      ],
    );
    deepEqual(stderr.split("\n"), [
      `dormouse: --keyring ${changing}: the keyring is not JSON; the keys of before stay in use`,
      "dormouse: the keyring was read again",
      "",
    ]);
  });

  test("SIGHUP: the subscriptions of the new keyring are those of the next connection too", async () => {
    const next = broker.file("next.keyring", device.keyring());
    const words = ["listen", "--keyring", next, "--replay", ":memory:", "-C", "1"];
    const { process, ended, says } = await broker.receiver(words, "next");
    const other = new SealedDevice("dormouse-2");
    broker.file("next.keyring", other.keyring());
    process.kill("SIGHUP");
    await says("the keyring was read again");
    await broker.end("SIGKILL");
    const since = broker.logLength;
    await broker.start();
    await broker.logged("Sending SUBACK to next", since);
    await broker.publish(other.topic("readings"), other.stamped({ counter: 3 }));
    const { code, stdout } = await ended;
    equal(code, 0);
    match(stdout, /dormouse-2 +#3/);
  });

  test("a fleet's boards are listened to as they are provisioned, beginning with none", async () => {
    const folder = join(broker.folder, "fleet");
    const connecting = broker.logLength;
    const { ended, says } = broker.again(["listen", "--fleet", folder, "-C", "2"], "fleet");
    await says("no board in ");
    await broker.logged("Sending CONNACK to fleet", connecting);
    equal(statSync(folder).mode & 0o777, 0o700);
    const fleet = new Fleet(folder);
    for (const [n, id] of ["dormouse-1", "dormouse-2"].entries()) {
      const since = broker.logLength;
      const written = { schema: 1, device: { id }, wifi: { ssid: "burrow" }, broker: { host: "localhost" } };
      const checked = checkProfile(JSON.stringify(written));
      ok(checked.ok);
      const { epoch } = fleet.register.begin({
        id,
        origin: "serial",
        mac: "",
        board: "",
        firmware: "",
        profile: "",
      });
      const { profile } = checked;
      await fleet.addKeys({ profile, epoch, secret: Buffer.from(secret, "hex"), signPoint: null });
      await says("the keyring was read again", n + 1);
      await broker.logged("Sending SUBACK to fleet", since);
      const device = new SealedDevice(id);
      await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    }
    fleet.close();
    const { code, stdout } = await ended;
    equal(code, 0);
    match(stdout, /dormouse-1 +#1 .*\n.*dormouse-2 +#1 /);
    ok(existsSync(`${fleet.keyring}.replay`));
  });

  test("it receives again after the broker was killed; a kept session brings what came meanwhile", async () => {
    const { process, ended, says } = await listening("-c", "--format", "json", "-C", "2");
    await broker.publish(device.topic("readings"), device.stamped({ counter: 1 }));
    process.kill("SIGSTOP");
    await broker.save();
    await broker.end("SIGKILL");
    await broker.start();
    await broker.publish(device.topic("readings"), device.stamped({ counter: 2 }));
    process.kill("SIGCONT");
    await says("trying again");
    const { code, stdout } = await ended;
    equal(code, 0);
    deepEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).counter),
      [1, 2],
    );
  });

  test("no secret is in arguments, output or trace; the trace holds no payload", async () => {
    const { process, ended } = await listening("-d", "--format", "json", "-C", "1");
    const shown = readFileSync(`/proc/${process.pid}/cmdline`, "utf8");
    await broker.publish(device.topic("sealed"), device.sealed({ counter: 1 }));
    const { code, stdout, stderr } = await ended;
    equal(code, 0);
    match(stderr, /received PUBLISH 1, "sensors\/dormouse-1\/sealed", QoS 1, \d+ bytes\nsent PUBACK 1\n/);
    ok(!stderr.includes("temperature") && !stderr.includes("20.1"));
    const keys = JSON.parse(device.keyring()).keys as { secret?: string; privateKey?: string }[];
    const secrets = keys.flatMap(({ secret, privateKey }) => [secret, privateKey?.split("\n")[1]]);
    for (const held of secrets.filter((one) => one !== undefined))
      for (const text of [shown, stdout, stderr]) ok(!text.includes(held));
  });

  test("a broker that refuses every subscription ends it", async () => {
    const refusing = rawServer((socket) => {
      socket.once("data", () => socket.write(Buffer.from([0x20, 3, 0, 0, 0, 0x90, 4, 0, 1, 0, 0x87])));
    });
    await serving(refusing, async ({ port }) => {
      const words = ["listen", "--keyring", keyring, "--replay", ":memory:", "-p", `${port}`, "-t", "x"];
      const { code, stderr } = await dormouse(words);
      equal(code, 1);
      match(stderr, /^(dormouse: broker-refused: [^\n]*not authorized[^\n]*\n){1,2}$/);
    });
  });

  const unusable: [string, string, number, RegExp][] = [
    ["open to its group", device.keyring(), 0o640, /is open to others than its owner: chmod 600 /],
    ["that is not JSON", `{"schema":1,${secret}`, 0o600, /the keyring is not JSON/],
    ["of another schema", '{"schema":2,"keys":[]}', 0o600, /schema: 1 is needed/],
    [
      "with half a secret",
      keyringOf({ device: "d", epoch: 0, secret: secret.slice(2), topics: { x: "stamp" } }),
      0o600,
      /entry 1: secret: 64 hexadecimal digits are needed/,
    ],
  ];
  for (const [what, text, mode, line] of unusable)
    test(`a keyring ${what} is refused in one line without its secrets`, async () => {
      rmSync(join(broker.folder, "wrong.keyring"), { force: true });
      const path = broker.file("wrong.keyring", text, mode);
      const { code, stderr } = await quickly(["listen", "--keyring", path, "-p", "1"]);
      equal(code, 1);
      match(stderr, /^dormouse: --keyring [^\n]*\n$/);
      match(stderr, line);
      ok(!stderr.includes(secret.slice(2)));
      ok(!existsSync(`${path}.replay`));
    });

  const wrongUse: [string, string[], RegExp][] = [
    ["no keyring", [], /give --keyring or --fleet/],
    ["two keyrings", ["--keyring", "k", "--fleet", "f"], /give --keyring or --fleet/],
    ["a fleet that is no folder", ["--fleet", "package.json"], /--fleet package\.json: /],
    ["a keyring that is not there", ["--keyring", "nowhere"], /--keyring nowhere: no such file or folder/],
    [
      "a form that is none",
      ["--keyring", "x", "--format", "xml"],
      /--format "xml": must be one of text, json, csv/,
    ],
    [
      "a verdict that is none",
      ["--keyring", "x", "--verdicts", "fresh,good"],
      /--verdicts "good": must be one of/,
    ],
    ["-C 0", ["--keyring", "x", "-C", "0"], /-C "0": must be a whole number/],
    ["-W x", ["--keyring", "x", "-W", "x"], /-W "x": must be a whole number/],
    ["a group in 3.1.1", ["--keyring", "x", "--group", "g", "-V", "311"], /--group goes with -V mqttv5/],
    ["a group with a slash", ["--keyring", "x", "--group", "a/b"], /--group: write a name without/],
    ["$share in -t", ["--keyring", "x", "-t", "$share/g/t"], /write --group NAME and the filter alone/],
    [
      "a filter that is none",
      ["--keyring", "x", "-t", "a/#/b"],
      /-t: topic filter: # must be the last level/,
    ],
    ["half a map", ["--keyring", "x", "--map", "a="], /--map "a=": write FROM=TO/],
    ["a map of unlike sides", ["--keyring", "x", "--map", "+/a=a"], /both sides need the same wildcards/],
    ["a QoS of 3", ["--keyring", "x", "-q", "3"], /-q "3": must be one of 0, 1, 2/],
  ];
  for (const [what, words, line] of wrongUse)
    test(`${what}: wrong usage, one line`, async () => {
      const { code, stderr } = await quickly(["listen", ...words]);
      equal(code, 2);
      match(stderr, /^dormouse: [^\n]*\n$/);
      match(stderr, line);
    });

  test("--replay: a URL itself is refused and not repeated; a reference must lead to one; a file must be a store", async () => {
    const url = "postgresql://u:hush@h/d";
    const itself = await quickly(["listen", "--keyring", keyring, "--replay", url]);
    equal(itself.code, 2);
    match(itself.stderr, /^dormouse: --replay: a password in an argument is for all to see: [^\n]*\n$/);
    ok(!itself.stderr.includes("hush"));
    const noUrl = broker.file("url", "hush\n");
    const no = await quickly(["listen", "--keyring", keyring, "--replay", `file:${noUrl}`]);
    equal(no.code, 1);
    match(no.stderr, /^dormouse: --replay: [^\n]* is no URL such as [^\n]*\n$/);
    ok(!no.stderr.includes("hush"));
    const open = broker.file("open-url", `${url}\n`, 0o644);
    const wide = await quickly(["listen", "--keyring", keyring, "--replay", `file:${open}`]);
    deepEqual([wide.code, /open to others/.test(wide.stderr)], [1, true]);
    const far = await quickly(["listen", "--keyring", keyring, "--replay", "postgresql://192.0.2.1/d"]);
    equal(far.code, 2);
    match(
      far.stderr,
      /^dormouse: --replay: PostgreSQL on another machine: add \?sslmode=verify-full[^\n]*\n$/,
    );
    const near = await quickly(["listen", "--keyring", keyring, "--replay", "postgresql://127.0.0.1:1/d"]);
    equal(near.code, 1);
    match(near.stderr, /^dormouse: --replay PostgreSQL: [^\n]*ECONNREFUSED[^\n]*\n$/);
    const noStore = broker.file("no.replay", "hush hush hush hush ".repeat(100));
    const bad = await quickly(["listen", "--keyring", keyring, "--replay", noStore, "-p", "1"]);
    equal(bad.code, 1);
    match(bad.stderr, /^dormouse: --replay [^\n]*\n$/);
  });
});
