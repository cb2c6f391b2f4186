/**
 * The hostile broker matrix, the wire: too old, too weak, too slow, too large, no TLS at all, cut off, or a
 * version that somebody in between has talked down.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { Bench, type Options, turned, type Way } from "./broker-bench.js";
import { runOnDevice } from "./on-device.js";
import { until } from "./peers.js";
import { clientWentOn, serverHello, withoutVersions } from "./records.js";
import { cutAt, type RelayOptions, relay } from "./relay.js";
import { mosquitto, rawServer, type Server, serving, talkingGnutls, talkingOpenssl } from "./servers.js";

const bench = new Bench();
const { ca, honest, under, between, scratch } = bench;
const rsa = ca.issue("rsa", { kind: "rsa" });
const parts =
  "NONE:+SIGN-ALL:+COMP-NULL:+GROUP-ALL:+MAC-ALL:+CTYPE-X509:+ECDHE-ECDSA:+ECDHE-RSA:+RSA:%VERIFY_ALLOW_BROKEN";
const anything = `${parts}:+VERS-TLS1.2:+NULL:+3DES-CBC`;
const allSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_8_SHA256";
const execute = promisify(execFile);
const quick: Partial<Options> = { handshakeTimeoutMs: 400 };

before(() => bench.start());
after(() => bench.stop());

async function openssl(more: string, certificate = honest): Promise<Way> {
  return [await bench.broker(certificate, [], ...more.split(" "))];
}

async function gnutls(priority: string, certificate = honest): Promise<Way> {
  return [await bench.run(talkingGnutls(scratch, { certificate }, ["--priority", priority]))];
}

const none = "tls-no-common-suite";

/** A broker that is too old or too weak does let in who puts up with it: that is why it is refused. */
async function putUpWith(ways: readonly Way[], client = "openssl"): Promise<void> {
  for (const [{ port }] of ways) {
    const weak = [
      "-cipher",
      "ALL:COMPLEMENTOFALL:@SECLEVEL=0",
      "-ciphersuites",
      allSuites,
      "-groups",
      "P-521:P-256:X448",
    ];
    const args: Record<string, readonly string[]> = {
      openssl: ["s_client", "-connect", `127.0.0.1:${port}`, "-min_protocol", "TLSv1", ...weak],
      "gnutls-cli": ["--insecure", "--priority", anything, "-p", `${port}`, "127.0.0.1"],
    };
    const running = execute(client, args[client]!, { timeout: 5000 });
    running.child.stdin?.end();
    const { stdout = "" } = await running.catch((error: { stdout?: string }) => error);
    assert.match(
      stdout,
      /^New, TLSv1\.\d, Cipher is (?!\(NONE\))|^- Handshake was completed/m,
      `port ${port}: ${stdout.slice(-600)}`,
    );
  }
}

test("versions that are too old", async () => {
  const { good } = bench;
  const low = "-cipher ALL:@SECLEVEL=0";
  const openssl10 = await openssl(`-tls1 ${low}`);
  const openssl11 = await openssl(`-tls1_1 ${low}`);
  const gnutls10 = await gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.0");
  const gnutls11 = await gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.1");
  await bench.judge(
    [
      turned("TLS 1.0 only, OpenSSL", "tls-version", openssl10, [good]),
      turned("TLS 1.1 only, OpenSSL", "tls-version", openssl11, [good]),
      // GnuTLS says no more than handshake_failure
      turned("TLS 1.0 only, GnuTLS", none, gnutls10, [good]),
      turned("TLS 1.1 only, GnuTLS", none, gnutls11, [good]),
    ],
    ["any"],
  );
  // OpenSSL picks its old version for who has TLS 1.2 alone, and then finds no suite
  await bench.judge([turned("TLS 1.1 only", none, openssl11, [good])], ["1.2"]);
  await bench.judge([turned("TLS 1.2 only", "tls-version", await openssl("-tls1_2"), [good])], ["1.3"]);
  await bench.judge([turned("TLS 1.3 only", "tls-version", await openssl("-tls1_3"), [good])], ["1.2"]);
  await putUpWith([openssl10, openssl11, gnutls10, gnutls11]);
});

