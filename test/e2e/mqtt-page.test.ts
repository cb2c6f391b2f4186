/** The example of docs/mqtt.md, word for word, at a broker. */
import { deepEqual } from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Aedes } from "aedes";
import { root } from "../../host-sim/paths.js";
import type { SessionEvent } from "../../lib/mqtt/session-state.js";

test("docs/mqtt.md: the session in one's own code", { timeout: 20_000 }, async () => {
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "docs/mqtt.md"), "utf8"))!;
  const session = pathToFileURL(join(root, "build/js/lib/mqtt/session.js")).href;
  const folder = mkdtempSync(join(tmpdir(), "dormouse-mqtt-page-"));
  const file = join(folder, "example.mjs");
  // aedes speaks 3.1.1; what the example prints and where it writes are the test's.
  const code = example!
    .replace('"dormouse/mqtt/session"', JSON.stringify(session))
    .replace('clientId: "d1",', 'clientId: "d1", version: 4,');
  writeFileSync(
    file,
    `export const make = (socket, console) => {\n${code.replace(/^import .*$/m, "")}\nreturn feed; };\n`,
  );
  writeFileSync(file, `${/^import .*$/m.exec(code)![0]}\n${readFileSync(file, "utf8")}`);
  const { make } = (await import(pathToFileURL(file).href)) as {
    make(socket: object, console: object): (event: SessionEvent, nowMs: number) => void;
  };
  rmSync(folder, { recursive: true });

  const broker = await Aedes.createBroker();
  const server = createServer((socket) => void broker.handle(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const printed: string[] = [];
  const arrived = new Promise<void>((resolve) => {
    const feed = make(socket, {
      log: (...words: string[]) => {
        printed.push(words.join(" "));
        resolve();
      },
    });
    socket.on("connect", () => feed({ type: "start" }, performance.now()));
    socket.on("data", (bytes) => feed({ type: "received", bytes }, performance.now()));
  });
  await once(broker, "subscribe");
  broker.publish(
    { cmd: "publish", topic: "d1/command", payload: "on", qos: 1, retain: false, dup: false },
    () => {},
  );
  await arrived;
  deepEqual(printed, ["d1/command"]);
  socket.destroy();
  server.close();
  await new Promise<void>((resolve) => broker.close(() => resolve()));
});
