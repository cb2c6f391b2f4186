/** What somebody does to a simulated board, and the words that are typed for it. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { boardManifest } from "../../host-sim/board.js";
import { readControls } from "../../host-sim/controls.js";
import type { Device } from "../../host-sim/device.js";
import { Hands } from "../../host-sim/hands.js";

/** In whose place a list is written. */
function recorded(): { readonly hands: Hands; readonly done: string[] } {
  const done: string[] = [];
  const device = {
    off: () => done.push("off"),
    line: (fault: string) => done.push(fault),
    pin: (...order: unknown[]) => done.push(order.join(" ")),
  } as unknown as Device;
  const hands = new Hands(boardManifest("esp32c3"));
  hands.take(device, ["single"]);
  return { hands, done };
}

test("the button is pressed after the reset, for longer than 5 s, in the next boot and no other", () => {
  const { hands, done } = recorded();
  hands.boots();
  hands.hold();
  hands.boots();
  hands.boots();
  assert.deepEqual(done, ["single", "off", "9 low 1000", "9 free 6500"]);
});

test("a board without a button is not even reset by holding it", () => {
  const hands = new Hands({ ...boardManifest("esp32"), config: {} });
  assert.equal(hands.hasButton, false);
});

test("a reset wakes a board that sleeps, and the end of the run does too", async () => {
  const { hands } = recorded();
  const end = new AbortController();
  assert.equal(await hands.sleep(5), false);
  setImmediate(() => hands.reset());
  assert.equal(await hands.sleep(undefined), true);
  setImmediate(() => end.abort());
  assert.equal(await hands.sleep(undefined, end.signal), false);
});

test("each word does what it says, and what is none is said to be none", async () => {
  const { hands, done } = recorded();
  const notes: string[] = [];
  const input = new PassThrough();
  const quit = () => done.push("quit");
  const controls = readControls(input, hands, { quit, note: (text) => notes.push(text) });
  input.write("unplug\n plug \n\nreset\ntoString\nquit\n");
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
  assert.deepEqual(done, ["single", "unplug", "plug", "off", "quit"]);
  assert.match(notes.join(), /^"toString"\? Type one of: reset/);
  controls.close();
  assert.ok(input.destroyed);
});
