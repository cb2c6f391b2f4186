/** `dormouse certs list` and `certs revoke`, and a real Mosquitto that is told of the list. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Fleet } from "../../backend/fleet/fleet.js";
import { openIssuing } from "../../certs/pki/authority.js";
import { certificateFacts } from "../../certs/pki/facts.js";
import { issueDevice } from "../../certs/pki/issue.js";
import { pem } from "../../certs/pki/pem.js";
import { validFor } from "../../certs/pki/validity.js";
import { env, freePort, listening, mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import type { Ran } from "./command.js";
import { inProcess } from "./in-process.js";
import { mosquittoClient } from "./mqtt-command.js";

describe("dormouse certs revoke", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-revoke-"));
  const serials = new Map<string, string>();
  let broker: ChildProcess;
  let port = 0;
  let log = "";

  const certs = ([word, ...words]: string[]): Promise<Ran> => {
    const where = words.includes("--dir") ? [] : ["--dir", join(folder, "certs/private")];
    const whose = word === "list" || word === "revoke" ? ["--fleet", join(folder, "fleet")] : [];
    return inProcess(["certs", word!, ...words, ...where, ...whose]);
  };
  async function done(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await certs([...words]);
    equal(code, 0, stderr);
    return stdout;
  }

  /** A board that was provisioned, with its certificate in the register. */
  async function provisioned(id: string): Promise<void> {
    const issuing = await openIssuing(join(folder, "certs/private"));
    const leaf = await issueDevice(issuing, id, validFor(30, Date.now()));
    writeFileSync(
      join(folder, `${id}.pem`),
      pem("CERTIFICATE", leaf.certificate) + pem("CERTIFICATE", issuing.certificate),
    );
    writeFileSync(join(folder, `${id}.key`), pem("PRIVATE KEY", leaf.key), { mode: 0o600 });
    const fleet = new Fleet(join(folder, "fleet"));
    const board = { mac: "a0b1c2d3e4f5", board: "esp32", firmware: "0", profile: "p" };
    const row = fleet.register.begin({ id, origin: "serial", ...board });
    const facts = await certificateFacts(leaf.certificate);
    fleet.register.issued(row, facts);
    fleet.register.complete(row);
    fleet.close();
    serials.set(id, facts.serial);
  }

  before(async () => {
    await done("init");
    await done("server", "localhost");
    await done("device", "by-hand");
    for (const id of ["stolen", "kept"]) await provisioned(id);
    port = await freePort();
    const ca = join(folder, "certs/private");
    const config = [
      `user ${userInfo().username}`,
      "log_type all",
      `listener ${port} 127.0.0.1`,
      `certfile ${ca}/servers/localhost/chain.pem`,
      `keyfile ${ca}/servers/localhost/key.pem`,
      `cafile ${ca}/ca/root.pem`,
      `crlfile ${ca}/ca/crl.pem`,
      "require_certificate true",
      "use_identity_as_username true",
      "",
    ].join("\n");
    writeFileSync(join(folder, "mosquitto.conf"), config);
    broker = spawn("mosquitto", ["-c", join(folder, "mosquitto.conf")], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    broker.stderr!.on("data", (data) => {
      log += data;
    });
    await listening(port, broker, () => log);
  });
  after(async () => {
    broker.kill();
    await once(broker, "close");
    rmSync(folder, { recursive: true, force: true });
  });

  /** Whether the broker lets the board in. */
  async function enters(id: string): Promise<boolean> {
    const ca = join(folder, "certs/private/ca/root.pem");
    const own = ["--cert", join(folder, `${id}.pem`), "--key", join(folder, `${id}.key`)];
    const to = ["-h", "localhost", "-p", `${port}`, "--cafile", ca, ...own, "-t", "t", "-q", "1", "-m", "x"];
    const { code } = await mosquittoClient("pub", to).ended;
    return code === 0;
  }

  const listed = async () =>
    (await done("list", "--json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));

  test("the list shows each device's certificate once, of the register and of the folder", async () => {
    const rows = await listed();
    deepEqual(
      rows.map(({ id, epoch, mac, revoked }) => [id, epoch, mac, revoked]),
      [
        ["by-hand", null, "", null],
        ["kept", 0, "a0b1c2d3e4f5", null],
        ["stolen", 0, "a0b1c2d3e4f5", null],
      ],
    );
    equal(rows[2].serial, serials.get("stolen"));
    const text = await done("list");
    match(text, /^DEVICE +EPOCH +MAC +SERIAL +UNTIL +STATE\n/);
    match(
      text,
      new RegExp(`^kept +0 +a0b1c2d3e4f5 +${serials.get("kept")} +20\\d\\d-\\d\\d-\\d\\d +valid$`, "m"),
    );
  });

  test("Mosquitto lets a board in until its certificates are revoked, and the others after that too", async () => {
    deepEqual([await enters("stolen"), await enters("kept")], [true, true]);
    const told = JSON.parse(await done("revoke", "stolen", "--json"));
    deepEqual([told.id, told.serials, told.revoked], ["stolen", [serials.get("stolen")], 1]);
    broker.kill("SIGHUP");
    deepEqual([await enters("stolen"), await enters("kept")], [false, true]);
    match(log, /certificate verify failed|revoked/i);
    const first = told.number;
    const again = JSON.parse(await done("revoke", "by-hand", "--json"));
    ok(again.number > first, `${again.number} > ${first}`);
    equal(again.revoked, 2);
    broker.kill("SIGHUP");
    deepEqual([await enters("stolen"), await enters("kept")], [false, true]);
    deepEqual(
      (await listed()).map(({ id, revoked }) => [id, revoked !== null]),
      [
        ["by-hand", true],
        ["kept", false],
        ["stolen", true],
      ],
    );
  });

  test("a list that was lost is made again of what the register knows", async () => {
    rmSync(join(folder, "certs/private/ca/crl.pem"));
    await provisioned("late");
    equal(JSON.parse(await done("revoke", "late", "--json")).revoked, 2);
    match(await done("list"), /^stolen .*revoked/m);
  });

  test("another authority's certificates are neither listed nor revoked here", async () => {
    const fleet = new Fleet(join(folder, "fleet"));
    const row = fleet.begin({
      id: "foreign",
      origin: "serial",
      mac: "",
      board: "",
      firmware: "",
      profile: "",
    });
    const facts = {
      serial: "4a",
      fingerprint: "",
      notAfterMs: Date.now() + 1e9,
      issuer: "ab".repeat(20),
      point: null,
    };
    fleet.register.issued(row, facts);
    fleet.close();
    ok(!(await listed()).some(({ id }) => id === "foreign"));
    match((await certs(["revoke", "foreign"])).stderr, /no certificate of foreign/);
  });

  test("a device that nobody knows of, and an authority that is none", async () => {
    const before = readFileSync(join(folder, "certs/private/ca/crl.pem"), "utf8");
    for (const [words, code, why] of [
      [
        ["revoke", "nobody"],
        1,
        /^dormouse: no certificate of nobody by the authority in .*certs\/private is known/,
      ],
      [["revoke", "../x"], 2, /is no device id/],
      [["revoke", "kept", "--dir", "elsewhere"], 1, /no certificate authority in elsewhere/],
      [["list", "--dir", "elsewhere"], 1, /no certificate authority in elsewhere/],
    ] as const) {
      const ran = await certs([...words]);
      equal(ran.code, code, ran.stderr);
      match(ran.stderr, why);
    }
    equal(readFileSync(join(folder, "certs/private/ca/crl.pem"), "utf8"), before);
  });
});
