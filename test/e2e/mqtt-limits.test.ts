/** Limits too large for a board's memory, so not among the tests that run in XS. */
import { deepEqual, doesNotThrow, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { decodeKept, encodeKept } from "../../lib/mqtt/kept-session.js";
import { createSession, keep, sendQuota, step } from "../../lib/mqtt/session.js";
import type { SessionEffect, SessionEvent } from "../../lib/mqtt/session-state.js";
import { textBytes } from "../../lib/mqtt/wire/text.js";

const most = 65535;

test("65,535 bytes are the most that a string, a topic or a password may have", () => {
  equal(textBytes("a".repeat(most), "topic"), most);
  equal(textBytes("€".repeat(most / 3), "topic"), most);
  for (const text of ["a".repeat(most + 1), `${"€".repeat(most / 3)}a`])
    throws(() => textBytes(text, "topic"), { name: "RangeError", message: /65535/ });
  const make = (options: object) => () =>
    createSession({ clientId: "d1", userName: "u", encrypted: true, ...options });
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

test("255 messages each way are the most that are unfinished, and all of them are kept", () => {
  const client = { version: 4, clientId: "d1", cleanStart: false, maxInFlight: 255 } as const;
  let state = createSession(client);
  const go = (event: SessionEvent) => {
    const { effects, ...rest } = step(state, event, 0);
    ({ state } = rest);
    return effects.at(-1);
  };
  const receive = (...bytes: number[]) => go({ type: "received", bytes: new Uint8Array(bytes) });
  go({ type: "start" });
  receive(0x20, 2, 0, 0);
  const publish = (token: number) =>
    go({ type: "publish", message: { topic: "a", payload: new Uint8Array(0), qos: 2 }, token });
  for (let token = 1; token <= 255; token++) publish(token);
  equal(sendQuota(state), 0);
  throws(() => publish(256), { name: "RangeError", message: /quota/ });
  for (let packetId = 1; packetId <= 255; packetId++)
    equal(receive(0x34, 5, 0, 1, 0x61, packetId >> 8, packetId & 0xff)?.type, "send");
  const kept = keep(state)!;
  const bytes = encodeKept(kept, client);
  equal(bytes.length, 28 + 255 * 9 + 255 * 2);
  deepEqual(decodeKept(bytes, client), kept);
  // One more than a 3.1.1 broker, which cannot be told, may have unfinished.
  receive(0x34, 5, 0, 1, 0x61, 1, 0);
  equal(state.at === "ended" && state.failure?.code, 147);
});
