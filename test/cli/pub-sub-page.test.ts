/** docs/mqtt-client.md: its commands do what it says, at a broker on this machine. */
import { equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { root } from "../../host-sim/paths.js";
import { mosquittoMissing } from "../e2e/mqtt-mosquitto.js";
import { pinOf, strangePins } from "../native/pki.js";
import { ClientBroker, user } from "./mqtt-broker.js";
import { dormouse } from "./mqtt-command.js";

const page = readFileSync(join(root, "docs/mqtt-client.md"), "utf8");
const lines = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.trim().split("\n"));

describe("docs/mqtt-client.md", { skip: mosquittoMissing() ?? false, timeout: 60_000 }, () => {
  const broker = new ClientBroker();
  before(async () => {
    await broker.start();
    broker.file("password", `${user.password}\n`);
  });
  after(() => broker.stop());

  /** The words of a line, for the listener here that it means. */
  function here(line: string): string[] {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const pins = [pinOf(broker.server), strangePins[0]!];
    const port = broker.ports[line.includes("-P ") ? "tlsPassword" : line.includes("wss:") ? "wss" : "tls"];
    const local = words
      .slice(2) // npx dormouse
      .filter((word, i, all) => word !== "-p" && all[i - 1] !== "-p")
      .map((word) =>
        word.replace(
          /broker\.example(:8883)?/,
          word.includes("://") || word.includes(":8883") ? `localhost:${port}` : "localhost",
        ),
      )
      .map((word) => (word === "sha256/…" ? pins.pop()! : word));
    if (local.includes("-h")) local.push("-p", `${port}`);
    // They would wait for messages.
    if (local[0] === "sub") local.push("-E");
    return local;
  }

  for (const line of lines)
    test(line, async () => {
      const { code, stderr } = await dormouse(here(line), { cwd: broker.folder });
      equal(stderr, "");
      equal(code, 0);
    });

  test("it has commands, and the trace it shows is what -d prints", async () => {
    ok(lines.length >= 6);
    const shown = /```\n(connecting to.*?)```/s.exec(page)![1]!;
    const id = /client id "([^"]+)"/.exec(shown)![1]!;
    const words = [
      "pub",
      "-p",
      `${broker.ports.open}`,
      "-i",
      id,
      "-t",
      "hello",
      "-m",
      "world",
      "-q",
      "1",
      "-d",
    ];
    const { stderr } = await dormouse(words);
    const plain = stderr.replaceAll(`${broker.ports.open}`, "1883");
    equal(plain.replace(/ ?, no matching subscribers \(16\)/, ""), shown);
    match(stderr, /PUBACK 1/);
  });
});
