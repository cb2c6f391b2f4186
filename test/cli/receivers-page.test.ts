/** docs/receivers.md: its commands do what it says, at a broker on this machine. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { PostgresServer } from "../backend/postgres-server.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { ClientBroker } from "./mqtt-broker.js";
import { dormouse, startDormouse } from "./mqtt-command.js";
import { SealedDevice, secret } from "./sealed-device.js";

const page = readFileSync(join(root, "docs/receivers.md"), "utf8");
const lines = [...page.matchAll(/```sh\n(.*?)```/gs)]
  .flatMap(([, block]) => block!.replaceAll("\\\n", "").trim().split("\n"))
  .filter((line) => line.startsWith("npx dormouse "));

describe("docs/receivers.md", { skip: mosquittoMissing() ?? false, timeout: 120_000 }, () => {
  const broker = new ClientBroker();
  let postgres: PostgresServer;
  before(async () => {
    await broker.start();
    broker.file("devices.keyring", new SealedDevice().keyring());
    broker.file("dormouse-1.secret", `${secret}\n`);
    mkdirSync(join(broker.folder, "fleet"));
    broker.file("fleet/keyring.json", new SealedDevice().keyring());
    postgres = await PostgresServer.start();
  });
  after(async () => {
    await postgres.stop();
    await broker.stop();
  });

  /** The words of a line, for the listener here that it means. */
  function here(line: string): string[] {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)]
      .map(([, quoted, plain]) => quoted ?? plain!)
      .slice(2);
    const local = words.map((word) =>
      word
        .replace("broker.example", "localhost")
        .replace("mqtt://localhost", `mqtt://localhost:${broker.ports.open}`),
    );
    return local.includes("-h") ? [...local, "-p", `${broker.ports.tls}`] : local;
  }

  ok(lines.length >= 8);
  for (const line of lines)
    test(line, async () => {
      const words = here(line);
      const setting = { cwd: broker.folder, env: { REPLAY_URL: postgres.url } };
      if (words[0] === "keys") {
        const { code, stderr } = await dormouse(words, setting);
        deepEqual([code, stderr], [0, ""]);
        return;
      }
      const since = broker.logLength;
      const running = startDormouse(words, { ...setting, input: "" });
      await broker.logged("Sending SUBACK to ", since);
      if (words[0] === "bridge") await broker.logged("Sending CONNACK to ", since);
      running.process.kill("SIGTERM");
      const { code, stderr } = await running.ended;
      equal(code, 0, stderr);
      match(stderr, words[0] === "bridge" ? /^dormouse: 0 published\n$/ : /^$/);
    });
});
