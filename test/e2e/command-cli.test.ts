/** `dormouse command` and the firmware, with a Mosquitto between: from the shell to `onCommand` and back. */
import { deepEqual, equal, match } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { nodeCrypto } from "../../backend/node-crypto.js";
import type { CommandSettings } from "../../lib/store/protection.js";
import { type Running, startDormouse } from "../cli/mqtt-command.js";
import { CommandScene, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

describe("dormouse command", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  /** The command for the scene's device; its clock is days ahead after some wakes. */
  function start(scene: CommandScene, ...words: string[]): Running {
    const keyring = join(broker.folder, `${scene.id}.keyring`);
    const topics = { [scene.resultTopic]: "stamp" };
    const secret = Buffer.from(scene.secret).toString("hex");
    const keys = [{ device: scene.id, epoch: 0, secret, topics }];
    writeFileSync(keyring, JSON.stringify({ schema: 1, keys }), { mode: 0o600 });
    const common = ["-p", `${broker.port}`, "--keyring", keyring, "--sender", "ops", "--expires", "9d"];
    return startDormouse(["command", scene.id, ...words, ...common, "--wait", "60s"]);
  }

  const sealed: CommandSettings = {
    protection: "seal",
    algorithm: "chacha20-poly1305",
    controllers: ["night-shift", "ops"],
  };

  for (const settings of [stamped, sealed])
    test(`${settings.algorithm}: sent while the device sleeps, sent again with its challenge, answered`, async (t) => {
      const scene = await CommandScene.open(broker, `cli-${settings.algorithm}`, settings);
      t.after(() => scene.close());
      const algorithm = ["--algorithm", settings.algorithm];
      let read: Running | undefined;
      let fly: Running | undefined;
      t.after(() => read?.process.kill("SIGKILL"));
      const { errors, commands } = await scene.wakes({
        cycles: 4,
        disturbance: scene.pauses(
          async () => {
            read = start(scene, "read", "temperature", ...algorithm);
            await read.says("is with the broker");
            // On a fast machine it would hear the challenge, and answer it, while the device is still awake.
            read.process.kill("SIGSTOP");
          },
          async () => {
            read!.process.kill("SIGCONT");
            await read!.says("sent again");
            await read!.says("is with the broker", 2);
          },
          async () => {
            const { code, stdout, stderr } = await read!.ended;
            equal(code, 0, stderr);
            match(stdout, /^done: -?\d+(\.\d+)?\n$/);
            fly = start(scene, "fly", ...algorithm);
            await fly.says("is with the broker");
          },
        ),
      });
      deepEqual(errors, []);
      const told = commands.map((line) => line.replace(/ \d{6,} /, " "));
      deepEqual(told, ["2 ops  challenge", "3 ops read done", "4 ops fly unknown"]);
      const { code, stdout, stderr } = await fly!.ended;
      deepEqual([code, stdout], [1, ""]);
      match(stderr, /unknown; its firmware has no command of that name\n$/);
    });

  test("the operator's signature is asked for by the firmware, and taken when it is the right one", async (t) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const agreement = nodeCrypto.importAgreementKey(privateKey.export({ type: "pkcs8", format: "der" }));
    const point = Buffer.from(nodeCrypto.agreementPoint(agreement)).toString("base64url");
    agreement.close();
    const pem = join(broker.folder, "operator.pem");
    writeFileSync(pem, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    const settings = { ...stamped, operator: { kid: "ops-1", key: point }, onlySigned: true } as const;
    const scene = await CommandScene.open(broker, "cli-operator", settings);
    t.after(() => scene.close());
    const signed = ["--operator-key", `file:${pem}`, "--operator-kid", "ops-1"];
    let plain: Running | undefined;
    let right: Running | undefined;
    const { acts, errors } = await scene.wakes({
      cycles: 3,
      disturbance: scene.pauses(
        async () => {
          plain = start(scene, "identify");
          right = start(scene, "identify", ...signed);
          for (const running of [plain, right]) await running.says("is with the broker");
        },
        async () => {
          await right!.says("sent again");
          await right!.says("is with the broker", 2);
        },
      ),
    });
    deepEqual(errors, []);
    equal(acts, 1);
    const { code, stderr } = await plain!.ended;
    equal(code, 1);
    match(stderr, /unauthorised; it wants the operator's signature/);
    const done = await right!.ended;
    deepEqual([done.code, done.stdout], [0, "done: true\n"], done.stderr);
  });
});
