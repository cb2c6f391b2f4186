/**
 * Steps 2 to 4 of the page, in a real browser, with the device's machine behind its serial port: Wi-Fi, keys made on the
 * board, a certificate issued in the page, proofs, and the file that is downloaded.
 */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Fleet } from "../../backend/fleet/fleet.js";
import { readProvisionedFile } from "../../backend/fleet/provisioned-file.js";
import { takeIn } from "../../backend/fleet/take-in.js";
import { createAuthority } from "../../certs/pki/authority.js";
import { validFor } from "../../certs/pki/validity.js";
import { root } from "../../host-sim/paths.js";
import { encodeKid } from "../../lib/sealed/keys.js";
import { type Faults, findFaults } from "../host-sim/report/looks.js";
import { MachineBoard } from "../provisioning/machine-board.js";
import { type BenchPage, openBench } from "./bench-page.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-bench-"));
const passwords = { wifi: "acorns and nuts", wrong: "beechnuts-only", broker: "hibernaculum-77" };
const networks = [
  { ssid: "burrow", rssi: -48, secured: true, password: passwords.wifi },
  { ssid: "meadow", rssi: -80, secured: false, password: "" },
];

/** Everything that a board makes itself, and what is asked for. */
const profile = {
  schema: 1,
  device: { id: "vole-1" },
  wifi: { improv: true },
  broker: {
    host: "broker.example.org",
    username: "vole-1",
    password: "prompt",
    tls: { ca: "file:ca/root.pem", certificate: "issued" },
  },
  topics: { protection: "sign", signKey: "device" },
};

let page: BenchPage;
let board: MachineBoard;
let ca: Awaited<ReturnType<typeof createAuthority>>;

before(async () => {
  const validity = validFor(4000, Date.now());
  [page, ca] = await Promise.all([
    openBench(),
    createAuthority(folder, { name: "Test", root: validity, issuing: validity, replace: false }),
  ]);
  await page.browser.downloadTo(folder);
});

after(async () => {
  board?.close();
  await page?.close();
  rmSync(folder, { recursive: true, force: true });
});

