/**
 * A simulated board, its firmware in XS, at its serial port: first npm's Improv SDK talks to it, then the page gives it
 * Wi-Fi, identity and keys; it publishes to Mosquitto with the certificate that the page issued, and `dormouse listen`
 * believes it by what `dormouse fleet import` took in. The line delivers byte by byte.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type AuthorityFiles, createAuthority, createServer } from "../../certs/pki/authority.js";
import { validFor } from "../../certs/pki/validity.js";
import { type OpenPort, openPort } from "../../cli/provision/serial-port.js";
import { ProvisioningClient } from "../../lib/provisioning/client.js";
import { dormouse } from "../cli/command.js";
import { TlsMosquitto } from "../e2e/tls-mosquitto.js";
import { improvSerial } from "../provisioning/improv-sdk.js";
import { SimulatedBoard } from "../provisioning/simulated-board.js";
import { type BenchPage, openBench } from "./bench-page.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-browser-"));
const password = "acorns and nuts";
let board: SimulatedBoard;
let mosquitto: TlsMosquitto<"devices">;
let ca: AuthorityFiles;
let page: Promise<BenchPage>;

before(async () => {
  const validity = validFor(4000, Date.now());
  ca = await createAuthority(folder, { name: "Test", root: validity, issuing: validity, replace: false });
  const names = [{ type: "dns", value: "localhost" }] as const;
  const server = await createServer(folder, { names, validity: validFor(300, Date.now()), replace: false });
  mosquitto = new TlsMosquitto({
    devices: { chainPem: text(server.chain), keyPem: text(server.key), deviceCaPem: text(ca.root) },
  });
  // The one network in the air.
  const air = {
    schema: 1,
    device: { id: "d" },
    wifi: { ssid: "burrow", password: "env:AIR" },
    broker: { host: "b" },
  };
  const words = [
    "--profile",
    written("air.json", air),
    "--cycles",
    "100",
    "--realtime",
    "--board",
    "esp32c3",
  ];
  board = await SimulatedBoard.start([...words, "--line", "single"], { AIR: password });
  process.env.TMPDIR = board.folder;
  await mosquitto.start();
});

after(async () => {
  await board?.stop();
  await (await page)?.close();
  await mosquitto?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function text(path: string): string {
  return readFileSync(path, "utf8");
}

function written(name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

test("the Improv SDK: info, scan, state, wrong credentials, right ones; requests of ours between", async () => {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
  });
  const received = (bytes: Uint8Array) => {
    controller.enqueue(bytes.slice());
    client.received(bytes);
  };
  const port = await openPort(board.port, 115_200, { received, gone: () => {} });
  const client = new ProvisioningClient(
    {
      send: (bytes) => port.send(bytes),
      nowMs: () => performance.now(),
      after: (ms, wake) => {
        const timer = setTimeout(wake, ms);
        return () => clearTimeout(timer);
      },
    },
    7,
  );
  try {
    assert.equal((await client.hello()).state, "unprovisioned");
    const writable = new WritableStream<Uint8Array>({ write: (bytes) => port.send(bytes) });
    const { improv, log } = await improvSerial({ readable, writable });
    const info = await improv.initialize(5_000);
    assert.equal(info?.firmware, "Dormouse");
    assert.equal(info?.chipFamily, "esp32c3");
    assert.match(info?.name ?? "", /^dormouse-[0-9a-f]{6}$/);
    assert.equal(improv.state, 2);
    const [scanned, hello] = await Promise.all([improv.scan(10_000), client.hello()]);
    assert.deepEqual(
      scanned.map(({ name, secured }) => ({ name, secured })),
      [{ name: "burrow", secured: true }],
    );
    assert.equal(hello.wifiSsid, undefined);
    const wrong = improv.provision("burrow", "beechnuts only", 30_000);
    // It takes the board's radio its time; a browser starts meanwhile.
    page = openBench();
    await assert.rejects(wrong, (why) => why === "UNABLE_TO_CONNECT");
    assert.equal((await client.hello()).wifiSsid, undefined);
    await improv.provision("burrow", password, 30_000);
    await improv.requestCurrentState(5_000);
    assert.equal(improv.state, 4);
    assert.equal((await client.hello()).wifiSsid, "burrow");
    assert.deepEqual(log.errors, []);
    await improv.close();
  } finally {
    client.lost();
    await port.close();
  }
});

test("the page: from a board without identity to a reading that is verified", async () => {
  const bench = await page;
  const { serial, browser } = bench;
  let port: OpenPort | undefined;
  try {
    port = await openPort(board.port, 115_200, { received: (bytes) => serial.send(bytes), gone: () => {} });
    serial.connect({ received: (bytes) => port!.send(bytes) });
    await browser.downloadTo(folder);
    await bench.reload();
    await bench.click("choose");
    await bench.until("document.getElementById('board').textContent.includes('unprovisioned')", 10_000);
    await bench.type("ssid", "burrow");
    await bench.type("wifi-password", password);
    await bench.click("join");
    await bench.until("document.getElementById('wifi-status').textContent.includes('has joined')", 20_000);
    const { devices } = mosquitto.ports;
    const profile = {
      schema: 1,
      device: { id: "vole-1" },
      wifi: { improv: true },
      broker: { host: "localhost", port: devices, tls: { ca: "file:ca/root.pem", certificate: "issued" } },
      topics: { protection: "sign" },
      // Often enough for a listener that comes later.
      cycle: { intervalSeconds: 1 },
    };
    await bench.pick("profile", [written("vole.json", profile)]);
    await bench.until("!document.getElementById('needs').hidden");
    await bench.pick("need-ca", [ca.root]);
    await bench.pick("need-issuingCertificate", [ca.issuing]);
    await bench.pick("need-issuingKey", [ca.issuingKey]);
    await bench.click("provision");
    await bench.until(
      "document.getElementById('result-state').textContent === 'Verified' || document.getElementById('provision-status').classList.contains('wrong')",
      40_000,
    );
    assert.equal(await bench.text("provision-status"), "");

    await bench.click("download");
    const file = join(folder, "vole-1.provisioned.json");
    for (let tries = 0; !existsSync(file) && tries < 100; tries++) await wait(30);
    chmodSync(file, 0o600);
    const fleet = join(folder, "fleet");
    const taken = await dormouse(["fleet", "import", file, "--fleet", fleet]);
    assert.equal(taken.code, 0, taken.stderr);
    const broker = ["-h", "localhost", "-p", String(mosquitto.openPort)];
    const heard = await dormouse([
      "listen",
      "--fleet",
      fleet,
      ...broker,
      "--format",
      "json",
      "-C",
      "1",
      "-W",
      "20",
    ]);
    assert.equal(heard.code, 0, heard.stderr);
    const { verdict, sender, protection } = JSON.parse(heard.stdout.split("\n")[0]!);
    assert.deepEqual(
      { verdict, sender, protection },
      { verdict: "fresh", sender: "vole-1", protection: "sign" },
    );
    const { secret } = JSON.parse(text(file));
    const said = [
      ...board.notes,
      JSON.stringify(board.events),
      taken.stdout,
      taken.stderr,
      heard.stdout,
      heard.stderr,
    ];
    for (const line of [...said, await bench.text("log")])
      for (const hidden of [secret, "acorns", "beechnuts"])
        assert.ok(!line.includes(hidden), line.slice(0, 200));
  } finally {
    await port?.close();
  }
});
