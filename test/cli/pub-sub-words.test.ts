/** What `dormouse pub` and `sub` read and print: options, URLs, properties, formats, traces. */
import { deepEqual, doesNotMatch, equal, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import mqttPacket, { type Packet } from "mqtt-packet";
import { addressOfUrl } from "../../cli/mqtt/address.js";
import { addressOf, type ClientFlags, clientSettings } from "../../cli/mqtt/client-flags.js";
import { failureLine, transportFailure } from "../../cli/mqtt/failures.js";
import { outputOf } from "../../cli/mqtt/output.js";
import { printableLine } from "../../cli/mqtt/printable.js";
import { propertiesOf } from "../../cli/mqtt/properties.js";
import { describePacket, PacketTrace } from "../../cli/mqtt/trace.js";
import { isLoopback } from "../../cli/mqtt/transport.js";
import type { ReceivedMessage } from "../../lib/mqtt/session-state.js";
import { dormouse, quickly } from "./mqtt-command.js";

const steering = /[\p{Cc}\u2028\u202e]/u;

const message: ReceivedMessage = {
  topic: "a/b",
  payload: Buffer.from("p"),
  qos: 1,
  retain: true,
  duplicate: false,
  subscriptionIdentifiers: [],
};

describe("help and wrong usage", () => {
  for (const command of ["pub", "sub"])
    test(`"dormouse ${command} --help" explains with an example, and -h is the host`, async () => {
      const ran = await dormouse([command, "--help"]);
      deepEqual([ran.code, ran.stderr], [0, ""]);
      match(ran.stdout, /^Usage: dormouse/);
      match(ran.stdout, /\nExample:\n {2}\$ dormouse /);
      match(ran.stdout, /-h, --host/);
      doesNotMatch(ran.stdout, /insecure/);
    });

  const wrong: [string[], RegExp][] = [
    [["pub"], /-t TOPIC is missing/],
    [["pub", "-t", "x"], /give one of -m, -f, -l, -s and -n/],
    [["pub", "-t", "x", "-m", "a", "-n"], /give one of/],
    [["pub", "-t", "a/#", "-m", "x"], /-t: topic must not contain \+ or #/],
    [["pub", "-t", "", "-m", "x"], /-t: topic must not be empty/],
    [["pub", "-t", "x", "-f", "/nonexistent"], /-f \/nonexistent: no such file/],
    [["pub", "-t", "x", "-l", "-P", "-"], /standard input cannot give the secret and the message/],
    [["pub", "-t", "x", "-l", "--repeat", "2"], /--repeat goes with/],
    [["pub", "-t", "x", "-m", "y", "--repeat", "0"], /--repeat "0"/],
    [["pub", "-t", "x", "-m", "y", "--repeat-delay", "1s"], /--repeat-delay "1s": must be seconds/],
    [["pub", "-t", "x", "-m", "y", "-q", "3"], /-q "3": must be one of 0, 1, 2/],
    [["pub", "-t", "x", "-m", "y", "-V", "mqttv31"], /-V "mqttv31": must be one of/],
    [
      ["pub", "-t", "x", "-m", "y", "-V", "311", "-D", "PUBLISH", "content-type", "a"],
      /-D goes with -V mqttv5/,
    ],
    [["pub", "-t", "x", "-m", "y", "-V", "311", "-x", "5"], /-x goes with -V mqttv5/],
    [["pub", "-t", "x", "-m", "y", "-D", "PUBLISH", "response-topic", "a/#"], /-D: /],
    [["pub", "-t", "x", "-m", "y", "-x", "4294967296"], /-x "4294967296"/],
    [["pub", "-t", "x", "-m", "y", "-c"], /-c needs -i/],
    [["pub", "-t", "x", "-m", "y", "-i", "a", "-I", "b"], /-i and -I exclude/],
    [["pub", "-t", "x", "-m", "y", "-k", "65536"], /-k "65536"/],
    [["pub", "-t", "x", "-m", "y", "-M", "0"], /-M "0"/],
    [["pub", "-t", "x", "-m", "y", "-p", "0"], /-p "0"/],
    [["pub", "-t", "x", "-m", "y", "-h", "mqtt://x"], /a URL goes with -L/],
    [["pub", "-t", "x", "-m", "y", "-L", "mqtt://h/x"], /-t and a topic in -L/],
    [["pub", "-L", "mqtt://h/x", "-m", "y", "-p", "1"], /-p and -L exclude/],
    [["pub", "-L", "http://h/x", "-m", "y"], /-L: write mqtt:\/\//],
    [["pub", "-t", "x", "-m", "y", "--will-qos", "1"], /a will needs --will-topic/],
    [["pub", "-t", "x", "-m", "y", "--will-topic", "#"], /--will-topic: topic must not/],
    [["sub"], /-t TOPIC is missing/],
    [["sub", "-t", "a#"], /-t: topic filter: /],
    [["sub", "-t", "a", "-U", "#/a"], /-U: topic filter: /],
    [["sub", "-t", "a", "-T", "+a"], /-T: topic filter: /],
    [["sub", "-t", "a", "-C", "0"], /-C "0"/],
    [["sub", "-t", "a", "-W", "x"], /-W "x"/],
    [["sub", "-t", "a", "-F", "%z"], /-F "%z": must be one of/],
    [["sub", "-t", "a", "--json", "-v"], /--json excludes/],
    [["sub", "-t", "a", "-m", "x"], /unknown option '-m'/],
  ];
  for (const [words, line] of wrong)
    test(`"dormouse ${words.join(" ")}" is wrong usage: one line, exit 2`, async () => {
      const { code, stderr } = await quickly(words);
      match(stderr, line);
      match(stderr, /^dormouse: [^\n]+\n$/);
      equal(code, 2);
    });
});

test("-L takes the schemes, ports, names and addresses of the help, decoded where RFC 3986 says so", () => {
  const given = (url: string) => {
    const { host, port, tls, websocketPath, topic, userName, password } = addressOfUrl(url);
    return [host, port, tls, websocketPath, topic, userName, password];
  };
  const no = undefined;
  deepEqual(given("mqtt://h"), ["h", 1883, false, no, no, no, no]);
  deepEqual(given("mqtt://h/"), ["h", 1883, false, no, no, no, no]);
  deepEqual(given("mqtts://h/a/+/#"), ["h", 8883, true, no, "a/+/#", no, no]);
  deepEqual(given("mqtt://h:1884//a"), ["h", 1884, false, no, "/a", no, no]);
  deepEqual(given("ws://h"), ["h", 80, false, "/mqtt", no, no, no]);
  deepEqual(given("wss://h/x?y=1"), ["h", 443, true, "/x?y=1", no, no, no]);
  deepEqual(given("mqtt://[2001:db8::1]:1/t"), ["2001:db8::1", 1, false, no, "t", no, no]);
  deepEqual(given("mqtts://a%40b:c%3Ad:e@h/t"), ["h", 8883, true, no, "t", "a@b", "c:d:e"]);
  deepEqual(given("mqtts://u@h/t"), ["h", 8883, true, no, "t", "u", no]);
  for (const url of [
    "h",
    "mqtt:/h",
    "mqtt://",
    "mqtt://h:x/t",
    "mqtt://u:secret@/t",
    "mqtt://u:secret@h h/t",
    "mqtt://u:%zz@h/t",
  ])
    throws(
      () => addressOfUrl(url),
      (error: Error) => error.name === "UsageError" && !/secret|%zz/.test(error.message),
    );
});

test("a password on its way without TLS is bound to this machine, wherever the name leads", async () => {
  process.env.PW = "words";
  const settings = async (words: ClientFlags) => clientSettings(words, addressOf(words));
  const flags = { pipelining: true, username: "u", pw: "env:PW" };
  equal((await settings({ ...flags, host: "somewhere.localhost" })).endpoint.loopbackOnly, true);
  equal((await settings({ ...flags, host: "h", port: "8883" })).endpoint.loopbackOnly, false);
  equal((await settings({ pipelining: true, host: "h", username: "u" })).endpoint.loopbackOnly, false);
});

test("an address of this machine is one of 127/8 or ::1, also mapped", () => {
  for (const yes of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) ok(isLoopback(yes), yes);
  for (const no of ["", "128.0.0.1", "127.0.0.1.example", "::2", "10.0.0.1", "1127.0.0.1"])
    ok(!isLoopback(no), no);
});

test("-D takes the properties of its command, and says which those are", () => {
  deepEqual(
    propertiesOf([
      ...["CONNECT", "user-property", "a", "1", "will", "will-delay-interval", "4"],
      ...["publish", "payload-format-indicator", "0", "publish", "correlation-data", "ä"],
    ]),
    {
      connect: { userProperties: [["a", "1"]] },
      publish: { payloadIsText: false, correlationData: Buffer.from("ä") },
      will: { delaySeconds: 4 },
    },
  );
  for (const [words, line] of [
    [["SUBSCRIBE", "user-property", "a", "b"], /write CONNECT, PUBLISH or WILL/],
    [["PUBLISH"], /must be one of content-type/],
    [["PUBLISH", "will-delay-interval", "1"], /must be one of/],
    [["CONNECT", "content-type", "a"], /must be one of user-property/],
    [["PUBLISH", "content-type"], /needs a value/],
    [["PUBLISH", "user-property", "a"], /needs a name and a value/],
    [["PUBLISH", "message-expiry-interval", "-1"], /must be a whole number/],
    [["PUBLISH", "toString", "a"], /must be one of/],
  ] as const)
    throws(() => propertiesOf(words), line);
});

test("at a terminal nothing in a message steers it; in a pipe its bytes are as they came", () => {
  const hostile = {
    ...message,
    topic: "t\x1b[2J",
    payload: Buffer.from("a\x1b]0;x\x07\tb\nc\x9b\u202e\x7f"),
  };
  const show = outputOf({ verbose: true }, true)(hostile).toString();
  equal(show, "t\\x1b[2J a\\x1b]0;x\\x07\tb\nc\\x9b\\u202e\\x7f\n");
  const raw = Buffer.from([0, 0xff, 0x1b]);
  deepEqual(outputOf({ N: true }, false)({ ...message, payload: raw }), raw);
  equal(outputOf({}, true)({ ...message, payload: raw }).toString(), "\\x00\ufffd\\x1b\n");
  const text = "\x1b\n\u2028\u202e\x7f\x9b";
  const json = outputOf({ json: true }, false)({ ...message, payload: Buffer.from(text) }).toString();
  doesNotMatch(json.trimEnd(), steering);
  equal(JSON.parse(json).payload, text);
});

test("-F puts a message together as it says", () => {
  const format = (F: string) => outputOf({ F }, false)(message).toString();
  equal(format("%t|%p|%x|%l|%q|%r|%%\\t\\\\"), "a/b|p|70|1|1|1|%\t\\\n");
  equal(outputOf({ F: "%p", N: true }, false)(message).toString(), "p");
  match(format("%I"), /^\d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
  for (const wrong of ["%", "%z", "\\q", "\\"]) throws(() => outputOf({ F: wrong }, false), /-F/);
});

test("a trace names each packet, cut short or damaged, and tells neither password nor payload", () => {
  const packets: [Packet, 4 | 5, string][] = [
    [
      {
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 5,
        clean: true,
        clientId: "id\x1b",
        keepalive: 3,
        username: "user",
        password: Buffer.from("hunter2"),
        properties: { sessionExpiryInterval: 9 },
        will: { topic: "w", payload: Buffer.from("hunter2"), qos: 2, retain: false },
      } as Packet,
      5,
      'CONNECT, MQTT 5, client id "id\\x1b", clean start 1, keep alive 3 s, will at QoS 2, user name, password',
    ],
    [
      { cmd: "connack", returnCode: 5, sessionPresent: false },
      4,
      "CONNACK, not authorized (5), session not present",
    ],
    [
      {
        cmd: "publish",
        topic: "a/b",
        payload: Buffer.from("hunter2"),
        qos: 2,
        retain: true,
        dup: true,
        messageId: 7,
        properties: { contentType: "t" },
      },
      5,
      'PUBLISH 7, "a/b", QoS 2, retain, duplicate, 7 bytes',
    ],
    [{ cmd: "pubrec", messageId: 7, reasonCode: 0x87 }, 5, "PUBREC 7, not authorized (135)"],
    [{ cmd: "pubrel", messageId: 7 }, 4, "PUBREL 7"],
    [
      { cmd: "subscribe", messageId: 8, subscriptions: [{ topic: "a", qos: 1, nl: true, rap: true, rh: 1 }] },
      5,
      'SUBSCRIBE 8, "a" QoS 1',
    ],
    [{ cmd: "suback", messageId: 8, granted: [1, 0x87] }, 5, "SUBACK 8, granted QoS 1, not authorized (135)"],
    [{ cmd: "unsubscribe", messageId: 9, unsubscriptions: ["a", "b"] }, 4, 'UNSUBSCRIBE 9, "a", "b"'],
    [{ cmd: "pingreq" }, 5, "PINGREQ"],
    [{ cmd: "disconnect", reasonCode: 0x8e }, 5, "DISCONNECT, session taken over (142)"],
  ];
  for (const [packet, version, line] of packets) {
    const bytes = mqttPacket.generate(packet, { protocolVersion: version });
    equal(describePacket(bytes, version), line);
    for (let i = 0; i < bytes.length; i++) {
      const name = line.split(/[ ,]/)[0]!;
      if (i > 0) ok(describePacket(bytes.subarray(0, i), version).startsWith(name));
      const flipped = Buffer.from(bytes);
      flipped[i]! ^= 0xff;
      doesNotMatch(describePacket(flipped, version), steering);
      doesNotMatch(describePacket(flipped, version), /hunt|ter2/);
    }
    const whole: string[] = [];
    const trace = new PacketTrace((text) => whole.push(text), { version });
    for (const byte of Buffer.concat([bytes, bytes])) trace.bytes(Uint8Array.of(byte));
    deepEqual(whole, [line, line]);
  }
});

test("what a network or a broker says is one line of printable text", () => {
  const from = { address: "h:1", inHandshake: true, keysAgreed: false, psk: false };
  const spoken = Object.assign(new Error("x\n\x1b[31m\u202e"), { code: "EWEIRD" });
  const line = failureLine(transportFailure(spoken, from));
  match(line, /^connect-failed: h:1 cannot be spoken to: x\\x0a\\x1b\[31m\\u202e; check /);
  equal(printableLine("ä 日本 🙂"), "ä 日本 🙂");
});

test("each kind of failure that Node's TLS can tell is told by that kind", () => {
  const kind = (code: string, more: object = {}) => {
    const from = { address: "h:1", inHandshake: true, keysAgreed: false, psk: false, ...more };
    return transportFailure(Object.assign(new Error("x"), { code }), from).kind;
  };
  for (const [code, expected, more] of [
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "tls-untrusted"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "tls-untrusted"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "tls-untrusted"],
    ["INVALID_CA", "tls-untrusted"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "tls-name"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "tls-version"],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", "tls-version"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls-protocol"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "tls-no-common-suite"],
    ["ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "tls-no-common-suite"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "tls-client-auth-refused", { keysAgreed: true }],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "tls-psk-refused", { psk: true }],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tls-client-auth-refused"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "tls-client-auth-refused"],
    ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "tls-alpn"],
    ["ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR", "tls-psk-refused", { psk: true }],
    ["ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR", "tls-refused"],
    ["ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "tls-refused"],
    ["ERR_SSL_BAD_SIGNATURE", "tls-protocol"],
    ["ECONNRESET", "connection-lost"],
    ["ENOTFOUND", "name-unresolved"],
    ["EHOSTUNREACH", "connect-failed"],
  ] as const)
    equal(kind(code, more), expected, code);
});
