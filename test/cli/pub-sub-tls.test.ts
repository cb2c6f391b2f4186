/** Whom `dormouse pub` and `sub` believe, who they are, and what they do with secrets, over Mosquitto's TLS, PSK and WebSocket. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { openStream } from "../../cli/mqtt/transport.js";
import type { Failure } from "../../lib/failure.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { pinOf, serverFor, strangePins, TestCA } from "../native/pki.js";
import { mosquitto, rawServer, serving } from "../native/servers.js";
import { ClientBroker, psk, user } from "./mqtt-broker.js";
import { dormouse, mosquittoClient, quickly, type Ran, type Setting, startDormouse } from "./mqtt-command.js";

describe("pub and sub, and who is at the other end", {
  skip: mosquittoMissing() ?? false,
  timeout: 180_000,
}, () => {
  const broker = new ClientBroker();
  before(() => broker.start());
  after(() => broker.stop());

  type Port = keyof ClientBroker["ports"];
  const message = ["-t", "x", "-m", "y", "-q", "1"];
  const pub = (port: Port, words: readonly string[], setting: Setting = {}) =>
    dormouse(["pub", "-p", `${broker.ports[port]}`, ...message, ...words], setting);
  const byCa = ["--cafile", broker.ca.certificate];

  const succeeds = ({ code, stderr }: Ran) => deepEqual([code, stderr], [0, ""]);
  const fails = ({ code, stdout, stderr }: Ran, line: RegExp, expected = 1) => {
    match(stderr, line);
    match(stderr, /^dormouse: [^\n]+\n$/);
    deepEqual([code, stdout], [expected, ""]);
  };
  /** Nothing that a stranger gets may hold a CONNECT. */
  const unheard = async (run: () => Promise<void>) => {
    const since = broker.logLength;
    await run();
    equal(broker.logSince(since).includes("New client connected"), false);
  };

  for (const version of ["tlsv1.2", "tlsv1.3"] as const) {
    const only = ["--tls-version", version];

    test(`${version}: --cafile believes its CA's brokers and no others`, async () => {
      const ran = await pub("tls", [...byCa, ...only, "-d"]);
      match(ran.stderr, version === "tlsv1.2" ? /TLS 1\.2 \w+/ : /TLS 1\.3 TLS_AES/);
      equal(ran.code, 0);
      const stranger = new TestCA(broker.folder, `stranger-${version}`);
      await unheard(async () => {
        fails(await pub("tls", ["--cafile", stranger.certificate, ...only]), /tls-untrusted: .*--cafile/);
      });
      // The same name, another key.
      const both = broker.file("both.pem", stranger.pem + broker.ca.pem);
      succeeds(await pub("tls", ["--cafile", both, ...only]));
    });

    test(`${version}: --pin believes the broker's key, its CA's, and no other`, async () => {
      const pins = (...some: readonly string[]) => [...some.flatMap((pin) => ["--pin", pin]), ...only];
      succeeds(await pub("tls", pins(strangePins[0]!, pinOf(broker.server))));
      succeeds(await pub("tls", [...byCa, ...pins(pinOf(broker.ca), strangePins[0]!)]));
      await unheard(async () => {
        fails(await pub("tls", pins(...strangePins)), /tls-pin-mismatch: /);
        fails(await pub("tls", [...byCa, ...pins(...strangePins)]), /tls-pin-mismatch: /);
      });
    });

    test(`${version}: --cert and --key let in where they are demanded`, async () => {
      const { certificate, key } = broker.client;
      succeeds(await pub("certificate", [...byCa, ...only, "--cert", certificate, "--key", key]));
      await unheard(async () => {
        fails(await pub("certificate", [...byCa, ...only]), /tls-client-auth-refused: .*--cert/);
      });
    });

    test(`${version}: --psk lets in with the right key and identity`, async () => {
      const words = ["--psk", "env:PSK", "--psk-identity"];
      const given = (key: string) => ({ env: { PSK: key } });
      succeeds(await pub("psk", [...words, psk.identity, ...only], given(psk.key)));
      await unheard(async () => {
        const other = psk.key.replace("00", "01");
        fails(await pub("psk", [...words, psk.identity, ...only], given(other)), /tls-psk-refused: /);
        fails(await pub("psk", [...words, "nobody", ...only], given(psk.key)), /tls-psk-refused: /);
        // Whoever shows a certificate does not know the key.
        fails(await pub("tls", [...words, psk.identity, ...only], given(psk.key)), /tls-/);
      });
    });
  }

  test("a broker's certificate must be for the host, and in its time", async () => {
    const named = (name: string, more: object) => broker.ca.issue(name, more);
    const listeners = [
      { certificate: named("elsewhere", { extensions: serverFor("DNS:other.test") }) },
      { certificate: named("old", { days: [-9, -2] }) },
      { certificate: named("early", { days: [2, 9] }) },
    ];
    await serving(mosquitto(broker.folder, listeners), async ({ ports }) => {
      const to = (port = 0) => dormouse(["pub", "-p", `${port}`, ...message, ...byCa]);
      fails(await to(ports[0]), /tls-name: /);
      fails(await to(ports[1]), /tls-expired: /);
      fails(await to(ports[2]), /tls-not-yet-valid: /);
    });
  });

  test("mqtts:// without --cafile believes the public CAs only", async () => {
    await unheard(async () => {
      const url = `mqtts://localhost:${broker.ports.tls}/x`;
      fails(await dormouse(["pub", "-L", url, "-m", "y"]), /tls-untrusted: /);
    });
    succeeds(await dormouse(["pub", "-L", `mqtts://localhost:${broker.ports.tls}/x`, "-m", "y", ...byCa]));
  });

  test("what is no TLS port, and TLS options for one, is told as that", async () => {
    fails(await pub("open", byCa), /(connection-lost|tls-protocol): /);
    fails(await dormouse(["pub", "-p", `${broker.ports.tls}`, ...message]), /connection-lost: /);
    await serving(
      rawServer((socket) => socket.end("220 mail.example ESMTP\r\n")),
      async ({ port }) => {
        fails(
          await dormouse(["pub", "-p", `${port}`, ...message, ...byCa]),
          /tls-protocol: .*does not speak TLS/,
        );
      },
    );
  });

  test("a password comes from env:, file: or standard input, in both versions", async () => {
    const as = (secret: string) => [...byCa, "-u", user.name, "-P", secret];
    const file = broker.file("password", `${user.password}\n`);
    for (const version of ["5", "311"]) {
      const given = { env: { PW: user.password } };
      succeeds(await pub("tlsPassword", [...as("env:PW"), "-V", version], given));
      fails(
        await pub("tlsPassword", [...as("env:PW"), "-V", version], { env: { PW: "no" } }),
        /broker-refused/,
      );
    }
    succeeds(await pub("tlsPassword", as(`file:${file}`)));
    succeeds(await pub("tlsPassword", as("-"), { input: `${user.password}\n` }));
    fails(await pub("tlsPassword", as("-"), { input: "" }), /-P: nothing was entered/);
    fails(await pub("tlsPassword", as("env:NONE")), /-P: the environment variable NONE is not set/);
  });

  test("a password in an argument works, is warned of, and does not stay in the list of processes", async () => {
    const words = ["-p", `${broker.ports.password}`, "-t", "x", "-u", user.name, "-P", user.password];
    const running = startDormouse(["sub", ...words, "-i", "listed"]);
    await broker.logged("Sending SUBACK to listed");
    const listed = () => readFileSync(`/proc/${running.process.pid}/cmdline`, "utf8");
    if (process.platform === "linux") doesNotMatch(listed(), /correct/);
    running.process.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    equal(code, 0);
    match(stderr, /^dormouse: -P: a secret in an argument can be seen [^\n]*\n$/);
    const url = `mqtt://${user.name}:${encodeURIComponent(user.password)}@127.0.0.1:${broker.ports.password}/x`;
    const byUrl = await dormouse(["pub", "-L", url, "-m", "y"]);
    equal(byUrl.code, 0);
    match(byUrl.stderr, /^dormouse: -L: a secret in an argument[^\n]*\n$/);
    doesNotMatch(stderr + byUrl.stderr, /correct/);
  });

  test("a password leaves this machine over TLS only", async () => {
    const words = ["-t", "x", "-m", "y", "-u", user.name, "-P", "env:PW"];
    const given = { env: { PW: user.password } };
    const places = ["192.0.2.1", "broker.example", "127.0.0.1.example", "2001:db8::1"].map((host) => [
      "-h",
      host,
    ]);
    for (const place of [...places, ["-L", "ws://broker.example/mqtt"]]) {
      const { code, stderr } = await quickly(["pub", ...place, ...words]);
      match(stderr, /^dormouse: a password is sent over TLS only[^\n]*\n$/);
      equal(code, 2);
    }
    for (const host of ["localhost", "127.0.0.1"])
      succeeds(await dormouse(["pub", "-h", host, "-p", `${broker.ports.password}`, ...words], given));
  });

  test("wherever a name of this machine leads, a password does not follow it out", async (t) => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one !== undefined && !one.internal && one.family === "IPv4")?.address;
    if (outside === undefined) return t.skip("this machine has no other address");
    const server = createServer((socket) => socket.resume()).listen(0, outside);
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const meet = (host: string, loopbackOnly: boolean) =>
      new Promise<Failure | undefined>((resolve) => {
        const events = {
          opened: () => transport.end(),
          received: () => {},
          closed: resolve,
        };
        const transport = openStream({ host, port, tls: null, loopbackOnly }, events);
      });
    try {
      match((await meet(outside, true))?.detail ?? "opened", /not on this machine/);
      equal(await meet(outside, false), undefined);
    } finally {
      server.close();
    }
  });

  for (const version of ["5", "311"])
    test(`MQTT ${version} over WebSocket, plain and over TLS, both ways`, async () => {
      const ways = [
        [`ws://localhost:${broker.ports.ws}/mqtt`],
        [`wss://localhost:${broker.ports.wss}/mqtt`, ...byCa],
      ];
      for (const [url = "", ...tls] of ways) {
        const id = `web-${version}-${url.slice(0, 3)}`;
        const running = startDormouse([
          "sub",
          "-L",
          url,
          ...tls,
          "-V",
          version,
          "-i",
          id,
          "-t",
          id,
          "-q",
          "2",
          "-C",
          "2",
        ]);
        await broker.logged(`Sending SUBACK to ${id}`);
        succeeds(
          await dormouse(["pub", "-L", url, ...tls, "-V", version, "-t", id, "-q", "2", "-m", "small"]),
        );
        const large = "x".repeat(20_000);
        const judge = ["-p", `${broker.ports.open}`, "-t", id, "-q", "2", "-s"];
        equal((await mosquittoClient("pub", judge, { input: large }).ended).code, 0);
        const { code, stdout, stderr } = await running.ended;
        deepEqual([code, stderr], [0, ""]);
        equal(stdout, `small\n${large}\n`);
      }
    });

  test("what is no WebSocket is told as that", async () => {
    const refusing = rawServer((socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    await serving(refusing, async ({ port }) => {
      fails(await dormouse(["pub", "-L", `ws://localhost:${port}/mqtt`, ...message]), /404/);
    });
    fails(
      await dormouse(["pub", "-L", `ws://localhost:${broker.ports.open}`, ...message]),
      /connection-lost: /,
    );
  });

  const files = () => ({
    certificate: broker.client.certificate,
    key: broker.client.key,
    ca: broker.ca.certificate,
  });
  const wrong: [string, (at: ReturnType<typeof files>) => string[], RegExp, 1 | 2][] = [
    ["--cert without --key", ({ certificate }) => ["--cert", certificate], /go together/, 2],
    ["--key without --cert", ({ key }) => ["--key", key], /go together/, 2],
    [
      "another's --key",
      ({ certificate }) => ["--cert", certificate, "--key", broker.server.key],
      /does not belong/,
      1,
    ],
    ["no key in --key", ({ certificate, ca }) => ["--cert", certificate, "--key", ca], /no private key/, 1],
    ["a server's certificate as --cafile", () => ["--cafile", broker.server.certificate], /no CA's/, 1],
    ["no certificate in --cafile", ({ key }) => ["--cafile", key], /no PEM certificate/, 1],
    ["a --cafile that is not there", () => ["--cafile", "/nonexistent"], /\/nonexistent: no such file/, 2],
    ["one --pin", () => ["--pin", strangePins[0]!], /give two/, 2],
    ["the same --pin twice", () => ["--pin", strangePins[0]!, "--pin", strangePins[0]!], /give two/, 2],
    ["what is no --pin", () => ["--pin", "sha256/x"], /44 characters/, 2],
    ["--psk without its identity", () => ["--psk", "env:PSK"], /go together/, 2],
    [
      "--psk and --cafile",
      ({ ca }) => ["--psk", "env:PSK", "--psk-identity", "a", "--cafile", ca],
      /not with --psk/,
      2,
    ],
    ["a short --psk", () => ["--psk", "env:SHORT", "--psk-identity", "a"], /32 to 128 hex digits/, 2],
    ["--insecure", () => ["--insecure"], /--insecure is not offered: .*--pin/, 2],
    ["a TLS version of old", () => ["--tls-version", "tlsv1.1"], /must be one of/, 2],
    ["--cafile and mqtt://", ({ ca }) => ["-L", "mqtt://localhost/x", "--cafile", ca], /goes with mqtts/, 2],
  ];
  for (const [name, words, line, expected] of wrong)
    test(`${name}: one line, exit ${expected}`, async () => {
      Object.assign(process.env, { PSK: psk.key, SHORT: "00" });
      const more = words(files());
      const { code, stderr } = await quickly([
        "pub",
        ...(more[0] === "-L" ? [] : ["-t", "x"]),
        "-m",
        "y",
        ...more,
      ]);
      match(stderr, line);
      match(stderr, /^dormouse: [^\n]+\n$/);
      equal(code, expected);
    });

  test("a password without a user name is refused, and not repeated", async () => {
    process.env.PW = "hunter2";
    const { code, stderr } = await quickly(["pub", "-p", "1", ...message, "-P", "env:PW"]);
    match(stderr, /^dormouse: a password needs a user name[^\n]*\n$/);
    doesNotMatch(stderr, /hunter2/);
    equal(code, 2);
  });
});
