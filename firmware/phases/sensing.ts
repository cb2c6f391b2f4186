/** The phases before the radio: what app.ts measures, and that it is in the outbox. */
import { type Failure, failure } from "dormouse/failure";
import { encodeReading } from "dormouse/senml/measurement";
import type { Profile } from "dormouse/store/profile";
import { sense } from "../app.js";
import { readClock } from "../clock.js";
import { resetState, settingsState } from "../device-state.js";
import type { Memory } from "../memory.js";
import { describeError } from "../report.js";
import { settingsAreTold } from "../settings.js";
import type { Cycle } from "./cycle.js";

export class Sensing {
  private readonly profile: Profile;
  private readonly memory: Memory;
  private readonly cycle: Cycle;
  /** What was measured, until it is queued. */
  private content: Uint8Array | undefined;

  constructor(profile: Profile, memory: Memory, cycle: Cycle) {
    this.profile = profile;
    this.memory = memory;
    this.cycle = cycle;
  }

  sense(): void {
    this.cycle.settle("sense", this.measure());
  }

  private measure(): Failure | undefined {
    try {
      const measurements = [...sense(), ...resetState(this.profile), ...settingsState()];
      if (measurements.length > 0) this.content = encodeReading({ timeMs: readClock(), measurements });
      return undefined;
    } catch (error) {
      return failure("sensor-failed", describeError(error));
    }
  }

  queue(): void {
    const { content } = this;
    if (!content) return this.cycle.done("queue", true);
    this.content = undefined;
    const reason = this.memory.queue(content);
    if (!reason) settingsAreTold();
    this.cycle.settle("queue", reason);
  }
}
