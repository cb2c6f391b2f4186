/**
 * Each profile of profiles/, from a board without identity to a message that a receiver verifies: `npm run sim --
 * --unprovisioned`, `dormouse provision --port sim:NAME`, a Mosquitto that wants what the profile says, and
 * `dormouse listen --fleet`, which learns of each board while it runs. And the same over lines that are bad, and cables
 * that are pulled; and no secret anywhere where it does not belong.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";
import { type Listener, ProvisioningScene, type Ran, type Started, secrets } from "./provisioning-scene.js";
import { Watch } from "./provisioning-watch.js";

interface Case {
  readonly listener: Listener;
  /** How messages are protected. */
  readonly protection: string;
  /** What the board makes itself. */
  readonly made?: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  batched: { listener: "tls", protection: "stamp" },
  "external-broker": { listener: "password", protection: "stamp" },
  greenhouse: { listener: "certificate", protection: "seal", made: ["tls-key"] },
  "mains-powered": { listener: "tls", protection: "stamp" },
  "mutual-tls": { listener: "certificate", protection: "stamp" },
  pinned: { listener: "password", protection: "stamp" },
  psk: { listener: "psk", protection: "stamp" },
  "sealed-to": { listener: "password", protection: "sealTo" },
  sealed: { listener: "open", protection: "seal" },
  signed: { listener: "tls", protection: "sign", made: ["sign-key"] },
  simulator: { listener: "tls", protection: "stamp" },
};

/**
 * Bytes of a session, either way, of some 1,700: in what is written, and around the commit. test/provisioning/unplugged does it at
 * each byte.
 */
const cuts = process.env.DORMOUSE_LONG ? Array.from({ length: 17 }, (_, i) => 100 * i + 57) : [1000, 1600];

/** sealed.json has a short name for its device, which stands for that one alone. */
const idOf = (name: string) => (name === "sealed" ? "dormouse-1" : `${name}-1`);

