/** Faults that a run cannot do: found before anything is started. */
import { isIP } from "node:net";
import type { Profile } from "../../lib/store/profile.js";
import type { Fault } from "./fault.js";

export interface FaultWorld {
  readonly profile: Profile;
  /** The broker is not the run's own. */
  readonly external: boolean;
  readonly devices: number;
}

/** @returns why the run cannot do one of them, in one line; undefined when it can do all */
export function faultConflict(faults: readonly Fault[], world: FaultWorld): string | undefined {
  for (const fault of faults) {
    const why = neverStrikes(fault, world) ?? conflict(fault, world);
    if (why !== undefined) return `${fault.text}: ${why}`;
  }
  return undefined;
}

function neverStrikes({ when }: Fault, { profile }: FaultWorld): string | undefined {
  const isLate = "fromWake" in when && when.fromWake > 1;
  return profile.cycle.mode === "awake" && isLate
    ? "a board that stays awake wakes once: order it for wake 1, or for all"
    : undefined;
}

function conflict({ name, where }: Fault, { profile, external, devices }: FaultWorld): string | undefined {
  const { broker, commands, cycle } = profile;
  switch (name) {
    case "broker-restart":
    case "bad-certificate":
      if (external) return "this can be done to the embedded broker only";
      if (devices > 1) return "this would be done to the broker of all --devices";
      return name === "bad-certificate" && !broker.tls ? "the profile is without TLS" : undefined;
    case "dns-fail":
    case "dns-wrong":
      return isIP(broker.host) ? "the profile has the broker's address: no name is asked for" : undefined;
    case "tls-memory":
      return broker.tls ? undefined : "the profile is without TLS";
    case "gpio":
      return cycle.wakeOn ? undefined : "the profile has no cycle.wakeOn";
    default:
      if (!where || !("phase" in where)) return undefined;
      if (where.phase === "secure" && !broker.tls) return "the profile is without TLS";
      return where.phase === "commands" && !commands ? "the profile is without commands" : undefined;
  }
}