test("suites, groups and signatures that are too weak, TLS 1.2", async () => {
  const suite = (name: string, certificate = honest) =>
    openssl(`-tls1_2 -cipher ${name}:@SECLEVEL=0`, certificate);
  const ecdsa = await suite("ECDHE-ECDSA-AES128-GCM-SHA256");
  const overRsa = await suite("ECDHE-RSA-AES128-GCM-SHA256", rsa);
  const cbc = await suite("ECDHE-ECDSA-AES128-SHA256");
  const cbcSha1 = await suite("ECDHE-ECDSA-AES128-SHA");
  const staticRsa = await suite("AES128-GCM-SHA256", rsa);
  const dhe = await suite("DHE-RSA-AES128-GCM-SHA256", rsa);
  const nothing = await suite("ECDHE-ECDSA-NULL-SHA");
  const staticNothing = await suite("NULL-SHA256", rsa);
  const shortTag = await suite("ECDHE-ECDSA-AES128-CCM8");
  const longTag = await suite("ECDHE-ECDSA-AES128-CCM");
  const nobody: Way = [
    await bench.run(talkingOpenssl({}, ["-tls1_2", "-cipher", "ADH-AES128-GCM-SHA256:@SECLEVEL=0"])),
  ];
  const p521 = await openssl("-tls1_2 -groups P-521");
  const sha1 = await openssl("-tls1_2 -sigalgs ECDSA+SHA1 -cipher ALL:@SECLEVEL=0");
  const gnutlsNothing = await gnutls(`${parts}:+VERS-TLS1.2:+NULL`, rsa);
  const tripleDes = await gnutls(`${parts}:+VERS-TLS1.2:+3DES-CBC`, rsa);
  const aes = await gnutls(`${parts}:+VERS-TLS1.2:+AES-128-GCM:+AEAD`, rsa);
  await bench.judge(
    [
      turned("CBC only", none, cbc, ecdsa),
      turned("CBC and SHA-1 only", none, cbcSha1, ecdsa),
      turned("static RSA only", none, staticRsa, overRsa),
      turned("finite-field Diffie-Hellman only", none, dhe, overRsa),
      turned("NULL only", none, nothing, ecdsa),
      turned("NULL with static RSA only", none, staticNothing, overRsa),
      turned("NULL only, GnuTLS", none, gnutlsNothing, aes),
      turned("3DES only, GnuTLS", none, tripleDes, aes),
      turned("a short tag only", none, shortTag, longTag),
      turned("no certificate at all", none, nobody, ecdsa),
      turned("P-521 only", none, p521, await openssl("-tls1_2 -groups P-384")),
      turned("signatures with SHA-1 only", none, sha1, await openssl("-tls1_2 -sigalgs ECDSA+SHA256")),
    ],
    ["1.2"],
  );
  await putUpWith([cbc, cbcSha1, staticRsa, dhe, nothing, staticNothing, shortTag, nobody, p521, sha1]);
  await putUpWith([gnutlsNothing, tripleDes], "gnutls-cli");
});

test("suites and groups that are not offered, TLS 1.3", async () => {
  const shortTag = await openssl("-tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256");
  const p521 = await openssl("-tls1_3 -groups P-521");
  const x448 = await openssl("-tls1_3 -groups X448");
  await bench.judge(
    [
      turned(
        "a short tag only",
        none,
        shortTag,
        await openssl("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384"),
      ),
      turned("P-521 only", none, p521, await openssl("-tls1_3 -groups P-384")),
      turned("X448 only", none, x448, await openssl("-tls1_3 -groups X25519")),
    ],
    ["1.3"],
  );
  await putUpWith([shortTag, p521, x448]);
});

/** Whatever is said, this is the answer; the connection stays open. */
function says(...bytes: readonly (number | string)[]): Promise<Server> {
  const answer = Buffer.concat(
    bytes.map((one) => (typeof one === "number" ? Buffer.alloc(one, 0x5a) : Buffer.from(one, "hex"))),
  );
  return bench.run(rawServer((socket: Socket) => void socket.on("data", () => socket.write(answer))));
}

async function through(to: Server, options: RelayOptions): Promise<Server> {
  return bench.run(relay(to.port, options));
}

