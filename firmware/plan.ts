/**
 * From the profile to the plans of lib/cycle: deadlines the profile does not name are these. It reads the profile each time,
 * because what it would keep costs a small board more.
 */
import type { SendPlan } from "dormouse/cycle/sending";
import type { CyclePlan, Phase } from "dormouse/cycle/wake-cycle";
import type { WakePin } from "dormouse/native/power";
import type { Profile } from "dormouse/store/profile";
import { isSmall } from "./board.js";

const deadlineSeconds: Readonly<Record<Phase, number>> = Object.freeze({
  sense: 5,
  queue: 1,
  join: 10,
  clock: 5,
  resolve: 4,
  connect: 5,
  secure: 10,
  session: 5,
  drain: 10,
  commands: 5,
  close: 1,
  persist: 1,
});

/** What a lost connection costs a board with mains power at first. */
const awakeBaseMs = 2000;

export class Plan implements CyclePlan, SendPlan {
  private readonly profile: Profile;

  constructor(profile: Profile) {
    this.profile = profile;
  }

  get staysAwake(): boolean {
    return this.profile.cycle.mode === "awake";
  }

  get intervalMs(): number {
    return 1000 * this.profile.cycle.intervalSeconds;
  }

  /** An ESP8266 has no such pin. */
  get wakeOn(): WakePin | undefined {
    return isSmall() ? undefined : this.profile.cycle.wakeOn;
  }

  get wakeBudgetMs(): number {
    return 1000 * this.profile.cycle.wakeBudgetSeconds;
  }

  deadlineMs(phase: Phase): number {
    const { cycle, broker } = this.profile;
    const ms = 1000 * (cycle.deadlineSeconds?.[phase] ?? deadlineSeconds[phase]);
    // A ticket is waited for before the connection is closed.
    const waits = phase === "close" && broker.tls && broker.tls.resumption !== false && broker.tls.resumption;
    return waits ? ms + 1000 * waits.ticketWaitSeconds : ms;
  }

  get sendEvery(): number {
    return this.profile.cycle.sendEvery;
  }

  get firstIsFree(): boolean {
    return !this.staysAwake;
  }

  get baseMs(): number {
    return this.staysAwake ? awakeBaseMs : this.intervalMs;
  }

  get maxMs(): number {
    return 1000 * this.profile.cycle.backoffMaxSeconds;
  }
}
