/**
 * docs/profile.md, "Authentication to the broker", step by step: a password file with what `dormouse keys password`
 * prints, a Mosquitto that knows nobody else, and a simulated device that gets in by its secret.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Disturbance } from "../../host-sim/disturbance.js";
import { build, root } from "../../host-sim/paths.js";
import { encodeDeviceRecord } from "../../lib/store/device-record.js";
import { dormouse } from "../cli/command.js";
import { env, freePort, listening, mosquittoMissing } from "./mqtt-mosquitto.js";
import { only, run } from "./run.js";

const folder = mkdtempSync(join(tmpdir(), "dormouse-password-file-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (path: string) => join(folder, path);

async function command(...words: string[]): Promise<string> {
  const ran = await dormouse(words, { cwd: folder });
  assert.deepEqual([ran.code, ran.stderr], [0, ""], words.join(" "));
  return ran.stdout;
}

/** The blocks of the section, with localhost as the broker. */
function documented(): string[] {
  const page = readFileSync(join(root, "docs/profile.md"), "utf8").replaceAll(
    "broker.example.org",
    "localhost",
  );
  const text = page.split("\n## ").find((part) => part.startsWith("Authentication to the broker"));
  return [...text!.matchAll(/```\n([^`]*)```/g)].map(([, block]) => block!);
}

function inShell(commands: string): void {
  const main = `${process.execPath} ${join(build, "js/cli/main.js")}`;
  execFileSync("sh", ["-ec", commands.replaceAll("npx dormouse", main)], { cwd: folder, env });
}

function profile(name: string, broker: object): string {
  const written = {
    schema: 1,
    device: { id: "dormouse-1" },
    wifi: { ssid: "burrow" },
    broker: { host: "localhost", tls: { ca: "file:certs/private/ca/root.pem" }, ...broker },
  };
  writeFileSync(at(name), JSON.stringify(written));
  return at(name);
}

describe("a password that is derived, at Mosquitto", { skip: mosquittoMissing() ?? false }, () => {
  const [makePassword, conf, runSim, makeKey] = documented() as [string, string, string, string];
  let broker: ChildProcess;
  let log = "";
  let port: number;
  before(async () => {
    await command("certs", "init");
    await command("certs", "server", "localhost");
    inShell(makePassword);
    port = await freePort();
    const own = `user ${userInfo().username}\nlog_type all\nlistener ${port} 127.0.0.1`;
    writeFileSync(at("mosquitto.conf"), conf.replace("listener 8883", own));
    broker = spawn("mosquitto", ["-c", at("mosquitto.conf")], {
      cwd: folder,
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    broker.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    await listening(port, broker, () => log);
  });
  after(async () => {
    if (!broker || broker.exitCode !== null) return;
    broker.kill("SIGTERM");
    await once(broker, "close");
  });

  test("the password stands in the file as a hash alone, readable by its owner alone", async () => {
    const printed = await command(
      "keys",
      "password",
      "--device",
      "dormouse-1",
      "--secret",
      "file:dormouse-1.secret",
    );
    assert.match(printed, /^[\w-]{43}\n$/);
    const stored = readFileSync(at("password_file"), "utf8");
    assert.match(stored, /^dormouse-1:\$\d\$/);
    assert.ok(!stored.includes(printed.trim()));
    const modes = execFileSync("stat", ["-c", "%a", "password_file", "dormouse-1.secret"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(modes, "600\n600\n");
  });

  test("the device of that secret gets in, as the page runs it", async () => {
    profile("mine.json", { password: "derived", clientIdPrefix: "cellar-" });
    const words = runSim.trim().replace("localhost:8883", `localhost:${port}`).split(" ");
    assert.deepEqual(words.slice(0, 4), ["npm", "run", "sim", "--"]);
    const ran = await dormouse(["sim", "--json", ...words.slice(4)], { cwd: folder });
    assert.equal(ran.code, 0, ran.stderr);
    const summary = JSON.parse(ran.stdout.trim().split("\n").at(-1)!);
    assert.deepEqual([summary.event, summary.published, summary.verified], ["summary", 3, 3]);
    assert.match(log, /as cellar-dormouse-1 \(.*u'dormouse-1'\)/);
  });

  const flags = () => ({
    cycles: "1",
    board: "esp32c3",
    profile: profile("derived.json", { password: "derived", clientIdPrefix: "cellar-" }),
    broker: `mqtts://localhost:${port}`,
    secret: `file:${at("dormouse-1.secret")}`,
  });

  async function refused(disturbance: Disturbance, codes: readonly number[]): Promise<void> {
    const { events } = await run(flags(), undefined, { disturbance });
    const [error, ...others] = only(events, "error");
    assert.deepEqual([error?.kind, others], ["broker-refused", []]);
    assert.ok(codes.includes(error!.code), `${error!.code}`);
    assert.deepEqual(only(events, "received"), []);
  }

  test("a device of another secret is refused", () =>
    refused(
      {
        flash: (written) =>
          written.map((entry) =>
            entry.key === "record" && entry.type === "buffer"
              ? {
                  ...entry,
                  value: encodeDeviceRecord(randomBytes(32), {
                    epoch: 0,
                    reservedEnd: 0,
                    fromFactory: false,
                  }),
                }
              : entry,
          ),
      },
      [0x86, 0x87],
    ));

  test("and so is one of another epoch of that secret", () =>
    refused(
      {
        flash: (written) =>
          written.map((entry) =>
            entry.key === "record" && entry.type === "buffer"
              ? {
                  ...entry,
                  value: encodeDeviceRecord(secretOf("dormouse-1.secret"), {
                    epoch: 1,
                    reservedEnd: 0,
                    fromFactory: false,
                  }),
                }
              : entry,
          ),
      },
      [0x86, 0x87],
    ));

  test("clientid_prefixes turns a device away that has not the prefix", () =>
    refused(
      {
        provisioned: (right) => {
          const { clientIdPrefix: _, ...broker } = right.profile.broker;
          return { ...right, profile: { ...right.profile, broker } };
        },
      },
      [0x85, 0x86, 0x87],
    ));

  test("with the same secret again counting goes on beyond what was used", async () => {
    const counters: number[] = [];
    for (const _ of [1, 2]) {
      const { events, tally } = await run({ ...flags(), cycles: "2" });
      assert.ok(tally.success);
      counters.push(...only(events, "sent").map(({ counter }) => counter));
    }
    assert.equal(new Set(counters).size, 4, `${counters}`);
    assert.deepEqual(
      counters,
      [...counters].sort((a, b) => a - b),
    );
  });

  test("the page's ES256 key is one that a device takes", async () => {
    inShell(makeKey);
    const token = { algorithm: "ES256", key: "file:token.key" };
    writeFileSync(
      at("token.json"),
      JSON.stringify({
        schema: 1,
        device: { id: "d" },
        wifi: { ssid: "s" },
        broker: { host: "broker.dormouse.test", jwt: token },
        mqtt: { version: "3.1.1" },
      }),
    );
    await command("sim", "--cycles", "1", "--profile", "token.json");
  });
});

function secretOf(name: string): Uint8Array {
  return Buffer.from(readFileSync(at(name), "utf8").trim(), "hex");
}
