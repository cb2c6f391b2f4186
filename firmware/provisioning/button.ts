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
  /** It has been up since boot: from then on it can be pressed. */
  private wasUp: boolean;

  /** @param held called once, when it was held long enough within the window */
  constructor(pin: number, held: () => void) {
    this.held = held;
    this.input = new Digital({
      pin,
      mode: Digital.InputPullUp,
      edge: Digital.Rising | Digital.Falling,
      onReadable: () => this.changed(),
    });
    this.wasUp = this.isUp;
  }

  close(): void {
    this.release();
    this.input.close();
  }

  private get isUp(): boolean {
    return this.input.read() === 1;
  }

  private changed(): void {
    const pressed = !this.isUp;
    this.release();
    if (pressed && this.wasUp && countsFrom(Time.ticks)) this.timer = Timer.set(() => this.look(), holdMs);
    if (!pressed) this.wasUp = true;
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
