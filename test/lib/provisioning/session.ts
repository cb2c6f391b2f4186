/** A host's whole session over a line that may be cut: as short as it can be, and of other code than the real one. */
import type { Crypto } from "../../../lib/crypto/crypto.js";
import { checkStaged } from "../../../lib/provisioning/commit-checks.js";
import { Demultiplexer } from "../../../lib/provisioning/demultiplexer.js";
import {
  type Answer,
  decodeAnswer,
  encodeRequest,
  type Request,
} from "../../../lib/provisioning/messages.js";
import { readReservation } from "../../../lib/store/device-record.js";
import { equal, ok } from "../../device/harness.js";
import { type Ask, Bench, granted, type Plan, stage } from "./bench.js";
import { MemoryStore } from "./memory-store.js";

class Unplugged extends Error {}

/** So many bytes pass either way, then none. */
export interface Line {
  down: number;
  up: number;
}

export const whole = (): Line => ({ down: Number.POSITIVE_INFINITY, up: Number.POSITIVE_INFINITY });

/** @throws {Unplugged} when the line, or the board's power, has gone before the answer was whole */
/** Not deeper than on a board, whose stack is small: neither here nor in session(). */
function asker(bench: Bench, line: Line): Ask {
  const port = new Demultiplexer();
  // Each session begins with a number of its own.
  let sequence = bench.sequence;
  bench.sequence += 64;
  return (request: Request): Answer => {
    const frame = encodeRequest(request, sequence++ & 255);
    const passed = frame.subarray(0, Math.max(0, line.down));
    line.down -= frame.length;
    const effects = bench.machine.handle({ type: "bytes", bytes: passed }, bench.nowMs);
    if (bench.store.dead) throw new Unplugged();
    for (const effect of effects) {
      if (effect.type !== "send") continue;
      const heard = effect.bytes.subarray(0, Math.max(0, line.up));
      line.up -= effect.bytes.length;
      bench.nowMs = Math.max(bench.nowMs, effect.notBeforeMs);
      for (const event of port.receive(heard, bench.nowMs))
        if (event.kind === "frame") {
          const answer = decodeAnswer(event.frame);
          ok(answer && event.frame.sequence === ((sequence - 1) & 255), "an answer to this request");
          return answer;
        }
    }
    throw new Unplugged();
  };
}

/** Provisions the board, or finds that it is. @returns whether the session came to its end */
export function session(bench: Bench, plan: Plan, line = whole()): boolean {
  const ask = asker(bench, line);
  try {
    const { info } = granted(ask({ kind: "hello" }), "hello");
    let { device } = info;
    if (info.state !== "locked") {
      stage(ask, plan);
      device = granted(ask({ kind: "commit", epoch: plan.epoch }), "commit").device;
    }
    equal([device?.id, device?.epoch], [plan.profile.device.id, plan.epoch]);
    granted(ask({ kind: "prove", key: "secret", nonce: new Uint8Array(16) }), "prove");
    granted(ask({ kind: "restart" }), "restart");
    return true;
  } catch (error) {
    if (error instanceof Unplugged) return false;
    throw error;
  }
}

/** What the firmware finds at its next boot. @throws when it is anything between the two */
export function stateOf(crypto: Crypto, store: MemoryStore): "complete" | "unprovisioned" {
  if (readReservation(store.readBytes("record")) === undefined) return "unprovisioned";
  const checked = checkStaged({ crypto, store, p256: true });
  if ("kind" in checked) throw new Error(`half provisioned: ${checked.detail}`);
  return "complete";
}

/** What happens to the board when its line is cut. */
export const endings = ["line", "power"] as const;

/**
 * A session is cut, and then there is another, on a whole line.
 * @returns what the board was in between
 */
export function cutSession(
  crypto: Crypto,
  plan: Plan,
  line: Line,
  ending: (typeof endings)[number],
  changes = Number.POSITIVE_INFINITY,
): "complete" | "unprovisioned" {
  const bench = new Bench(crypto, {}, new MemoryStore());
  bench.store.changesLeft = changes;
  session(bench, plan, line);
  const between = stateOf(crypto, bench.store);
  bench.store.changesLeft = Number.POSITIVE_INFINITY;
  bench.nowMs += 1000;
  if (ending === "power") bench.reboot();
  ok(session(bench, plan), "the second session comes to its end");
  equal(stateOf(crypto, bench.store), "complete");
  return between;
}

/** How many bytes and changes of flash a whole session has. */
export function sizeOf(crypto: Crypto, plan: Plan) {
  const bench = new Bench(crypto);
  const line = { down: 1e9, up: 1e9 };
  ok(session(bench, plan, line), "a whole session");
  return { down: 1e9 - line.down, up: 1e9 - line.up, changes: bench.store.log.length };
}
