/** The wake cycle's machine, as the work of a phase sees it. */
import type { Phase } from "dormouse/cycle/wake-cycle";
import type { Failure } from "dormouse/failure";

export interface Cycle {
  /** The phase that runs: what is said of another is not heard. */
  readonly phase: Phase;
  /** None runs: the board waits for its next reading, connected perhaps. */
  readonly idle: boolean;
  /** The phase has done its work; `skipped` when there was nothing to do. */
  done(phase: Phase, skipped?: boolean): void;
  /** What is queued waits for another wake. */
  held(): void;
  /** Ends a phase well, or with the failure that is given. */
  settle(phase: Phase, reason: Failure | undefined): void;
  /** What came to nothing, or ended before its time, may fare better from this earlier phase on. */
  again(from: Phase): void;
  /** While idle: the broker has sent something. */
  message(): void;
  /** While idle: the connection is gone, or to be given up. */
  lost(): void;
  /** In a job of its own: what a phase does would not fit the rest of a small board's stack. */
  later(work: () => void): void;
}
