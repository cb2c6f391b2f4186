import assert from "node:assert/strict";
import { on } from "node:events";
import { after, test } from "node:test";
import { encodeFrame } from "../../../lib/provisioning/frames.js";
import { FakeBoard } from "./fake-board.js";
import { Scene, type Started } from "./scene.js";

const scene = new Scene();
const board = new FakeBoard("logging");
after(async () => {
  await board.unplug();
  scene.remove();
});

/** Has the board say `text` until the command shows `line`: what comes before the port is open is lost. */
async function shown({ child }: Started, text: string | Uint8Array, line: string): Promise<void> {
  const saying = setInterval(() => board.log(text), 50);
  let all = "";
  for await (const [more] of on(child.stdout!, "data")) {
    all += more;
    if (all.includes(line)) break;
  }
  clearInterval(saying);
}

test("log lines are shown and steer no terminal, frames are not; Ctrl-C ends it with 0", async () => {
  await board.plug();
  const monitor = scene.start(["monitor", "-p", board.port]);
  const frame = encodeFrame(0x81, 7, new Uint8Array(40).fill(0x41));
  await shown(monitor, Buffer.concat([Buffer.from("one \x1b[2J\r\n"), frame, Buffer.from("two\n")]), "two");
  monitor.child.kill("SIGINT");
  const ran = await monitor.ran;
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  assert.deepEqual([...new Set(ran.stdout.trim().split("\n"))].sort(), ["one \\x1b[2J", "two"]);
});

test("it waits for a board, and says when that is unplugged, with 1", async () => {
  await board.unplug();
  const monitor = scene.start(["monitor", "-p", board.port, "--wait", "20s", "--json"]);
  await board.plug();
  await shown(monitor, "three\n", "three");
  await board.unplug();
  const ran = await monitor.ran;
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /^dormouse: sim:logging-\d+ was unplugged, or its simulated device ended\n$/);
  assert.equal(JSON.parse(ran.stdout.split("\n")[0]!).line, "three");
});
