/** Random damage to a broker's packets, far beyond one bit: whatever comes, the session ends by its rules. */
import { equal, fail, ok } from "node:assert/strict";
import { test } from "node:test";
import { createSession, nextWakeAt, step } from "../../lib/mqtt/session.js";
import type { SessionEvent, SessionState } from "../../lib/mqtt/session-state.js";
import { runs, seed } from "../campaign.js";

const samples = [
  "20020000",
  "2003000000",
  "201700001411000000012100032401250027000000801300c8",
  "200f00870c1f0002c3a426000161000162",
  "40020001",
  "4009000187051f00026e6f",
  "d000",
  "e0078e051f00026e6f",
  "3109000161000161620000",
  "9003000100",
].map((text) => Buffer.from(text, "hex"));

const failures = new Set(["broker-refused", "protocol-error", "connection-lost"]);

test(`mutated packets of a broker never get past the session's rules (seed ${seed})`, () => {
  let random = seed >>> 0;
  const below = (limit: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

  /** One to four samples in a row, with some bytes changed, removed, doubled or inserted, and some lengths mended. */
  const mutated = (): Buffer => {
    const packets = Array.from({ length: 1 + below(4) }, () => {
      const bytes = [...pick(samples)];
      for (let edits = below(4); edits > 0; edits--) {
        const at = below(bytes.length);
        const change = below(4);
        if (change === 0) bytes[at] = below(256);
        if (change === 1) bytes.splice(at, 1 + below(3));
        if (change === 2) bytes.splice(at, 0, below(256));
        if (change === 3) bytes.splice(at, 0, ...bytes.slice(at, at + below(6)));
      }
      if (below(2) && bytes.length >= 2) bytes[1] = bytes.length - 2;
      return Buffer.from(bytes);
    });
    return Buffer.concat(packets);
  };

  const ends = new Map<string, number>();
  for (let run = 0; run < runs(1_000_000); run++) {
    const version = pick([4, 5] as const);
    let state: SessionState = createSession({
      clientId: "d1",
      version,
      cleanStart: false,
      maxPacketBytes: 256,
    });
    let closed = 0;
    const sent: string[] = [];
    const go = (event: SessionEvent) => {
      const result = step(state, event, 0);
      ({ state } = result);
      for (const effect of result.effects) {
        equal(closed, 0, "an effect after closed");
        if (effect.type === "closed") closed++;
        if (effect.type === "send") sent.push(Buffer.from(effect.bytes).toString("hex"));
        if (effect.type === "failed") ok(failures.has(effect.failure.kind), effect.failure.kind);
        if (effect.type === "failed")
          ok(/^[\x20-\x7e]{1,400}$/.test(effect.failure.detail), effect.failure.detail);
      }
    };
    const input: Buffer[] = [];
    try {
      go({ type: "start" });
      if (below(3)) input.push(version === 4 ? samples[0]! : samples[1]!);
      input.push(mutated());
      for (const [i, bytes] of input.entries()) {
        for (let at = 0; at < bytes.length; ) {
          const length = below(4) ? bytes.length : 1 + below(8);
          go({ type: "received", bytes: bytes.subarray(at, at + length) });
          at += length;
        }
        if (i === 0 && state.at === "connected")
          for (let token = 0; token < 2; token++)
            go({ type: "publish", message: { topic: "a", payload: input[0]!, qos: 1 }, token });
      }
      ok(state.at === "ended" || nextWakeAt(state) !== undefined, "a state that waits for ever");
      if ("framing" in state && state.framing.at === "body") ok(state.framing.packet.length <= 256);
      const outcome = state.at === "ended" ? (state.failure?.kind ?? "?") : state.at;
      ends.set(outcome, (ends.get(outcome) ?? 0) + 1);
      go({ type: "transport-closed" });
      equal(closed, 1);
    } catch (error) {
      const bytes = input.map((one) => one.toString("hex")).join(" ");
      fail(`MQTT ${version}, input ${bytes}: ${(error as Error).stack}`);
    }
  }
  // The campaign reaches every end, or it would prove little.
  for (const outcome of ["connecting", "connected", "protocol-error", "broker-refused"])
    ok((ends.get(outcome) ?? 0) > 0, `no run ended as ${outcome}`);
});
