/** Lives of the device in outbox-model.ts: many wakes, most of them cut short, by a seed. */
import type { DropPolicy } from "../../lib/cycle/spill.js";
import { type Ledger, type ModelSettings, OutboxModel } from "./outbox-model.js";

/** mulberry32: small, and the same everywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const policies: readonly DropPolicy[] = ["oldest", "newest", "thin"];

function settingsOf(random: (below: number) => number): ModelSettings {
  const small = random(2) === 0;
  return {
    spillEvery: small ? 1 + random(4) : 1 + random(16),
    flashBytes: [256, 512, 1024, 4096][random(4)]!,
    drop: policies[random(3)]!,
    rtcBytes: small ? 512 : 2048,
    padding: random(3) * 10,
  };
}

export interface Life {
  /** What the world will not accept. */
  readonly wrong: readonly string[];
  readonly settings: ModelSettings;
  readonly ledger: Ledger;
  readonly flashWrites: number;
}

export function live(seed: number, wakes: number): Life {
  const random = randomOf(seed);
  const settings = settingsOf(random);
  const model = new OutboxModel(settings);
  let outage = 0;
  for (let i = 0; i < wakes; i++) {
    if (outage > 0) outage--;
    else if (random(6) === 0) outage = random(40);
    if (random(3) === 0) model.cutAt = 1 + random(random(2) === 0 ? 6 : 30);
    model.tear = random(2) === 0;
    const whole = model.wake({
      up: outage === 0,
      quota: 1 + random(4),
      acks: random(3) === 0 ? random(4) : 1000,
      answers: random(8) === 0,
    });
    if (random(whole ? 30 : 5) === 0) model.loseRtc(random(2) * 255);
  }
  for (let i = 0; i < Math.min(40, wakes); i++) model.wake({ up: true, quota: 4, acks: 1000 });
  const { ledger, flashWrites } = model;
  return { wrong: ledger.close(), settings, ledger, flashWrites };
}