test("what is no TLS, or no more than the beginning of it", async () => {
  const { good } = bench;
  const plain = await mosquitto(scratch, [{}]);
  const broker: Server = { port: plain.ports[0]!, stop: plain.stop };
  await bench.run(Promise.resolve(broker));
  const shut = await bench.run(rawServer((socket) => void socket.once("data", () => socket.end())));
  const half = { tampers: [cutAt(200)] };
  await bench.judge([
    turned("garbage", "tls-protocol", [await says(300)], [good]),
    turned("a handshake of nothing", "tls-protocol", [await says("160303000402000000")], [good]),
    turned("CONNACK of MQTT 5", "tls-protocol", [await says("2003000000")], [good]),
    turned(
      "HTTP",
      "tls-protocol",
      [await says(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n").toString("hex"))],
      [good],
    ),
    turned("Mosquitto without TLS", "connection-lost", [broker], [good]),
    turned("closed at once", "connection-lost", [shut], [good]),
    turned("closed in the middle", "connection-lost", [await through(good, half)], [await through(good, {})]),
    turned(
      "an alert of another kind",
      "tls-refused",
      [await says("15030300020250")],
      [good],
      "internal_error",
    ),
    turned(
      "a polite end in the middle",
      "tls-protocol",
      [await says("15030300020100")],
      [good],
      "close_notify",
    ),
    turned("a record of 16 kilobytes", "tls-record-overflow", [await says("1603034000", 16_384)], [good]),
  ]);
});

test("a handshake message that the buffer does not hold", async () => {
  const chain = (copies: number) => Array.from({ length: copies }, () => between);
  const long = await bench.broker(under, chain(12));
  await bench.judge([
    turned("a chain of 4 kilobytes", "tls-record-overflow", [long], [await bench.broker(under, chain(2))]),
  ]);
});

test("who is slow has the handshake's time, however often a byte comes", async () => {
  const { good } = bench;
  const silent = await bench.run(rawServer(() => {}));
  const dripping = await through(good, { pieceBytes: 1, pieceMs: 40 });
  const trickling = await through(good, { pieceBytes: 64, pieceMs: 2 });
  await bench.judge([
    // a record's header has five bytes: four say nothing yet
    turned("CONNACK of MQTT 3.1.1", "tls-timeout", [await says("20020000"), quick], [good, quick]),
    turned("silence", "tls-timeout", [silent, quick], [good, quick]),
    turned("a message without end", "tls-timeout", [await says("16030300ff", 255), quick], [good, quick]),
    turned("a byte at a time", "tls-timeout", [dripping, quick], [trickling, { handshakeTimeoutMs: 3000 }]),
  ]);
});

test("a version that was talked down is noticed in the server's first words", async () => {
  const rewrite = withoutVersions;
  await serving(relay(bench.good.port, { rewrite }), async (attacked) => {
    await serving(relay(bench.good.port), async (left) => {
      const older = (await openssl("-tls1_2"))[0];
      await serving(relay(older.port, { rewrite }), async (old) => {
        const attempts = [attacked, left, old].map(({ port }) => bench.attempt(port));
        const { outcomes } = await runOnDevice(bench.engine, scratch, attempts);
        const [spoken] = attacked.overheard();
        assert.equal(serverHello(spoken!)?.version, "1.2", "the attack works on the server");
        assert.equal(serverHello(spoken!)?.random.subarray(24).toString("latin1"), "DOWNGRD\x01");
        assert.equal(outcomes[0]?.failure?.kind, "tls-protocol", JSON.stringify(outcomes[0]));
        assert.equal(clientWentOn(spoken!), false, "more than an alert was sent");
        assert.equal(outcomes[1]?.secured?.version, "1.3");
        // without the server's sign the device cannot know yet, and the server notices at the end
        assert.equal(clientWentOn(old.overheard()[0]!), true);
        assert.equal(outcomes[2]?.end, "failed", JSON.stringify(outcomes[2]));
        assert.equal(outcomes[2]?.secured, undefined);
      });
    });
  });
});

test("a connection that is cut is told from one that ended", async () => {
  const dying = await talkingOpenssl({ certificate: honest });
  const waiting = { expectBytes: 1000, send: "still there?\n" };
  const cut = runOnDevice(bench.engine, scratch, [bench.attempt(dying.port, waiting)]);
  await until(() => dying.log().includes("still there?"));
  await dying.stop();
  const { outcomes } = await cut;
  assert.equal(outcomes[0]?.failure?.kind, "tls-truncated", JSON.stringify(outcomes[0]));
  assert.equal(outcomes[0]?.text, "welcome\n", "what came before is not lost");
  const polite = await bench.broker(honest, [], "-www", "-max_send_frag", "2048");
  const asking = { expectBytes: 1_000_000, send: "GET / HTTP/1.0\r\n\r\n" };
  const ended = await runOnDevice(bench.engine, scratch, [bench.attempt(polite.port, asking)]);
  assert.equal(ended.outcomes[0]?.end, "closed", JSON.stringify(ended.outcomes[0]));
});
