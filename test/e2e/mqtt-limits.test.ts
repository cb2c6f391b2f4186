/** Limits too large for a board's memory, so not among the tests that run in XS. */
import { doesNotThrow, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { createSession, step } from "../../lib/mqtt/session.js";
import type { SessionEffect } from "../../lib/mqtt/session-state.js";
import { textBytes } from "../../lib/mqtt/wire/text.js";

const most = 65535;

test("65,535 bytes are the most that a string, a topic or a password may have", () => {
  equal(textBytes("a".repeat(most), "topic"), most);
  equal(textBytes("€".repeat(most / 3), "topic"), most);
  for (const text of ["a".repeat(most + 1), `${"€".repeat(most / 3)}a`])
    throws(() => textBytes(text, "topic"), { name: "RangeError", message: /65535/ });
  const make = (options: object) => () => createSession({ clientId: "d1", userName: "u", ...options });
  doesNotThrow(make({ clientId: "a".repeat(most), password: new Uint8Array(most) }));
  throws(make({ clientId: "a".repeat(most + 1) }), { name: "RangeError", message: /client id/ });
  throws(make({ password: new Uint8Array(most + 1) }), { name: "RangeError", message: /password/ });
});

test("a topic of 65,535 bytes and a payload that takes three length bytes go out whole", () => {
  let { state } = step(createSession({ clientId: "d1", version: 4 }), { type: "start" }, 0);
  ({ state } = step(state, { type: "received", bytes: new Uint8Array([0x20, 2, 0, 0]) }, 0));
  const message = { topic: "a".repeat(most), payload: new Uint8Array(100_000), qos: 0 } as const;
  const { effects } = step(state, { type: "publish", message, token: 1 }, 0);
  const [send] = effects as [Extract<SessionEffect, { type: "send" }>];
  const length = 2 + most + 100_000;
  equal(send.bytes.length, 4 + length);
  equal((send.bytes[1]! & 0x7f) + (send.bytes[2]! & 0x7f) * 128 + send.bytes[3]! * 16384, length);
});
