/**
 * The example profiles as a user would use them: certificates from `dormouse certs`, pins from `dormouse pin`, a
 * Mosquitto set up as docs/profile.md says, and a device that lives by them.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Disturbance } from "../../host-sim/disturbance.js";
import { root } from "../../host-sim/paths.js";
import { dormouse } from "../cli/command.js";
import { openssl } from "../native/pki.js";
import { type Broker, freePort, mosquitto } from "../native/servers.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-profiles-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (path: string) => join(folder, path);

async function command(...words: string[]): Promise<string> {
  const ran = await dormouse(words, { cwd: folder });
  assert.deepEqual([ran.code, ran.stderr], [0, ""], words.join(" "));
  return ran.stdout;
}

/** A profile of profiles/, where its references lead to what was made here; without what it says of passwords. */
function example(name: string, tls: object = {}): string {
  const profile = JSON.parse(readFileSync(join(root, "profiles", `${name}.json`), "utf8"));
  const { username: _, password: __, ...broker } = profile.broker;
  const written = {
    ...profile,
    wifi: { ssid: "burrow" },
    broker: { ...broker, tls: { ...broker.tls, ...tls } },
  };
  const path = at(`profiles/${name}.json`);
  writeFileSync(path, JSON.stringify(written));
  return path;
}

/** issuing.crl, by OpenSSL. */
function revocationList(revoked: readonly string[]): void {
  const ca = at("certs/private/ca");
  writeFileSync(at("index"), "");
  writeFileSync(at("ca.conf"), `[ca]\ndefault_ca=a\n[a]\ndatabase=${at("index")}\ndefault_md=sha256\n`);
  const signer = [
    "ca",
    "-config",
    at("ca.conf"),
    "-cert",
    `${ca}/issuing.pem`,
    "-keyfile",
    `${ca}/issuing.key.pem`,
  ];
  for (const certificate of revoked) openssl([...signer, "-revoke", certificate]);
  openssl([...signer, "-gencrl", "-crldays", "9", "-out", at("issuing.crl")]);
}

