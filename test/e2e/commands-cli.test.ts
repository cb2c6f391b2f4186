/** `dormouse command` and the firmware: each is right about what the other says, the challenge and the operator included. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pem } from "../../certs/pki/pem.js";
import type { CommandSettings } from "../../lib/store/protection.js";
import { dormouse } from "../cli/command.js";
import { CommandScene, p256, stamped } from "./commands-scene.js";
import { Broker } from "./mqtt-broker.js";
import { mosquittoMissing } from "./mqtt-mosquitto.js";

/** Asked for in the second wake; a sender that is quick has sent it again before that is over. */
function sentAgain(commands: readonly string[], done: string): void {
  const [first, second] = commands;
  equal(first, "2  challenge");
  ok(second === `2 ${done}` || second === `3 ${done}`, second);
  equal(commands.length, 2);
}

const skip = mosquittoMissing() ?? false;
/** Whatever the command's client is called, it is not the device, the judge or the test. */
const fromClient = "Received PUBLISH from dormouse-";

describe("dormouse command", { skip, timeout: 120_000 }, () => {
  const broker = new Broker();
  before(() => broker.start());
  after(() => broker.stop());

  async function answered(
    scene: CommandScene,
    board: "esp32c3" | "esp8266",
    words: readonly string[],
    more: readonly string[] = [],
  ) {
    const { id, base, settings } = scene;
    const keyring = broker.file(
      `${id}.keyring`,
      JSON.stringify({
        schema: 1,
        keys: [
          {
            device: id,
            epoch: 0,
            secret: Buffer.from(scene.secret).toString("hex"),
            topics: { [`${base}/result`]: "stamp" },
          },
        ],
      }),
    );
    const how = ["--protection", settings.protection, "--algorithm", settings.algorithm];
    const where = ["-h", "127.0.0.1", "-p", `${broker.port}`, "--keyring", keyring, "--sender", "ops"];
    const before = broker.log.split(fromClient).length - 1;
    let ran: ReturnType<typeof dormouse> | undefined;
    const { commands, errors } = await scene.wakes({
      board,
      cycles: 4,
      disturbance: scene.pauses(
        () => {
          ran = dormouse(["command", id, ...words, "--wait", "25s", ...how, ...where, ...more]);
          return broker.inLog(fromClient, before + 1);
        },
        () => broker.inLog(fromClient, before + 2),
        async () => {
          await ran;
        },
      ),
    });
    deepEqual(errors, []);
    return { ...(await ran!), commands: commands.map((line) => line.replace(/ ops \d+ /, " ")) };
  }

  for (const board of ["esp32c3", "esp8266"] as const)
    for (const settings of [
      stamped,
      { protection: "seal", algorithm: "chacha20-poly1305", controllers: ["ops"] },
    ] satisfies CommandSettings[])
      test(`${board}, ${settings.protection}: asked for the challenge it sends again, and has its answer`, async (t) => {
        const scene = await CommandScene.open(broker, `x-${board}-${settings.protection}`, settings);
        t.after(() => scene.close());
        const { code, stdout, commands } = await answered(scene, board, ["read", "temperature"]);
        sentAgain(commands, "read done");
        match(stdout, /^done: \d+(\.\d+)?\n$/);
        equal(code, 0);
      });

  test("with the operator's key it is let in where only that will do", async (t) => {
    const { der, point } = p256();
    const operator = { kid: "plant", key: point };
    const scene = await CommandScene.open(broker, "x-operator", { ...stamped, operator, onlySigned: true });
    t.after(() => scene.close());
    const key = broker.file("operator.pem", pem("PRIVATE KEY", der));
    const signed = ["--operator-key", `file:${key}`, "--operator-kid", "plant"];
    const { code, commands } = await answered(scene, "esp32c3", ["identify"], signed);
    sentAgain(commands, "identify done");
    equal(code, 0);
  });
});
