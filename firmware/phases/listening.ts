/**
 * The phase `commands`: what the broker had for the device while it slept. It is over when a round to the broker and back
 * has brought nothing, and every answer is acknowledged.
 */
import type { Failure } from "dormouse/failure";
import type { ReceivedMessage } from "dormouse/mqtt/session-state";
import type { CommandSettings } from "dormouse/store/protection";
import type { Bench } from "../carry-out/built-in.js";
import { Commands } from "../commands.js";
import type { Link } from "../link.js";

export class Listening {
  private readonly settings: CommandSettings;
  private readonly bench: Bench;
  /** Once a message has come. */
  private commands: Commands | undefined;
  /** Whether the broker has been asked for what it has, and what it has said since: nothing more, at last. */
  private fence: "none" | "asked" | "heard" | "quiet" = "none";

  /** For one link: what an earlier one has brought comes again. */
  constructor(settings: CommandSettings, bench: Bench) {
    this.settings = settings;
    this.bench = bench;
  }

  /** The phase begins, on a board that stays connected once more: what counts by the wake counts anew. */
  begin(): void {
    this.fence = "none";
    if (!this.busy) this.commands = undefined;
  }

  /** What the report of the phase says. */
  get told(): string | undefined {
    return this.commands?.told;
  }

  /** Takes in a message. @returns false when it is to stay at the broker, as are all that come after it */
  take(message: ReceivedMessage): boolean {
    this.commands ??= new Commands(this.settings, this.bench);
    if (this.fence !== "none") this.fence = this.fence === "quiet" ? "none" : "heard";
    return this.commands.take(message);
  }

  /** The broker's answer to the question whether it has more. */
  pong(): void {
    this.fence = this.fence === "asked" ? "quiet" : "none";
  }

  /**
   * Does one step with a message that waits, and lets the broker forget those that are done with.
   * @returns whether there is another step, which wants a job of its own; `undefined` when no message has come
   */
  step(link: Link): boolean | undefined {
    const { commands } = this;
    if (!commands) return undefined;
    if (commands.ready) commands.handle();
    for (let id = commands.release(); id !== undefined; id = commands.release()) link.acknowledge(id);
    return commands.ready;
  }

  /** Messages wait that are not done with. */
  get busy(): boolean {
    return this.commands?.busy ?? false;
  }

  /** The broker has to keep what it has. */
  get full(): boolean {
    return this.commands?.full ?? false;
  }

  /** The broker has no more commands, or has to keep them. */
  get over(): boolean {
    return this.fence === "quiet" || this.full;
  }

  /** The board is to be restarted at the end of the wake. */
  get restarts(): boolean {
    return this.commands?.restarts ?? false;
  }

  get trouble(): Failure | undefined {
    return this.commands?.trouble;
  }

  /** Asks the broker whether it has more, unless that is asked already. */
  ask(link: Link): void {
    if (this.fence !== "none") return;
    this.fence = "asked";
    link.ping();
    link.flush();
  }
}