/** The blocks of a section of docs/profile.md, with localhost as the broker. */
function documented(section: string): { commands: string; conf: string } {
  const page = readFileSync(join(root, "docs/profile.md"), "utf8").replaceAll(
    "broker.example.org",
    "localhost",
  );
  const text = page.split("\n## ").find((part) => part.startsWith(section));
  const [commands, conf] = [...text!.matchAll(/```\n([^`]*)```/g)].map(([, block]) => block!);
  return { commands: commands!, conf: conf! };
}

/** Runs them in the folder: ours as ours, everything else in a shell. */
async function follow(commands: string): Promise<void> {
  const dormouseLines = commands.split("\n").filter((line) => line.startsWith("npx dormouse "));
  for (const line of dormouseLines) await command(...line.split(" ").slice(2));
  if (dormouseLines.length === 0) execFileSync("sh", ["-ec", commands], { cwd: folder });
}

interface Running {
  readonly port: number;
  /** Reads its configuration and files again. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** A Mosquitto with this configuration, on a free port. */
async function documentedBroker(conf: string): Promise<Running> {
  const port = await freePort();
  const path = at(`${port}.conf`);
  const listener = `user ${userInfo().username}\nlistener ${port} 127.0.0.1`;
  writeFileSync(path, conf.replace("listener 8883", listener));
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn("mosquitto", ["-c", path], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "close");
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const logged = async (words: string) => {
    for (let tries = 0; !log.includes(words); tries++) {
      assert.ok(tries < 400 && child.exitCode === null, `mosquitto did not say "${words}": ${log}`);
      await wait(25);
    }
  };
  await logged(" running");
  const reload = async () => {
    child.kill("SIGHUP");
    await logged("Reloading config");
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { port, reload, stop };
}

const psk = `00${randomBytes(31).toString("hex")}`; // keys may begin with a zero

describe("the example profiles, against Mosquitto", { skip: mosquittoMissing() ?? false }, () => {
  let broker: Broker;
  let pins: string[];
  /** The ports, by what the listener wants. */
  let open: number;
  let certified: number;
  let shared: number;

  before(async () => {
    mkdirSync(at("profiles"));
    await follow(documented("A client certificate").commands);
    const servers = at("certs/private/servers/localhost");
    const server = { certificate: join(servers, "chain.pem"), key: join(servers, "key.pem") };
    const authority = {
      certificate: at("certs/private/ca/root.pem"),
      key: at("certs/private/ca/root.key.pem"),
    };
    broker = await mosquitto(folder, [
      { certificate: server },
      { certificate: server, clientCA: authority },
      { psk: { identity: "dormouse-1", key: psk } },
    ]);
    [open, certified, shared] = broker.ports as [number, number, number];
    const shown = await command("pin", `localhost:${open}`, "--json");
    pins = (JSON.parse(shown) as { pins: { pin: string }[] }).pins.map(({ pin }) => pin);
    assert.equal(pins.length, 2);
    process.env.DORMOUSE_PSK = psk;
  });
  after(() => broker?.stop());

  test("a client certificate, step by step as in docs/profile.md", async () => {
    const mine = await documentedBroker(documented("A client certificate").conf);
    try {
      await lives(example("mutual-tls"), mine.port);
    } finally {
      await mine.stop();
    }
  });

  test("a pre-shared key, step by step as in docs/profile.md; another one after SIGHUP", async () => {
    const { commands, conf } = documented("A pre-shared key");
    await follow(commands);
    const mine = await documentedBroker(conf);
    try {
      process.env.DORMOUSE_PSK = readFileSync(at("dormouse-1.psk"), "utf8").trim();
      await lives(example("psk"), mine.port);
      const renewed = randomBytes(32).toString("hex");
      writeFileSync(at("psk_file"), `dormouse-1:${renewed}\n`);
      await mine.reload();
      process.env.DORMOUSE_PSK = renewed;
      await lives(example("psk"), mine.port);
    } finally {
      process.env.DORMOUSE_PSK = psk;
      await mine.stop();
    }
  });

  async function lives(profile: string, port: number): Promise<void> {
    const { tally, summary, events } = await run({
      board: "esp32c3",
      cycles: "2",
      profile,
      broker: `mqtts://localhost:${port}`,
    });
    assert.deepEqual(only(events, "error"), []);
    assert.ok(tally.success);
    assert.deepEqual([summary.published, summary.verified], [2, 2]);
  }

  test("pinned.json: the broker's key and the issuing CA's, without a CA certificate", async () => {
    await lives(example("pinned", { pins }), open);
  });

  test("pinned.json as it stands: the broker is not the one that is pinned, and gets nothing", async () => {
    const { events } = await run(
      { cycles: "1", profile: example("pinned"), broker: `mqtts://localhost:${open}` },
      undefined,
      {
        disturbance: { listenerTls: { caPem: readFileSync(at("certs/private/ca/root.pem"), "utf8") } },
      },
    );
    assert.deepEqual(
      only(events, "error").map(({ kind }) => kind),
      ["tls-pin-mismatch"],
    );
    assert.deepEqual(only(events, "sent"), []);
  });

  test("mutual-tls.json: the device and the listener show the certificate of `dormouse certs device`", async () => {
    await lives(example("mutual-tls"), certified);
  });

  test("mutual-tls.json with pins beside its CA", async () => {
    await lives(example("mutual-tls", { pins }), certified);
  });

  test("a CRL of the issuing CA: the broker is taken while it is not on it, and no longer", async () => {
    const crl = { crl: "file:../issuing.crl" };
    revocationList([]);
    await lives(example("mutual-tls", crl), certified);
    revocationList([at("certs/private/servers/localhost/certificate.pem")]);
    const { events } = await run({
      cycles: "1",
      profile: example("mutual-tls", crl),
      broker: `mqtts://localhost:${certified}`,
    });
    assert.deepEqual(
      only(events, "error").map(({ kind }) => kind),
      ["tls-revoked"],
    );
    assert.deepEqual(only(events, "sent"), []);
  });

  test("without its certificate the same broker refuses the device", async () => {
    const {
      certificate: _,
      key: __,
      ...rest
    } = JSON.parse(readFileSync(example("mutual-tls"), "utf8")).broker.tls;
    const bare = example("external-broker", { ...rest, ca: "file:../certs/private/ca/root.pem" });
    const { events } = await run(
      { cycles: "1", profile: bare, broker: `mqtts://localhost:${certified}` },
      undefined,
      {
        disturbance: { listenerPort: open },
      },
    );
    assert.deepEqual(
      only(events, "error").map(({ kind }) => kind),
      ["tls-client-auth-refused"],
    );
  });

  test("psk.json: identity and key of Mosquitto's psk_file", async () => {
    await lives(example("psk"), shared);
  });

  test("psk.json with another key: the device is refused, by name", async () => {
    process.env.DORMOUSE_PSK = randomBytes(32).toString("hex");
    try {
      const flags = { cycles: "1", profile: example("psk"), broker: `mqtts://localhost:${shared}` };
      const { events } = await run(flags, undefined, {
        disturbance: {
          listenerPort: open,
          listenerTls: { caPem: readFileSync(at("certs/private/ca/root.pem"), "utf8") },
        },
      });
      assert.deepEqual(
        only(events, "error").map(({ kind }) => kind),
        ["tls-psk-refused"],
      );
    } finally {
      process.env.DORMOUSE_PSK = psk;
    }
  });

  type Written = Parameters<NonNullable<Disturbance["flash"]>>[0];
  const without = (key: string) => (written: Written) => written.filter((entry) => entry.key !== key);
  const damaged = (key: string) => (written: Written) =>
    written.map((entry) =>
      entry.key === key && entry.type === "buffer" ? { ...entry, value: entry.value.slice(1) } : entry,
    );
  /** [what became of the flash, the profile, its further settings] */
  const halfDone: [what: string, name: string, tls: object, flash: (written: Written) => Written][] = [
    ["no key", "mutual-tls", {}, without("tls-key")],
    ["a damaged key", "mutual-tls", {}, damaged("tls-key")],
    ["no certificate", "mutual-tls", {}, without("tls-cert")],
    ["a damaged certificate", "mutual-tls", {}, damaged("tls-cert")],
    ["a damaged CA", "mutual-tls", {}, damaged("ca")],
    ["no CA", "mutual-tls", {}, without("ca")],
    ["a damaged CRL", "mutual-tls", { crl: "file:../issuing.crl" }, damaged("crl")],
    ["no CRL", "mutual-tls", { crl: "file:../issuing.crl" }, without("crl")],
    ["no PSK", "psk", {}, without("tls-psk")],
  ];
  for (const [what, name, tls, flash] of halfDone)
    test(`${what} in flash: told as tls-credentials, and nothing is sent`, async () => {
      revocationList([]);
      const port = name === "psk" ? shared : certified;
      const flags = { cycles: "1", profile: example(name, tls), broker: `mqtts://localhost:${port}` };
      const { events } = await run(flags, undefined, { disturbance: { flash } });
      assert.deepEqual(
        only(events, "error").map(({ kind }) => kind),
        ["tls-credentials"],
      );
      assert.deepEqual(only(events, "sent"), []);
    });

  test("a lost key: the spare takes its place, and devices notice nothing", async () => {
    const page = readFileSync(join(root, "docs/profile.md"), "utf8").replaceAll(
      "broker.example.org",
      "localhost",
    );
    const [makeSpare, renew, replace] = [
      /^openssl genpkey .*spare\.key$/m,
      /^npx dormouse certs server .*key\.pem$/m,
      /npx dormouse certs server [^`]*--key spare\.key/,
    ].map((pattern) => pattern.exec(page)![0]);
    await follow(makeSpare!);
    const [, spare] = /(sha256\S+)/.exec(await command("pin", "--key", "spare.key"))!;
    const profile = example("pinned", { pins: [pins[0], spare] });
    const { conf } = documented("A client certificate");
    const withoutClients = conf
      .replace(/^(require_certificate|use_identity).*$/gm, "")
      .concat("allow_anonymous true\n");
    for (const change of [renew!, replace!]) {
      await follow(change);
      const mine = await documentedBroker(withoutClients);
      try {
        await lives(profile, mine.port);
      } finally {
        await mine.stop();
      }
    }
    const served = await command("pin", "--cert", "certs/private/servers/localhost/certificate.pem");
    assert.ok(served.includes(spare!));
  });
});
