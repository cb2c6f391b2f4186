/** `embedded:io/digital` on pins that the world drives; and what a board's Wi-Fi interface tells without joining. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { engineFile } from "../../../host-sim/engine-file.js";
import { Board } from "./board.js";

const wrong = [
  "same pin in use",
  "no pin invalid",
  "mode invalid mode",
  "edge invalid edges",
  "write can't write input",
  "read can't read output",
];

for (const variant of ["release", "sanitize"] as const)
  test(`a button's changes come at their times, in the boot they were ordered for (${variant})`, async () => {
    const board = new Board(await engineFile(variant), "pins-and-scan");
    const found = [
      { SSID: "burrow", BSSID: "02:00:5e:00:53:01", channel: 6, RSSI: -50, security: "wpa2_psk" },
    ];
    board.onAsk = (kind, _, id) =>
      kind === "scan" ? `answer ${id} 1500 ${JSON.stringify(found)}` : undefined;
    for (const order of ["pin 9 low 3000", "pin 9 high 8000", "pin 4 high 5000", "pin 4 low 6000"])
      board.send(order);
    for (let n = 0; n < 4; n++) board.send("pin 9 low 60000");
    const first = await board.boot();
    assert.deepEqual(first.traces, [
      "at boot 1",
      "active low 1",
      ...wrong,
      "02:00:5e:1c:9d:c5",
      "again already scanning",
      "burrow -50 wpa2_psk",
      "scanned",
      "0 at 30",
      "pin 4",
      "1 at 80",
      "closed closed",
    ]);
    board.send("pin 9 low");
    // Those that did not come to pass are forgotten: there is room again.
    for (let n = 0; n < 8; n++) board.send("pin 4 high 60000");
    const second = await board.boot("deep-sleep");
    assert.deepEqual([second.traces[0], second.traces.at(-2)], ["at boot 0", "scanned"]);
    assert.equal(await board.stop(), 0, board.stderr);
  });