function written(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function freshBoard(): Promise<void> {
  board?.close();
  board = new MachineBoard({ networks }, (bytes) => page.serial.send(bytes));
  board.chatter = [Buffer.from("log: something\r\n")];
  page.serial.connect(board);
  await page.reload();
  await page.click("choose");
  await page.until("document.getElementById('board').textContent.includes('firmware')");
}

async function joinWith(ssid: string, password: string): Promise<void> {
  await page.type("ssid", ssid);
  await page.type("wifi-password", password);
  await page.click("join");
  await page.until("!/tries/.test(document.getElementById('wifi-status').textContent)");
}

/** Picks the profile and all that it needs. */
async function fillIn(id = "vole-1"): Promise<void> {
  await page.pick("profile", [written("vole.json", JSON.stringify({ ...profile, device: { id } }))]);
  await page.until("!document.getElementById('needs').hidden");
  await page.pick("need-ca", [ca.root]);
  await page.pick("need-issuingCertificate", [ca.issuing]);
  await page.pick("need-issuingKey", [ca.issuingKey]);
  await page.type("need-brokerPassword", passwords.broker);
}

test("Wi-Fi by Improv: networks are shown, wrong credentials told, right ones kept and forgotten by the page", async () => {
  await freshBoard();
  assert.equal(await page.text("board"), "esp32c3, firmware 0.1.0, unprovisioned.");
  await page.click("scan");
  await page.until("document.getElementById('found').children.length > 0");
  assert.match(await page.text("found"), /^burrow -48 dBm\s+meadow -80 dBm, open$/);
  await joinWith("burrow", passwords.wrong);
  assert.match(await page.text("wifi-status"), /could not join/);
  await joinWith("burrow", passwords.wifi);
  assert.equal(await page.text("wifi-status"), "The board has joined burrow, and keeps it.");
  assert.equal(board.store.readText("wifi-password"), passwords.wifi);
  assert.equal(await page.is("wifi-password", "value"), "");
  assert.match(await page.text("log"), /^$|log: something/);
});

test("a profile's mistakes are shown with their remedies, and nothing can be done with it", async () => {
  await freshBoard();
  const wrong = { ...profile, broker: { ...profile.broker, prot: 1 }, cycle: { intervalSeconds: 0 } };
  await page.pick("profile", [written("wrong.json", JSON.stringify(wrong))]);
  await page.until("document.getElementById('mistakes').children.length === 2");
  assert.match(
    await page.text("mistakes"),
    /broker\.prot is no known setting\. Did you mean "port"\?\s+cycle\.intervalSeconds is smaller than 1/,
  );
  assert.equal(await page.is("needs", "hidden"), true);
});

test("keys are made on the board, its certificate in the page; it proves them, and the file has what receivers need", async () => {
  await freshBoard();
  await joinWith("burrow", passwords.wifi);
  await fillIn();
  await page.click("provision");
  await page.until(
    "document.getElementById('result-state').textContent === 'Verified' || document.getElementById('provision-status').classList.contains('wrong')",
    20_000,
  );
  assert.equal(await page.text("provision-status"), "");
  const facts = await page.text("facts");

  // What the board holds is judged by Node.
  const pem = Buffer.from(board.store.readBytes("tls-cert")!).toString();
  const certificate = new X509Certificate(pem);
  const tlsKey = createPrivateKey({
    key: Buffer.from(board.store.readBytes("tls-key")!),
    format: "der",
    type: "pkcs8",
  });
  assert.ok(certificate.verify(new X509Certificate(readFileSync(ca.issuing)).publicKey));
  assert.ok(certificate.checkPrivateKey(tlsKey));
  assert.equal(certificate.subject, "CN=vole-1");
  assert.equal(Buffer.from(board.store.readBytes("broker-password")!).toString(), passwords.broker);
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const kid = Buffer.from(encodeKid({ id: "vole-1", epoch: 0 })).toString("hex");
  for (const shown of [fingerprint, kid, certificate.serialNumber.toLowerCase(), "a0:b1:c2:d3:e4:f5"])
    assert.ok(facts.includes(shown), `${shown} is not in ${facts}`);
  assert.equal(board.restarts, 1);

  const path = join(folder, "vole-1.provisioned.json");
  await page.click("download");
  for (let tries = 0; !existsSync(path) && tries < 100; tries++) await wait(30);
  const file = JSON.parse(readFileSync(path, "utf8"));
  const record = Buffer.from(board.store.readBytes("record")!).toString("hex");
  assert.match(file.secret, /^[0-9a-f]{64}$/);
  assert.ok(record.includes(file.secret), "the file's secret is not the board's");
  assert.equal(new X509Certificate(file.certificate).fingerprint256, certificate.fingerprint256);
  const { secret, certificate: _, signPoint, at, profile: told, ...others } = file;
  assert.match(signPoint, /^04[0-9a-f]{128}$/);
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
  assert.equal(told.topics.readings, "sensors/vole-1/readings");
  assert.deepEqual(others, {
    format: "dormouse-provisioned-1",
    id: "vole-1",
    epoch: 0,
    mac: "a0b1c2d3e4f5",
    board: "esp32c3",
    firmware: "0.1.0",
    profileName: "vole.json",
  });

  const fleet = new Fleet(join(folder, "fleet"));
  const { row } = await takeIn(fleet, readProvisionedFile(readFileSync(path, "utf8")));
  fleet.close();
  assert.equal(row.kid, kid);
  assert.equal(row.certificate?.fingerprint, fingerprint);

  await keepsNoSecret([
    secret,
    passwords.wifi,
    passwords.broker,
    readFileSync(ca.issuingKey, "utf8").split("\n")[1]!,
  ]);
});

/** Neither in what is shown or typed, nor in an address, the browser's stores or its console. */
async function keepsNoSecret(secrets: readonly string[]): Promise<void> {
  const { requests, complaints, console } = page.browser.heard();
  assert.deepEqual(complaints, []);
  for (const request of requests)
    assert.ok(request.startsWith(page.url) || request.startsWith("blob:"), request);
  const held = await page.browser.evaluate<string>(`JSON.stringify([
    location.href, document.documentElement.outerHTML, document.cookie,
    [...document.querySelectorAll("input:not([type=file])")].map(({ value }) => value),
    { ...localStorage }, { ...sessionStorage }, history.state,
  ])`);
  for (const secret of secrets)
    for (const place of [held, ...console, ...requests])
      assert.ok(!place.includes(secret), place.slice(0, 200));
}

test("it is legible: in the light, in the dark, on a narrow window; and each control can be reached by the keyboard", async () => {
  for (const [name, view] of [
    ["light", { width: 1000 }],
    ["dark", { width: 1000, dark: true }],
    ["narrow", { width: 360 }],
    ["narrow-dark", { width: 360, dark: true }],
  ] as const) {
    await page.browser.look(view);
    const faults = await page.browser.evaluate<Faults>(findFaults);
    assert.deepEqual(faults, { cut: [], overlapping: [], pale: [], beside: [] }, name);
    if (process.env.DORMOUSE_PHOTOGRAPHS)
      writeFileSync(
        join(process.env.DORMOUSE_PHOTOGRAPHS, `bench-${name}.png`),
        await page.browser.photograph(),
      );
  }
  const wanted = await page.browser.evaluate<string[]>(
    `[...document.querySelectorAll("button, input, summary")].filter((one) => !one.disabled && one.checkVisibility()).map((one) => one.id || one.textContent)`,
  );
  await page.browser.evaluate("document.activeElement.blur(), scrollTo(0, 0)");
  const reached = new Set<string>();
  for (let tabs = 0; tabs < wanted.length + 4; tabs++) {
    await page.browser.press("Tab");
    reached.add(
      await page.browser.evaluate("document.activeElement.id || document.activeElement.textContent"),
    );
  }
  assert.deepEqual(
    wanted.filter((name) => !reached.has(name)),
    [],
  );
  const nameless = await page.browser.evaluate<string[]>(
    `[...document.querySelectorAll("input")].filter((one) => one.labels.length === 0).map((one) => one.id)`,
  );
  assert.deepEqual(nameless, []);
});

test("a board that is provisioned already is told from others, and refuses", async () => {
  board.boot();
  await page.reload();
  await page.click("choose");
  await page.until("document.getElementById('board').textContent.includes('firmware')");
  assert.equal(await page.text("board"), "esp32c3, firmware 0.1.0, locked, vole-1 of epoch 0.");
  await fillIn();
  assert.equal(await page.is("epoch", "value"), "1");
  await page.click("provision");
  await page.until("document.getElementById('provision-status').classList.contains('wrong')");
  assert.match(
    await page.text("provision-status"),
    /is provisioned as vole-1 \(epoch 0\) and locked: .*hold its button/,
  );
  assert.equal(await page.is("result", "hidden"), true);
});

test("what was picked wrongly is named by its setting, and the board is left as it was", async () => {
  await freshBoard();
  await joinWith("burrow", passwords.wifi);
  await fillIn();
  await page.pick("need-issuingKey", [ca.issuing]);
  await page.click("provision");
  await page.until("document.getElementById('provision-status').classList.contains('wrong')");
  assert.match(await page.text("provision-status"), /^the issuing CA's key is no private key in PEM or DER/);
  await page.pick("need-issuingKey", [ca.rootKey]);
  await page.type("need-brokerPassword", passwords.broker);
  await page.click("provision");
  await page.until(
    "/issuing CA's key does not belong to its certificate/.test(document.getElementById('provision-status').textContent)",
  );
  assert.ok(!board.store.keys().includes("record"));
});

test("a board that is unplugged in the midst of it is unprovisioned, and can be given everything again", async () => {
  await freshBoard();
  await joinWith("burrow", passwords.wifi);
  await fillIn();
  let left = 900;
  page.serial.connect({
    received: (bytes) => {
      left -= bytes.length;
      if (left > 0) board.received(bytes);
      else if (left + bytes.length > 0) void page.serial.unplug();
    },
  });
  await page.click("provision");
  await page.until("document.getElementById('provision-status').classList.contains('wrong')");
  assert.match(await page.text("provision-status"), /unplugged, or went away/);
  assert.ok(!board.store.keys().includes("record"));
  board.boot();
  page.serial.connect(board);
  await page.type("need-brokerPassword", passwords.broker);
  await page.click("provision");
  await page.until("document.getElementById('result-state').textContent === 'Verified'", 20_000);

  // Nobody has downloaded it yet.
  for (const goOn of [false, true]) {
    await page.browser.evaluate(
      `void (confirm = (question) => { globalThis.asked = question; return ${goOn}; })`,
    );
    await page.click("next");
    assert.match(await page.browser.evaluate("globalThis.asked"), /was not downloaded/);
    await page.until(`document.getElementById('result').hidden === ${goOn}`);
  }
  assert.equal(await page.text("board"), "None chosen yet.");
  assert.equal(await page.is("provision", "disabled"), true);
});

test("of a board that is gone before it has proved its keys the file stays, unproved, and is not left behind unasked", async () => {
  await freshBoard();
  await joinWith("burrow", passwords.wifi);
  await fillIn("vole-9");
  page.serial.connect({
    received: (bytes) => {
      board.received(bytes);
      if (board.store.keys().includes("record")) void page.serial.unplug();
    },
  });
  await page.click("provision");
  await page.until("document.getElementById('provision-status').classList.contains('wrong')", 20_000);
  assert.match(
    await page.text("provision-status"),
    /unplugged, or went away.*Keep the file below: the board may have its keys already/,
  );
  assert.equal(await page.is("result", "hidden"), false);
  assert.match(await page.text("result-title"), /Not verified yet/);
  assert.deepEqual([await page.is("proved", "hidden"), await page.is("unproved", "hidden")], [true, false]);
  assert.equal(await page.is("epoch", "value"), "1");
  const leaves = () =>
    page.browser.evaluate<boolean>(`dispatchEvent(new Event("beforeunload", { cancelable: true }))`);
  assert.equal(await leaves(), false);

  const path = join(folder, "vole-9.provisioned.json");
  await page.click("download");
  for (let tries = 0; !existsSync(path) && tries < 100; tries++) await wait(30);
  assert.equal(await leaves(), true);
  const file = readProvisionedFile(readFileSync(path, "utf8"));
  assert.equal(file.state, "unproved");
  const record = Buffer.from(board.store.readBytes("record")!).toString("hex");
  assert.ok(record.includes(file.secret), "the file's secret is not the board's");
});

test("the page's own policy holds: no text becomes a program, nothing is fetched from elsewhere", async () => {
  const html = readFileSync(join(root, "web/index.html"), "utf8");
  assert.doesNotMatch(html, /https?:\/\/(?!localhost)|unsafe-/);
  for (const attempt of ["eval('1')", "new Function('return 1')()"])
    assert.equal(
      await page.browser.evaluate(
        `(() => { try { ${attempt}; return "ran"; } catch (error) { return error.name; } })()`,
      ),
      "EvalError",
    );
  assert.equal(
    await page.browser.evaluate(`fetch("/page.css").then(() => "fetched", () => "refused")`),
    "refused",
  );
});
