/**
 * The button by which a person who is there unlocks the board: pressed after boot (a level that was low at boot starts
 * the ROM's loader on a real board, and may be a short circuit), and held. It costs little while nobody presses it: it
 * stands beside the first wake.
 */
import Digital from "embedded:io/digital";
import { countsFrom, holdMs } from "dormouse/provisioning/window";
import Time from "time";
import Timer from "timer";

export class Button {
  private readonly input: Digital;
  private readonly held: () => void;
  private timer: Timer | undefined;
  /** As it was last: the driver may tell of a change when there was none. */
  private up: boolean;

  /** @param held called once, when it was held long enough within the window */
  constructor(pin: number, held: () => void) {
    this.held = held;
    this.input = new Digital({
      pin,
      mode: Digital.InputPullUp,
      edge: Digital.Rising | Digital.Falling,
      onReadable: () => this.changed(),
    });
    this.up = this.isUp;
  }

  close(): void {
    this.release();
    this.input.close();
  }

  private get isUp(): boolean {
    return this.input.read() === 1;
  }

  private changed(): void {
    const wasUp = this.up;
    this.up = this.isUp;
    if (this.up) this.release();
    else if (wasUp && countsFrom(Time.ticks)) this.timer = Timer.set(() => this.look(), holdMs);
  }

  private look(): void {
    this.timer = undefined;
    if (!this.isUp) this.held();
  }

  private release(): void {
    if (this.timer) Timer.clear(this.timer);
    this.timer = undefined;
  }
}