describe("boards that had nothing", { skip: mosquittoMissing() ?? false }, () => {
  const scene = new ProvisioningScene();
  const watch = new Watch();
  let listener: Started;
  let pins: string[];

  before(async () => {
    const users = Object.keys(cases).filter((name) => cases[name]!.listener === "password");
    await scene.start(users.map(idOf), [idOf("psk")], [idOf("mutual-tls")]);
    scene.signKey(idOf("sealed-to"));
    watch.start(scene.at("tmp"));
    for (const [what, secret] of Object.entries(secrets)) watch.know(what, secret);
    watch.know("psk's bytes", Buffer.from(secrets.psk, "hex"));
    const shown = await scene.dormouse(["pin", `localhost:${scene.ports.tls}`, "--json"]).ended;
    pins = (JSON.parse(shown.stdout) as { pins: { pin: string }[] }).pins.map(({ pin }) => pin);
    const words = [
      "listen",
      "-p",
      `${scene.ports.open}`,
      "-t",
      "#",
      "--fleet",
      "fleet",
      "--format",
      "json",
      "-d",
    ];
    listener = scene.dormouse(words);
    await listener.says(/received SUBACK/);
  });
  after(async () => {
    watch.stop();
    await scene.stop();
  });

  function profileOf(name: string): string {
    const ca = { ca: "file:../certs/private/ca/root.pem" };
    const trust = { pinned: { pins }, psk: {} }[name] ?? ca;
    return scene.profile(name, cases[name]!.listener, trust);
  }

  function provision(port: string, id: string, profile: string, ...words: readonly string[]): Promise<Ran> {
    const what = ["provision", "--port", `sim:${port}`, "--profile", profile, "--id", id, ...words];
    return scene.dormouse(what, {
      input: `${secrets.wifi}\n`,
      variables: {
        DORMOUSE_WIFI_PASSWORD: secrets.wifi,
        DORMOUSE_BROKER_PASSWORD: secrets.broker,
        DORMOUSE_PSK: secrets.psk,
      },
    }).ended;
  }

  /** The first message of this device is verified; and there is none that is not. */
  async function isReceived(id: string, protection: string): Promise<void> {
    await listener.says(
      new RegExp(`"verdict":"fresh","topic":"[^"]*","sender":"${id}"[^\\n]*"protection":"${protection}"`),
    );
    assert.doesNotMatch(listener.text, /dormouse: (bad|conflict|stale|unauthenticated)/);
  }

  /** After three wakes, if a busy machine lets it miss the first; of one that stays awake after its first round. */
  async function leaves(board: Started): Promise<void> {
    const { code, stdout, stderr } = await board.ended;
    assert.equal(code, 0, stdout + stderr);
  }

  describe("side by side", { concurrency: 4 }, () => {
    for (const [name, { listener: wants, protection, made = [] }] of Object.entries(cases))
      test(`${name}.json`, async () => {
        const id = idOf(name);
        const board = await scene.board(name, "--cycles", name === "mains-powered" ? "1" : "3");
        const { code, stdout, stderr } = await provision(name, id, profileOf(name), "--json");
        assert.equal(code, 0, stdout + stderr);
        const done = JSON.parse(stdout.trim().split("\n").at(-1)!);
        assert.deepEqual([done.event, done.id, done.made], ["provisioned", id, made]);
        await isReceived(id, protection);
        await leaves(board);
        const known = wants === "open" || wants === "tls" ? "" : id;
        assert.match(
          scene.brokerLog,
          new RegExp(`connected from \\S+ as ${id} \\(.*${known && `u'${known}'`}`),
        );
      });

    for (const cutAfter of cuts)
      test(`unplugged after ${cutAfter} bytes, and provisioned again: complete or nothing, never half`, async () => {
        const id = `cut-${cutAfter}`;
        const profile = profileOf("simulator");
        const board = await scene.board(id, "--cycles", "3", "--line", `cut=${cutAfter}`);
        const first = await provision(id, id, profile);
        assert.equal(first.code, 1, first.stdout + first.stderr);
        assert.match(first.stderr, new RegExp(`(^|\\n)dormouse: sim:${id}(:| is not there:) [^\\n]*\\n$`));
        board.child.stdin.write("plug\n");
        const info = await scene.dormouse(["info", "--port", `sim:${id}`, "--wait", "10s", "--json"]).ended;
        assert.match(info.stdout, /"state":"(unprovisioned|staging|locked)"/, info.stderr);
        const again = await provision(id, id, profile, "--wait", "10s");
        assert.equal(again.code, 0, again.stdout + again.stderr);
        await isReceived(id, "stamp");
        await leaves(board);
      });

    test("a line that changes, loses, repeats and delays bytes, and log lines on it", async () => {
      const board = await scene.board(
        "noisy",
        "--cycles",
        "1",
        "--line",
        "noise=0.05%,loss=0.05%,repeat=0.05%,single",
      );
      const { code, stdout, stderr } = await provision("noisy", "noisy", profileOf("simulator"), "--verbose");
      assert.equal(code, 0, stdout + stderr);
      await isReceived("noisy", "stamp");
      await leaves(board);
    });
  });

  test("no secret is said, is an argument, or lies where others may read it", () => {
    const given = [
      "devices/mutual-tls-1/key.pem",
      "sealed-to-1.sign.key",
      "plant-7.key",
      "ca/issuing.key.pem",
    ];
    for (const path of given) {
      const key = createPrivateKey(readFileSync(scene.at(`certs/private/${path}`)));
      watch.know(path, Buffer.from(key.export({ format: "jwk" }).d!, "base64url"));
    }
    // What the boards have made, and were given, was seen in their flash.
    for (const what of ["greenhouse-1 tls-key", "signed-1 sign-key", "psk-1 secret", "noisy secret"])
      assert.ok(watch.secrets.has(what), what);
    assert.deepEqual(watch.findings(scene.said), []);
    assert.deepEqual(watch.openFiles(scene.folder), []);
    for (const name of readdirSync(scene.at("fleet")).filter((file) => file !== ".gitignore"))
      assert.equal(statSync(scene.at(`fleet/${name}`)).mode & 0o777, 0o600, name);
  });

  test("there is a case for each profile", () => {
    const names = readdirSync(join(root, "profiles")).filter((file) => file !== "dormouse.schema.json");
    assert.deepEqual(names.map((file) => file.slice(0, -".json".length)).sort(), Object.keys(cases).sort());
  });
});
