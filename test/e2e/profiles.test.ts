/**
 * The example profiles as a user would use them: certificates from `dormouse certs`, pins from `dormouse pin`, a
 * Mosquitto set up as docs/profile.md says, and a device that lives by them.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { dormouse } from "../cli/command.js";
import { openssl } from "../native/pki.js";
import { type Broker, mosquitto } from "../native/servers.js";
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

const psk = randomBytes(32).toString("hex");
const pskLine = `00${psk.slice(2)}`; // keys may begin with a zero

describe("the example profiles, against Mosquitto", { skip: mosquittoMissing() ?? false }, () => {
  let broker: Broker;
  let pins: string[];
  /** The ports, by what the listener wants. */
  let open: number;
  let certified: number;
  let shared: number;

  before(async () => {
    mkdirSync(at("profiles"));
    await command("certs", "init");
    await command("certs", "server", "localhost");
    await command("certs", "device", "dormouse-1");
    const server = {
      certificate: at("certs/private/servers/localhost/chain.pem"),
      key: at("certs/private/servers/localhost/key.pem"),
    };
    const authority = {
      certificate: at("certs/private/ca/root.pem"),
      key: at("certs/private/ca/root.key.pem"),
    };
    broker = await mosquitto(folder, [
      { certificate: server },
      { certificate: server, clientCA: authority },
      { psk: { identity: "dormouse-1", key: pskLine } },
    ]);
    [open, certified, shared] = broker.ports as [number, number, number];
    const shown = await command("pin", `localhost:${open}`, "--json");
    pins = (JSON.parse(shown) as { pins: { pin: string }[] }).pins.map(({ pin }) => pin);
    assert.equal(pins.length, 2);
    process.env.DORMOUSE_PSK = pskLine;
  });
  after(() => broker?.stop());

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
      process.env.DORMOUSE_PSK = pskLine;
    }
  });
});
