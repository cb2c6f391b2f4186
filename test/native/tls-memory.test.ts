/** What a TLS connection takes of the heap stays within bench/budgets.json, and the budgets within what was promised. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { handshakeBudget } from "../../bench/budgets.js";
import { type HandshakeMemory, handshakeMemory } from "../../bench/tls.js";
import { engineBits } from "../../host-sim/engine-file.js";
import { handshakeNames } from "./handshakes.js";

let bits: "32" | "64";
let measured: readonly HandshakeMemory[];

before(async () => {
  bits = await engineBits();
  measured = await handshakeMemory();
});

for (const name of handshakeNames)
  test(`${name}: the heap of one connection is within its budget`, () => {
    const { peakBytes, openBytes } = measured.find((one) => one.name === name)!;
    const most = handshakeBudget(name, bits);
    // a figure far below the budget is one that was not measured
    assert.ok(peakBytes > most * 0.75, `${peakBytes} bytes, budget ${most}: lower the budget`);
    assert.ok(peakBytes <= most, `${peakBytes} bytes, budget ${most}`);
    assert.ok(openBytes > 8000 && openBytes < peakBytes, `${openBytes} bytes once open`);
  });

test("the budgets keep what the project promises of a board with records of 4096 and 2048 bytes", () => {
  const promised = { "1.3 ECDSA": 22_528, "1.3 resumed": 19_456, "1.3 PSK": 17_408 };
  for (const [name, most] of Object.entries(promised)) assert.ok(handshakeBudget(name, "32") <= most, name);
});

test("a saved session fits RTC memory: resumption costs an ESP32 a tenth of it, or a quarter with a certificate", () => {
  for (const { name, savedBytes } of measured) {
    if (name === "1.3 PSK") assert.equal(savedBytes, 0);
    else
      assert.ok(
        savedBytes > 200 && savedBytes <= (name.includes("client") ? 1024 : 410),
        `${name}: ${savedBytes}`,
      );
  }
});
