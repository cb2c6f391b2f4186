/** From the profile to the cycle's plan: deadlines the profile does not name are these. */
import { type CyclePlan, type Phase, phases } from "dormouse/cycle/wake-cycle";
import type { Profile } from "dormouse/store/profile";

const deadlineSeconds: Readonly<Record<Phase, number>> = {
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
};

export function cyclePlan({ cycle, broker }: Profile): CyclePlan {
  const deadlineMs = {} as Record<Phase, number>;
  for (const phase of phases)
    deadlineMs[phase] = 1000 * (cycle.deadlineSeconds?.[phase] ?? deadlineSeconds[phase]);
  // A ticket is waited for before the connection is closed.
  if (broker.tls && broker.tls.resumption !== false)
    deadlineMs.close += 1000 * broker.tls.resumption.ticketWaitSeconds;
  return {
    intervalMs: 1000 * cycle.intervalSeconds,
    wakeBudgetMs: 1000 * cycle.wakeBudgetSeconds,
    deadlineMs,
  };
}
